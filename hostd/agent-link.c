/* SPDX-License-Identifier: GPL-3.0-or-later */

/* One guest's agent channel. Reading is paid for with tokens, of bytes and of messages; when they
 * are spent, the socket is not polled for input, and what was read but not looked at is kept, until
 * a timer has brought new ones. */

#include "hostd/agent-link.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/api/agent-stream.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define READ_BYTES    (16 * KIB)
#define REFILL_NS     (100 * NSEC_PER_MSEC)
#define ACCURACY_USEC 10000

struct AgentLink {
        sd_event *event;
        char *path;
        AgentLinkSink sink;
        int fd; /* -1: not connected, and the timer is set */
        sd_event_source *io;
        sd_event_source *timer; /* to connect again, or to read again */
        AgentStream stream;
        uint64_t bytes;   /* tokens */
        int64_t messages; /* tokens, in thousandths; negative: the last message cost more */
        uint64_t refilled_ns;
        char *rest; /* of a read, when there were no tokens for all of it */
        size_t rest_start;
        size_t rest_length;
        char *queue; /* what the guest has yet to take */
        size_t queue_start;
        size_t queue_length;
};

static void refill(AgentLink *link, uint64_t now_ns)
{
        uint64_t passed_ms = (now_ns - link->refilled_ns) / NSEC_PER_MSEC;

        passed_ms = MIN(passed_ms, UINT64_C(60000));
        if (passed_ms == 0)
                return;
        link->refilled_ns = now_ns;
        link->bytes =
                MIN(link->bytes + passed_ms * LINK_BYTES_PER_S / 1000, (uint64_t) LINK_BYTES_BURST);
        link->messages = MIN(link->messages + (int64_t) (passed_ms * LINK_MESSAGES_PER_S),
                             (int64_t) LINK_MESSAGES_BURST * 1000);
}

