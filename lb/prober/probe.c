/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Two timers and at most one socket a probe. An attempt lives from its timer to its answer or to
 * the next attempt; the deadline runs from the first attempt that has no answer. The socket is
 * closed with a reset, so that thousands of probes leave no TIME_WAIT behind. */

#include "lb/prober/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/str.h"

#define JITTER_SHARE 10 /* a tenth of the interval, either way */

struct Prober {
        sd_event *event;
        uint64_t seed;
        ProbeChanged changed;
        void *userdata;
};

struct Probe {
        Prober *prober;
        ProbeTarget target;
        char *request; /* NULL: TCP */
        size_t request_sent;
        void *userdata;
        sd_event_source *timer;
        sd_event_source *deadline;
        sd_event_source *io;
        int fd;
        uint64_t eager_ns; /* pause until the next attempt while it is less than the interval; or 0
                            */
        bool good;
        char why[PROBE_WHY_MAX];
        char answer[PROBE_ANSWER_MAX + 1];
        size_t answer_length;
};

int prober_new(sd_event *event, uint64_t seed, ProbeChanged changed, void *userdata,
               Prober **ret_prober)
{
        Prober *prober = calloc(1, sizeof(*prober));

        if (!prober)
                return -ENOMEM;
        *prober = (Prober) {sd_event_ref(event), seed, changed, userdata};
        *ret_prober = prober;
        return 0;
}

void prober_free(Prober *prober)
{
        if (!prober)
                return;
        sd_event_unref(prober->event);
        free(prober);
}

static void attempt_end(Probe *probe)
{
        probe->io = sd_event_source_disable_unref(probe->io);
        probe->fd = fd_close(probe->fd);
        probe->request_sent = 0;
        probe->answer_length = 0;
}

/* Last thing that a handler does: the callback may free the probe. */
static void verdict(Probe *probe, bool good, const char *why)
{
        bool same = probe->good == good && strcmp(probe->why, why) == 0;

        attempt_end(probe);
        sd_event_source_set_enabled(probe->deadline, SD_EVENT_OFF);
        if (same)
                return;
        probe->good = good;
        snprintf(probe->why, sizeof(probe->why), "%s", why);
        if (good)
                probe->eager_ns = 0;
        probe->prober->changed(probe, probe->prober->userdata);
}

static void judge_answer(Probe *probe, bool ended)
{
        unsigned minor, status;
        char why[PROBE_WHY_MAX];

        probe->answer[probe->answer_length] = '\0';
        if (sscanf(probe->answer, "HTTP/1.%1u %3u", &minor, &status) != 2 ||
            probe->answer_length < strlen("HTTP/1.1 200")) {
                if (ended || probe->answer_length >= strlen("HTTP/1.1 200"))
                        verdict(probe, false, "not an HTTP answer");
                return;
        }
        if (status == 200)
                return verdict(probe, true, "");
        snprintf(why, sizeof(why), "status %u", status);
        verdict(probe, false, why);
}

static void receive(Probe *probe)
{
        ssize_t n = recv(probe->fd, probe->answer + probe->answer_length,
                         PROBE_ANSWER_MAX - probe->answer_length, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0)
                return verdict(probe, false, strerror(errno));
        probe->answer_length += (size_t) n;
        judge_answer(probe, n == 0);
}

static void send_request(Probe *probe)
{
        const char *rest = probe->request + probe->request_sent;
        ssize_t n = send(probe->fd, rest, strlen(rest), MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0)
                return verdict(probe, false, strerror(errno));
        probe->request_sent += (size_t) n;
        if (!probe->request[probe->request_sent])
                sd_event_source_set_io_events(probe->io, EPOLLIN);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Probe *probe = userdata;
        socklen_t length = sizeof(int);
        int error = 0;

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
                error = errno;
        if (error != 0)
                verdict(probe, false, strerror(error));
        else if (!probe->request)
                verdict(probe, true, "");
        else if (probe->request[probe->request_sent])
                send_request(probe);
        else
                receive(probe);
        return 0;
}

