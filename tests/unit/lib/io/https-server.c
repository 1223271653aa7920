/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reloading, and clients that mean no good. */

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/unit/lib/io/https-fixture.h"

static void test_reload(void **state)
{
        char message[HTTPS_MESSAGE_MAX] = "";
        HttpsRequest *waiting;
        Fixture *f = *state;
        Http *before;
        int n = 0;

        start(f, "/peers/late", NULL);
        for (; !f->waiting; n++)
                assert_true(sd_event_run(f->event, 100000) >= 0 && n < 1000);
        waiting = f->waiting;
        /* files that do not fit together: it goes on as it was */
        test_pki_ca(&f->pki);
        test_pki_certify(&f->pki, "new", "h1", "serverAuth,clientAuth", -60, 3600);
        assert_int_equal(
                rename(test_pki_path(&f->pki, "new.key"), test_pki_path(&f->pki, "h1.key")), 0);
        assert_int_equal(https_server_reload(f->server, message), HTTPS_BAD_FILES);
        assert_non_null(strstr(message, "h1.key"));
        assert_int_equal(
                rename(test_pki_path(&f->pki, "new.crt"), test_pki_path(&f->pki, "h1.crt")), 0);
        assert_int_equal(https_server_reload(f->server, message), 0);
        /* who is of the new CA is a peer, who is of the old one is not */
        before = f->http;
        f->http = NULL;
        be(f, "h2");
        ask(f, "/peers/x", NULL, 403);
        test_pki_host(&f->pki, "h3");
        be(f, "h3");
        ask(f, "/peers/x", NULL, 200);
        /* and what was under way before ends as it began */
        f->ended = 0;
        https_answer_text(waiting, 200, "at last");
        run_until(f, &f->ended, 1);
        assert_int_equal(f->result.status, 200);
        assert_string_equal(f->body, "at last");
        http_free(before);
}

static int connect_bare(Fixture *f)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(https_server_port(f->server)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        connect(fd, (struct sockaddr *) &address, sizeof(address));
        return fd;
}

static bool is_closed(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char byte;

        return poll(&p, 1, 0) == 1 && read(fd, &byte, 1) <= 0;
}

static void test_connections_of_an_address(void **state)
{
        HttpsServerConfig config;
        Fixture *f = *state;
        unsigned n_open = 0;
        int fds[60];

        config = config_of(f);
        config.connects_per_s = 1000;
        serve(f, &config);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = connect_bare(f);
        for (int i = 0; i < 200; i++)
                sd_event_run(f->event, 1000);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                n_open += !is_closed(fds[i]);
        assert_int_equal(n_open, HTTPS_ADDRESS_CONNECTIONS_MAX);
        assert_int_equal(https_server_connections(f->server), HTTPS_ADDRESS_CONNECTIONS_MAX);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                close(fds[i]);
        for (int i = 0; i < 200 && https_server_connections(f->server) > 0; i++)
                sd_event_run(f->event, 10000);
        assert_int_equal(https_server_connections(f->server), 0);
        be(f, "h2");
        ask(f, "/peers/x", NULL, 200);
}

static void test_rates(void **state)
{
        HttpsServerConfig config;
        Fixture *f = *state;
        unsigned n_refused = 0, n_taken = 0;
        uint64_t begun_ns = clock_boottime_ns();

        config = config_of(f);
        config.anonymous_per_s = 1;
        serve(f, &config);
        be(f, NULL);
        for (int i = 0; i < 10; i++) {
                start(f, "/open", NULL);
                run_until(f, &f->ended, 1);
                n_refused += f->result.status == 429;
        }
        assert_true(n_refused <= 5);
        assert_true(n_refused + (clock_boottime_ns() - begun_ns) / NSEC_PER_SEC >= 4);
        be(f, "h2"); /* a host of the cluster is not limited so, at the same address */
        ask(f, "/peers/x", NULL, 200);
        config.connects_per_s = 1;
        serve(f, &config);
        begun_ns = clock_boottime_ns();
        for (int i = 0; i < 10; i++) {
                be(f, "h2");
                start(f, "/peers/x", NULL);
                run_until(f, &f->ended, 1);
                if (i < 5)
                        assert_int_equal(f->result.error, 0);
                n_taken += f->result.error == 0;
        }
        assert_in_range(n_taken, 5, 6 + (clock_boottime_ns() - begun_ns) / NSEC_PER_SEC);
}

/* A client that connects and sends nothing, and one that sends a byte of its header now and then.
 * Takes as long as the header timeout. */
static void test_slow_header(void **state)
{
        uint64_t begin_ns = clock_boottime_ns(), byte_ns = begin_ns;
        Fixture *f = *state;
        int silent = connect_bare(f), slow = connect_bare(f);
        bool gone[2] = {};
        unsigned n_runs = 0;

        while (!gone[0] || !gone[1]) {
                uint64_t now_ns = clock_boottime_ns();

                assert_true(now_ns - begin_ns < HTTPS_HEADER_TIMEOUT_NS + 8 * NSEC_PER_SEC);
                if (now_ns - byte_ns > NSEC_PER_SEC) {
                        /* the record header of a handshake, byte by byte */
                        static const char record[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
                        size_t at = (size_t) ((now_ns - begin_ns) / NSEC_PER_SEC);

                        byte_ns = now_ns;
                        if (!gone[1] && at < sizeof(record))
                                send(slow, record + at - 1, 1, MSG_NOSIGNAL);
                }
                n_runs += sd_event_run(f->event, 100000) > 0;
                gone[0] |= is_closed(silent);
                gone[1] |= is_closed(slow);
                if (gone[0] || gone[1])
                        assert_true(now_ns - begin_ns > HTTPS_HEADER_TIMEOUT_NS - NSEC_PER_SEC);
        }
        assert_true(n_runs < 5000); /* and nobody makes the loop spin */
        close(silent);
        close(slow);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_reload, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_connections_of_an_address, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_rates, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_slow_header, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