static void set_timer(AgentLink *link, uint64_t in_ns)
{
        sd_event_source_set_time_relative(link->timer, in_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(link->timer, SD_EVENT_ONESHOT);
}

static void poll_for(AgentLink *link, bool input)
{
        uint32_t events = (input ? EPOLLIN : 0) | (link->queue_length > 0 ? EPOLLOUT : 0);

        /* off, not empty: a hang-up cannot be masked and would wake us until there are tokens */
        sd_event_source_set_io_events(link->io, events);
        sd_event_source_set_enabled(link->io, events != 0 ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void drop_rest(AgentLink *link)
{
        free(link->rest);
        link->rest = NULL;
        link->rest_start = link->rest_length = 0;
}

static void disconnect(AgentLink *link)
{
        link->io = sd_event_source_disable_unref(link->io);
        link->fd = fd_close(link->fd);
        agent_stream_deinit(&link->stream);
        drop_rest(link);
        free(link->queue);
        link->queue = NULL;
        link->queue_start = link->queue_length = 0;
        set_timer(link, LINK_RETRY_NS);
}

static int flush(AgentLink *link)
{
        while (link->queue_length > 0) {
                ssize_t n = send(link->fd, link->queue + link->queue_start, link->queue_length,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                link->queue_start += (size_t) n;
                link->queue_length -= (size_t) n;
        }
        free(link->queue);
        link->queue = NULL;
        link->queue_start = 0;
        return 0;
}

static bool may_read(const AgentLink *link)
{
        return link->bytes > 0 && link->messages >= 1000;
}

static int64_t price(AgentMessageType type)
{
        switch (type) {
        case AGENT_HELLO:
        case AGENT_HEARTBEAT:
        case AGENT_CONFIG_ACK:
        case AGENT_EXIT:
        case AGENT_STOPPED:
                return LINK_DEAR * 1000;
        default:
                return 1000;
        }
}

/* Hands over the messages in some bytes, as long as they can be paid for. What is refused costs its
 * token, too. */
static void take(AgentLink *link, const char **data, size_t *length)
{
        AgentMessage message;
        int r;

        while (may_read(link) && (r = agent_stream_next(&link->stream, data, length, &message))) {
                link->messages -= r == AGENT_STREAM_MESSAGE ? price(message.type) : 1000;
                if (r == AGENT_STREAM_MESSAGE) {
                        link->sink.message(link->sink.userdata, &message);
                        agent_message_deinit(&message);
                } else if (r > 0 && link->stream.n_refused == 1) {
                        /* once: a guest may send any number */
                        log_warning("%s: the guest sent what is no message: %s", link->path,
                                    link->stream.problem);
                }
        }
}

static void take_rest(AgentLink *link)
{
        const char *data = link->rest + link->rest_start;
        size_t length = link->rest_length;

        take(link, &data, &length);
        link->rest_start += link->rest_length - length;
        link->rest_length = length;
        if (length == 0)
                drop_rest(link);
}

/* Reads once: the loop comes back for more, after everybody else had a turn. */
static int receive(AgentLink *link)
{
        char buffer[READ_BYTES];
        const char *data = buffer;
        size_t length;
        ssize_t n;

        n = recv(link->fd, buffer, MIN(sizeof(buffer), (size_t) link->bytes), MSG_DONTWAIT);
        if (n == 0)
                return -ECONNRESET;
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        link->bytes -= (uint64_t) n;
        length = (size_t) n;
        take(link, &data, &length);
        if (length == 0)
                return 0;
        link->rest = malloc(length);
        if (!link->rest)
                return -ENOMEM;
        memcpy(link->rest, data, length);
        link->rest_length = length;
        return 0;
}

/* Sees to it that whatever can come next wakes us. */
static void go_on(AgentLink *link)
{
        bool input = may_read(link) && !link->rest;

        poll_for(link, input);
        if (!input)
                set_timer(link, REFILL_NS);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        AgentLink *link = userdata;
        bool waited = link->queue_length > 0;
        int r = 0;

        refill(link, clock_boottime_ns());
        if (revents & EPOLLOUT)
                r = flush(link);
        if (r == 0 && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && may_read(link) && !link->rest)
                r = receive(link);
        if (r < 0) {
                disconnect(link);
                return 0;
        }
        if (waited && link->queue_length == 0)
                link->sink.taken(link->sink.userdata);
        go_on(link);
        return 0;
}

static int connect_socket(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int try_connect(AgentLink *link)
{
        int fd, r;

        fd = connect_socket(link->path);
        if (fd < 0)
                return fd;
        r = sd_event_add_io(link->event, &link->io, fd, EPOLLIN, on_io, link);
        if (r < 0) {
                close(fd);
                return r;
        }
        link->fd = fd;
        link->stream.from = AGENT_FROM_GUEST;
        link->sink.connected(link->sink.userdata);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        AgentLink *link = userdata;

        if (link->fd >= 0) {
                refill(link, clock_boottime_ns());
                if (link->rest)
                        take_rest(link);
                go_on(link);
        } else if (try_connect(link) < 0) {
                set_timer(link, LINK_RETRY_NS);
        }
        return 0;
}

int agent_link_new(sd_event *event, const char *path, const AgentLinkSink *sink,
                   AgentLink **ret_link)
{
        _cleanup_(agent_link_freep) AgentLink *link = calloc(1, sizeof(*link));
        int r;

        if (!link)
                return -ENOMEM;
        link->fd = -1;
        link->event = sd_event_ref(event);
        link->sink = *sink;
        link->bytes = LINK_BYTES_BURST;
        link->messages = (int64_t) LINK_MESSAGES_BURST * 1000;
        link->refilled_ns = clock_boottime_ns();
        r = str_set(&link->path, path);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &link->timer, CLOCK_BOOTTIME, 0, ACCURACY_USEC,
                                       on_timer, link);
        if (r < 0)
                return r;
        *ret_link = TAKE_PTR(link);
        return 0;
}

AgentLink *agent_link_free(AgentLink *link)
{
        if (!link)
                return NULL;
        sd_event_source_disable_unref(link->io);
        sd_event_source_disable_unref(link->timer);
        fd_close(link->fd);
        agent_stream_deinit(&link->stream);
        sd_event_unref(link->event);
        free(link->rest);
        free(link->queue);
        free(link->path);
        free(link);
        return NULL;
}

int agent_link_send(AgentLink *link, const AgentMessage *message)
{
        _cleanup_free_ char *data = NULL;
        size_t length;
        char *queue;
        int r;

        if (link->fd < 0)
                return -ENOTCONN;
        r = agent_message_encode(message, AGENT_FROM_HOST, &data, &length);
        if (r < 0)
                return r;
        if (link->queue_length + length > LINK_QUEUE_MAX)
                return -ENOBUFS;
        queue = malloc(link->queue_length + length);
        if (!queue)
                return -ENOMEM;
        if (link->queue_length > 0)
                memcpy(queue, link->queue + link->queue_start, link->queue_length);
        memcpy(queue + link->queue_length, data, length);
        free(link->queue);
        link->queue = queue;
        link->queue_start = 0;
        link->queue_length += length;
        poll_for(link, may_read(link) && !link->rest);
        return 0;
}

size_t agent_link_waiting(const AgentLink *link)
{
        return link->queue_length;
}

bool agent_link_is_connected(const AgentLink *link)
{
        return link->fd >= 0;
}

uint64_t agent_link_refused(const AgentLink *link, const char **ret_problem)
{
        *ret_problem = link->stream.problem;
        return link->stream.n_refused;
}