static int attempt_socket(Probe *probe)
{
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        const struct sockaddr *to = (const struct sockaddr *) &probe->target.address;

        probe->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (probe->fd < 0)
                return -errno;
        if (setsockopt(probe->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
                return -errno;
        if (connect(probe->fd, to, probe->target.address_length) < 0 && errno != EINPROGRESS)
                return -errno;
        return sd_event_add_io(probe->prober->event, &probe->io, probe->fd, EPOLLOUT, on_io, probe);
}

static uint64_t jittered(Probe *probe, uint64_t span_ns)
{
        uint64_t part = span_ns / JITTER_SHARE;

        return span_ns - part + random_below(&probe->prober->seed, 2 * part + 1);
}

static int timer_after(sd_event_source *timer, uint64_t span_ns)
{
        int r = sd_event_source_set_time_relative(timer, span_ns / NSEC_PER_USEC);

        return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static uint64_t next_pause_ns(Probe *probe)
{
        uint64_t pause_ns = probe->eager_ns;

        if (pause_ns == 0 || pause_ns >= probe->target.interval_ns) {
                probe->eager_ns = 0;
                return jittered(probe, probe->target.interval_ns);
        }
        probe->eager_ns *= 2;
        return pause_ns;
}

static int attempt_begin(Probe *probe)
{
        int enabled = SD_EVENT_OFF, r;

        r = sd_event_source_get_enabled(probe->deadline, &enabled);
        if (r >= 0 && enabled == SD_EVENT_OFF)
                r = timer_after(probe->deadline, probe->target.timeout_ns);
        return r < 0 ? r : attempt_socket(probe);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Probe *probe = userdata;
        int r;

        attempt_end(probe);
        r = timer_after(probe->timer, next_pause_ns(probe));
        if (r < 0)
                return r;
        r = attempt_begin(probe);
        if (r < 0)
                verdict(probe, false, strerror(-r));
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        verdict(userdata, false, "no answer in time");
        return 0;
}

static int target_copy(Probe *probe, const ProbeTarget *target)
{
        probe->target = *target;
        probe->target.path = NULL;
        if (!target->path)
                return 0;
        probe->request = str_printf("GET %s HTTP/1.0\r\nHost: probe\r\nUser-Agent: Troupe\r\n"
                                    "Connection: close\r\n\r\n",
                                    target->path);
        return probe->request ? 0 : -ENOMEM;
}

int probe_new(Prober *prober, const ProbeTarget *target, void *userdata, bool good,
              Probe **ret_probe)
{
        _cleanup_(probe_freep) Probe *probe = calloc(1, sizeof(*probe));
        int r;

        if (!probe)
                return -ENOMEM;
        *probe = (Probe) {.prober = prober, .userdata = userdata, .fd = -1, .good = good};
        if (!good)
                snprintf(probe->why, sizeof(probe->why), "not probed yet");
        r = target_copy(probe, target);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(prober->event, &probe->timer, CLOCK_MONOTONIC, 0,
                                       NSEC_PER_MSEC / NSEC_PER_USEC, on_timer, probe);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(prober->event, &probe->deadline, CLOCK_MONOTONIC, 0,
                                       NSEC_PER_MSEC / NSEC_PER_USEC, on_deadline, probe);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(probe->deadline, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_probe = TAKE_PTR(probe);
        return 0;
}

void probe_soon(Probe *probe)
{
        if (probe->good)
                return;
        probe->eager_ns = PROBE_EAGER_NS;
        timer_after(probe->timer, 0);
}

void probe_free(Probe *probe)
{
        if (!probe)
                return;
        attempt_end(probe);
        sd_event_source_disable_unref(probe->timer);
        sd_event_source_disable_unref(probe->deadline);
        free(probe->request);
        free(probe);
}

void *probe_userdata(const Probe *probe)
{
        return probe->userdata;
}

void probe_set_userdata(Probe *probe, void *userdata)
{
        probe->userdata = userdata;
}

bool probe_good(const Probe *probe)
{
        return probe->good;
}

const char *probe_why(const Probe *probe)
{
        return probe->why;
}
