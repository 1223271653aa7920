/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-load: an open-loop HTTP client. It begins a request when its time has come, whatever
 * became of the ones before, so that a server that stands still is seen as the failures and delays
 * that its users would have: a request's latency counts from when it was due. Each request has a
 * connection of its own, as what is tested is which instance new connections reach.
 *
 * Prints what came of them as one JSON object: `due_s` are the first and the last time at which a
 * request was due that an instance has answered, from `start_us` (CLOCK_REALTIME) on. With
 * --verbose each failure, and each instance's first answer, as it happens, on stderr. */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "lib/base/clock.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#define FLIGHT_MAX    16384 /* requests under way at once; one more is counted as a failure */
#define HEAD_MAX      4096  /* of a response's head */
#define INSTANCES_MAX 256
#define REQUESTS_MAX  10000000
#define TICK_NS       (NSEC_PER_MSEC / 2)
#define RATE_MAX      100000

typedef enum Outcome {
        OK,
        REFUSED,
        RESET,
        TIMED_OUT,
        STATUS,
        CUT_SHORT,
        NO_ROOM,
        N_OUTCOMES
} Outcome;

static const char *const outcome_names[N_OUTCOMES] = {
        [OK] = "ok",           [REFUSED] = "refused",
        [RESET] = "reset",     [TIMED_OUT] = "timeout",
        [STATUS] = "status",   [CUT_SHORT] = "cut_short",
        [NO_ROOM] = "no_room",
};

typedef struct Request {
        int fd; /* -1: free */
        uint64_t due_ns;
        bool sent;
        size_t length; /* of what of the head is there */
        bool head_done;
        long long body_left; /* -1: until the server closes */
        int status;
        char instance[64];
        char head[HEAD_MAX];
} Request;

typedef struct InstanceCount {
        char name[64];
        uint64_t ok, first_due_ns, last_due_ns;
} InstanceCount;

typedef struct Load {
        struct sockaddr_storage address;
        socklen_t address_length;
        char *text; /* of every request */
        size_t text_length;
        const char *header; /* that names the instance */
        uint64_t rate, seconds, timeout_ns;
        bool verbose;
        int epoll;
        Request *requests;
        unsigned *vacant, n_vacant;
        uint64_t start_us; /* by CLOCK_REALTIME */
        uint64_t start_ns, begun, outcomes[N_OUTCOMES], first_failure_ns, last_failure_ns,
                last_failure_due_ns, longest_gap_ns, last_ok_ns;
        uint32_t *latencies_us;
        size_t n_latencies;
        InstanceCount instances[INSTANCES_MAX];
        size_t n_instances;
} Load;

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
        stop = 1;
}

static double since_start_s(const Load *load, uint64_t ns)
{
        return ns ? (double) (ns - load->start_ns) / 1e9 : 0;
}

static void count_instance(Load *load, const char *name, uint64_t due_ns)
{
        size_t i;

        for (i = 0; i < load->n_instances; i++)
                if (str_equal(load->instances[i].name, name))
                        break;
        if (i == load->n_instances) {
                if (i == INSTANCES_MAX)
                        return;
                snprintf(load->instances[i].name, sizeof(load->instances[i].name), "%s", name);
                load->n_instances++;
                if (load->verbose)
                        fprintf(stderr, "%.3f first answer of %s\n",
                                since_start_s(load, clock_boottime_ns()), name);
        }
        if (load->instances[i].ok++ == 0 || due_ns < load->instances[i].first_due_ns)
                load->instances[i].first_due_ns = due_ns;
        load->instances[i].last_due_ns = MAX(load->instances[i].last_due_ns, due_ns);
}

static void count(Load *load, uint64_t due_ns, Outcome outcome, const char *instance,
                  uint64_t now_ns)
{
        load->outcomes[outcome]++;
        if (outcome != OK) {
                load->last_failure_ns = now_ns;
                load->last_failure_due_ns = MAX(load->last_failure_due_ns, due_ns);
                if (!load->first_failure_ns)
                        load->first_failure_ns = now_ns;
                if (load->verbose)
                        fprintf(stderr, "%.3f s %s %s\n", (double) (now_ns - load->start_ns) / 1e9,
                                outcome_names[outcome], instance);
                return;
        }
        if (load->last_ok_ns && now_ns - load->last_ok_ns > load->longest_gap_ns)
                load->longest_gap_ns = now_ns - load->last_ok_ns;
        load->last_ok_ns = now_ns;
        if (load->n_latencies < REQUESTS_MAX)
                load->latencies_us[load->n_latencies++] = (uint32_t) ((now_ns - due_ns) / 1000);
        count_instance(load, *instance ? instance : "-", due_ns);
}

