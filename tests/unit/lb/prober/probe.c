/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A server of this test's own on the loopback answers as each test wants. */

#include "lb/prober/probe.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/unit/test.h"

typedef struct Server {
        sd_event *event;
        sd_event_source *source;
        int fd;
        struct sockaddr_in address;
        const char *answer; /* NULL: accept and say nothing */
        unsigned asked;
        int held_fd;
        unsigned changes;
} Server;

/* Answers before it has read the request, which is in this same thread; the connection stays open
 * until the next one, so that what the probe sends does not meet a reset. */
static int on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Server *server = userdata;
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        server->asked++;
        if (client < 0)
                return 0;
        fd_close(server->held_fd);
        server->held_fd = client;
        if (server->answer) {
                send(client, server->answer, strlen(server->answer), MSG_NOSIGNAL);
                shutdown(client, SHUT_WR);
        }
        return 0;
}

static void server_listen(Server *server)
{
        socklen_t length = sizeof(server->address);

        server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(server->fd >= 0);
        assert_int_equal(bind(server->fd, (struct sockaddr *) &server->address, length), 0);
        assert_int_equal(listen(server->fd, 16), 0);
        assert_int_equal(getsockname(server->fd, (struct sockaddr *) &server->address, &length), 0);
        assert_true(sd_event_add_io(server->event, &server->source, server->fd, EPOLLIN, on_connect,
                                    server) >= 0);
}

static void server_begin(Server *server, const char *answer)
{
        *server = (Server) {.answer = answer, .held_fd = -1};
        server->address.sin_family = AF_INET;
        server->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_true(sd_event_new(&server->event) >= 0);
        server_listen(server);
}

static void server_stop(Server *server)
{
        server->source = sd_event_source_disable_unref(server->source);
        server->fd = fd_close(server->fd);
}

static void server_end(Server *server)
{
        server_stop(server);
        fd_close(server->held_fd);
        sd_event_unref(server->event);
}

static void on_changed(Probe *probe, void *userdata)
{
        Server *server = userdata;

        server->changes++;
}

static Probe *probe_of(Server *server, Prober **prober, const char *path, unsigned timeout_ms)
{
        ProbeTarget target = {
                .address_length = sizeof(server->address),
                .path = path,
                .interval_ns = 20 * NSEC_PER_MSEC,
                .timeout_ns = timeout_ms * NSEC_PER_MSEC,
        };
        Probe *probe = NULL;

        memcpy(&target.address, &server->address, sizeof(server->address));
        assert_int_equal(prober_new(server->event, 1, on_changed, server, prober), 0);
        assert_int_equal(probe_new(*prober, &target, server, false, &probe), 0);
        return probe;
}

/* Turns the loop until the probe's verdict is as wanted, 5 s at most. */
static bool becomes(Server *server, Probe *probe, bool good)
{
        uint64_t until_ns = clock_boottime_ns() + 5 * NSEC_PER_SEC;

        while (probe_good(probe) != good && clock_boottime_ns() < until_ns)
                assert_true(sd_event_run(server->event, 100000) >= 0);
        return probe_good(probe) == good;
}

static void tcp_follows_the_listener(void **state)
{
        Prober *prober;
        Server server;
        Probe *probe;

        server_begin(&server, "");
        probe = probe_of(&server, &prober, NULL, 1000);
        assert_false(probe_good(probe));
        assert_string_equal(probe_why(probe), "not probed yet");
        assert_true(becomes(&server, probe, true));
        assert_string_equal(probe_why(probe), "");
        server_stop(&server);
        assert_true(becomes(&server, probe, false));
        assert_string_equal(probe_why(probe), "Connection refused");
        server_listen(&server);
        assert_true(becomes(&server, probe, true));
        assert_int_equal(server.changes, 3);
        probe_free(probe);
        prober_free(prober);
        server_end(&server);
}

static void http_wants_200(void **state)
{
        Prober *prober;
        Server server;
        Probe *probe;

        server_begin(&server, "HTTP/1.1 200 OK\r\n\r\nhello");
        probe = probe_of(&server, &prober, "/up", 1000);
        assert_true(becomes(&server, probe, true));
        server.answer = "HTTP/1.1 503 No\r\n\r\n";
        assert_true(becomes(&server, probe, false));
        assert_string_equal(probe_why(probe), "status 503");
        server.answer = "HTTP/1.0 200 OK\r\n\r\n";
        assert_true(becomes(&server, probe, true));
        server.answer = "SSH-2.0-and so on\r\n";
        assert_true(becomes(&server, probe, false));
        assert_string_equal(probe_why(probe), "not an HTTP answer");
        probe_free(probe);
        prober_free(prober);
        server_end(&server);
}

static void silence_is_bad_only_after_the_timeout(void **state)
{
        uint64_t began_ns, ended_ns;
        Prober *prober;
        Server server;
        Probe *probe;
        unsigned asked;

        server_begin(&server, "HTTP/1.1 200 OK\r\n\r\n");
        probe = probe_of(&server, &prober, "/", 2000);
        assert_true(becomes(&server, probe, true));
        server.answer = NULL;
        asked = server.asked;
        began_ns = clock_boottime_ns();
        assert_true(becomes(&server, probe, false));
        ended_ns = clock_boottime_ns();
        assert_string_equal(probe_why(probe), "no answer in time");
        assert_true(ended_ns - began_ns >= 1995 * NSEC_PER_MSEC);
        assert_true(server.asked >= asked + 4); /* it went on asking meanwhile */
        probe_free(probe);
        prober_free(prober);
        server_end(&server);
}

/* With an interval of an hour only being asked to ask finds out that the server has come up. */
static void one_that_is_ready_is_asked_at_once(void **state)
{
        ProbeTarget target = {.address_length = sizeof(struct sockaddr_in),
                              .path = "/",
                              .interval_ns = 3600 * NSEC_PER_SEC,
                              .timeout_ns = 10 * NSEC_PER_SEC};
        uint64_t began_ns;
        Prober *prober;
        Server server;
        Probe *probe;

        server_begin(&server, "HTTP/1.1 503 No\r\n\r\n");
        memcpy(&target.address, &server.address, sizeof(server.address));
        assert_int_equal(prober_new(server.event, 1, on_changed, &server, &prober), 0);
        assert_int_equal(probe_new(prober, &target, &server, false, &probe), 0);
        while (strcmp(probe_why(probe), "status 503") != 0)
                assert_true(sd_event_run(server.event, UINT64_MAX) >= 0);
        assert_int_equal(server.asked, 1);
        began_ns = clock_boottime_ns();
        probe_soon(probe);
        while (server.asked < 4) /* at once, and after one and two pauses */
                assert_true(sd_event_run(server.event, UINT64_MAX) >= 0);
        assert_true(clock_boottime_ns() - began_ns >= 3 * PROBE_EAGER_NS);
        server.answer = "HTTP/1.1 200 OK\r\n\r\n";
        assert_true(becomes(&server, probe, true));
        probe_soon(probe);
        assert_true(sd_event_run(server.event, 3 * PROBE_EAGER_NS / NSEC_PER_USEC) >= 0);
        assert_int_equal(server.asked, 5); /* good already: its interval will do */
        probe_free(probe);
        prober_free(prober);
        server_end(&server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tcp_follows_the_listener),
                cmocka_unit_test(http_wants_200),
                cmocka_unit_test(one_that_is_ready_is_asked_at_once),
                cmocka_unit_test(silence_is_bad_only_after_the_timeout),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