static void finish(Load *load, Request *request, Outcome outcome, uint64_t now_ns)
{
        fd_close(request->fd);
        request->fd = -1;
        load->vacant[load->n_vacant++] = (unsigned) (request - load->requests);
        count(load, request->due_ns, outcome, request->instance, now_ns);
}

static Outcome outcome_of_errno(int error)
{
        return error == ECONNREFUSED ? REFUSED : error == ETIMEDOUT ? TIMED_OUT : RESET;
}

static void begin(Load *load, uint64_t due_ns, uint64_t now_ns)
{
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
        Request *request;
        int fd;

        load->begun++;
        fd = load->n_vacant > 0 ? socket(load->address.ss_family,
                                         SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
                                : -1;
        if (fd < 0) {
                count(load, due_ns, NO_ROOM, "", now_ns);
                return;
        }
        request = &load->requests[load->vacant[--load->n_vacant]];
        *request = (Request) {.fd = fd, .due_ns = due_ns, .body_left = -1};
        event.data.ptr = request;
        if ((connect(fd, (struct sockaddr *) &load->address, load->address_length) < 0 &&
             errno != EINPROGRESS) ||
            epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                finish(load, request, outcome_of_errno(errno), now_ns);
}

/* Takes the value of a header out of a complete head, "" if it is not there. */
static void header_value(const char *head, const char *name, char *value, size_t size)
{
        size_t length = strlen(name);

        value[0] = '\0';
        for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
                line += 2;
                if (strncasecmp(line, name, length) != 0 || line[length] != ':')
                        continue;
                line += length + 1;
                line += strspn(line, " ");
                snprintf(value, size, "%.*s", (int) strcspn(line, "\r"), line);
                return;
        }
}

static void parse_head(Load *load, Request *request, size_t end)
{
        char text[32];
        size_t body = request->length - end;

        request->head[end - 1] = '\0';
        request->head_done = true;
        if (sscanf(request->head, "HTTP/1.%*d %d", &request->status) != 1)
                request->status = 0;
        header_value(request->head, load->header, request->instance, sizeof(request->instance));
        header_value(request->head, "Content-Length", text, sizeof(text));
        if (*text)
                request->body_left = atoll(text) - (long long) body;
}

static void take(Load *load, Request *request, const char *data, size_t n)
{
        const char *end;

        if (request->head_done) {
                if (request->body_left >= 0)
                        request->body_left -= (long long) n;
                return;
        }
        n = MIN(n, HEAD_MAX - 1 - request->length);
        memcpy(request->head + request->length, data, n);
        request->length += n;
        request->head[request->length] = '\0';
        end = strstr(request->head, "\r\n\r\n");
        if (end)
                parse_head(load, request, (size_t) (end - request->head) + 4);
}

/* Returns whether the response is complete: by its length, or as the server ended it. */
static bool is_complete(const Request *request, bool at_end)
{
        return request->head_done && (request->body_left >= 0 ? request->body_left <= 0 : at_end);
}

static void receive(Load *load, Request *request, uint64_t now_ns)
{
        char data[16 * 1024];

        for (;;) {
                ssize_t n = recv(request->fd, data, sizeof(data), 0);

                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0) {
                        finish(load, request, outcome_of_errno(errno), now_ns);
                        return;
                }
                take(load, request, data, (size_t) n);
                if (is_complete(request, n == 0)) {
                        finish(load, request, request->status == 200 ? OK : STATUS, now_ns);
                        return;
                }
                if (n == 0) {
                        finish(load, request, CUT_SHORT, now_ns);
                        return;
                }
        }
}

static void on_event(Load *load, Request *request, uint32_t events, uint64_t now_ns)
{
        socklen_t length = sizeof(int);
        int error = 0;

        if (request->fd < 0)
                return;
        if (events & EPOLLERR) {
                getsockopt(request->fd, SOL_SOCKET, SO_ERROR, &error, &length);
                finish(load, request, outcome_of_errno(error), now_ns);
                return;
        }
        if (!request->sent && (events & EPOLLOUT)) {
                request->sent = true;
                if (send(request->fd, load->text, load->text_length, MSG_NOSIGNAL) !=
                    (ssize_t) load->text_length) {
                        finish(load, request, outcome_of_errno(errno), now_ns);
                        return;
                }
        }
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
                receive(load, request, now_ns);
}

static void expire(Load *load, uint64_t now_ns)
{
        for (unsigned i = 0; i < FLIGHT_MAX; i++)
                if (load->requests[i].fd >= 0 &&
                    now_ns - load->requests[i].due_ns > load->timeout_ns)
                        finish(load, &load->requests[i], TIMED_OUT, now_ns);
}

static int run(Load *load)
{
        struct itimerspec tick = {.it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS};
        struct epoll_event events[512], on_tick = {.events = EPOLLIN};
        _cleanup_close_ int timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        uint64_t now = clock_boottime_ns(), last_sweep = now, end_ns = UINT64_MAX;
        bool sending = true;

        load->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (timer < 0 || load->epoll < 0 || timerfd_settime(timer, 0, &tick, NULL) < 0 ||
            epoll_ctl(load->epoll, EPOLL_CTL_ADD, timer, &on_tick) < 0)
                return -errno;
        load->start_us = clock_realtime_us();
        load->start_ns = now;
        if (load->seconds)
                end_ns = now + load->seconds * NSEC_PER_SEC;
        while (sending || load->n_vacant < FLIGHT_MAX) {
                int n = epoll_wait(load->epoll, events, ARRAY_SIZE(events), 1000);
                uint64_t ticks, due;

                now = clock_boottime_ns();
                for (int i = 0; i < n; i++) {
                        if (events[i].data.ptr)
                                on_event(load, events[i].data.ptr, events[i].events, now);
                        else if (read(timer, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
                                return -errno;
                }
                sending = sending && !stop;
                due = load->start_ns + load->begun * NSEC_PER_SEC / load->rate;
                for (; sending && due < end_ns && due <= now;
                     due = load->start_ns + load->begun * NSEC_PER_SEC / load->rate)
                        begin(load, due, now);
                sending = sending && due < end_ns; /* all that are due are sent, however late */
                if (now - last_sweep > 10 * NSEC_PER_MSEC) {
                        expire(load, now);
                        last_sweep = now;
                }
        }
        return 0;
}

static int compare_latency(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

        return (x > y) - (x < y);
}

static double quantile_ms(const Load *load, double q)
{
        return load->n_latencies > 0
                       ? load->latencies_us[(size_t) ((double) (load->n_latencies - 1) * q)] /
                                 1000.0
                       : 0;
}

static void report(Load *load)
{
        uint64_t failed = load->begun - load->outcomes[OK];

        if (load->n_latencies > 0)
                qsort(load->latencies_us, load->n_latencies, sizeof(uint32_t), compare_latency);
        printf("{\"seconds\":%.1f,\"sent\":%llu,\"ok\":%llu,\"failed\":%llu,\"failures\":{",
               since_start_s(load, clock_boottime_ns()), (unsigned long long) load->begun,
               (unsigned long long) load->outcomes[OK], (unsigned long long) failed);
        for (unsigned i = OK + 1, any = 0; i < N_OUTCOMES; i++)
                if (load->outcomes[i] > 0)
                        printf("%s\"%s\":%llu", any++ ? "," : "", outcome_names[i],
                               (unsigned long long) load->outcomes[i]);
        printf("},\"first_failure_s\":%.3f,\"last_failure_s\":%.3f,\"last_failure_due_s\":%.3f,"
               "\"longest_gap_ms\":%.1f,"
               "\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,\"instances\":{",
               since_start_s(load, load->first_failure_ns),
               since_start_s(load, load->last_failure_ns),
               since_start_s(load, load->last_failure_due_ns), (double) load->longest_gap_ns / 1e6,
               quantile_ms(load, 0.5), quantile_ms(load, 0.99), quantile_ms(load, 1));
        for (size_t i = 0; i < load->n_instances; i++)
                printf("%s\"%s\":%llu", i > 0 ? "," : "", load->instances[i].name,
                       (unsigned long long) load->instances[i].ok);
        printf("},\"start_us\":%llu,\"due_s\":{", (unsigned long long) load->start_us);
        for (size_t i = 0; i < load->n_instances; i++)
                printf("%s\"%s\":[%.4f,%.4f]", i > 0 ? "," : "", load->instances[i].name,
                       since_start_s(load, load->instances[i].first_due_ns),
                       since_start_s(load, load->instances[i].last_due_ns));
        printf("}}\n");
}

/* Takes "http://HOST[:PORT][/PATH]" apart and looks the host up. */
static int parse_url(Load *load, const char *url)
{
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
        char host[256], port[8] = "80", path[1024] = "/";
        char *colon;

        if (sscanf(url, "http://%255[^/]%1023s", host, path) < 1)
                return -EINVAL;
        load->text =
                str_printf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
        if (!load->text)
                return -ENOMEM;
        load->text_length = strlen(load->text);
        colon = strrchr(host, ':');
        if (colon) {
                snprintf(port, sizeof(port), "%s", colon + 1);
                *colon = '\0';
        }
        if (getaddrinfo(host, port, &hints, &found) != 0)
                return -EHOSTUNREACH;
        memcpy(&load->address, found->ai_addr, found->ai_addrlen);
        load->address_length = found->ai_addrlen;
        freeaddrinfo(found);
        return 0;
}

static int prepare(Load *load)
{
        struct rlimit files = {FLIGHT_MAX + 64, FLIGHT_MAX + 64};

        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
                return -errno;
        load->requests = calloc(FLIGHT_MAX, sizeof(Request));
        load->vacant = calloc(FLIGHT_MAX, sizeof(unsigned));
        load->latencies_us = malloc(REQUESTS_MAX * sizeof(uint32_t));
        if (!load->requests || !load->vacant || !load->latencies_us)
                return -ENOMEM;
        for (unsigned i = 0; i < FLIGHT_MAX; i++) {
                load->requests[i].fd = -1;
                load->vacant[load->n_vacant++] = FLIGHT_MAX - 1 - i;
        }
        return 0;
}

static int usage(void)
{
        fputs("troupe-load [--rate=N] [--seconds=N] [--timeout=MS] [--header=NAME] [--verbose] "
              "http://HOST[:PORT][/PATH]\n\n"
              "Begins N requests a second (default 100), for so many seconds (default: until "
              "SIGINT or SIGTERM), and\n"
              "prints what came of them as JSON. A response counts for the instance that its "
              "header NAME names\n"
              "(default X-Instance). Exit 0 when none failed, 1 when some did, 2 on wrong use.\n",
              stderr);
        return 2;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                {"rate", required_argument, NULL, 'r'},
                {"seconds", required_argument, NULL, 's'},
                {"timeout", required_argument, NULL, 't'},
                {"header", required_argument, NULL, 'h'},
                {"verbose", no_argument, NULL, 'v'},
                {},
        };
        static Load load = {.rate = 100, .timeout_ns = 5 * NSEC_PER_SEC, .header = "X-Instance"};
        struct sigaction action = {.sa_handler = on_signal};
        uint64_t timeout_ms = 5000;
        int option, r = 0;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0 && r >= 0) {
                if (option == 'r')
                        r = str_to_u64(optarg, RATE_MAX, &load.rate);
                else if (option == 's')
                        r = str_to_u64(optarg, 1000000, &load.seconds);
                else if (option == 't')
                        r = str_to_u64(optarg, 1000000, &timeout_ms);
                else if (option == 'h')
                        load.header = optarg;
                else if (option == 'v')
                        load.verbose = true;
                else
                        return usage();
        }
        if (r < 0 || optind + 1 != argc || load.rate == 0)
                return usage();
        load.timeout_ns = timeout_ms * NSEC_PER_MSEC;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        r = parse_url(&load, argv[optind]);
        if (r >= 0)
                r = prepare(&load);
        if (r >= 0)
                r = run(&load);
        if (r < 0) {
                fprintf(stderr, "troupe-load: %s: %s\n", argv[optind], strerror(-r));
                return 2;
        }
        report(&load);
        return load.outcomes[OK] == load.begun ? 0 : 1;
}
