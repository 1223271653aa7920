/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP client against a small server in the same loop: answers, streams, cancelling. */

#include "lib/io/http.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "tests/unit/loop.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        sd_event *event;
        int listener, connection;
        char url[64];
        const char *answer;
        Http *http;
        HttpRequest *request;
        int ended;
        HttpResult result;
        char body[256];
        size_t stream_bytes;
        bool cancel_in_data, free_in_done;
} Fixture;

static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Fixture *f = userdata;
        char buffer[4096];

        if (read(fd, buffer, sizeof(buffer)) > 0)
                assert_true(write(fd, f->answer, strlen(f->answer)) > 0);
        else
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Fixture *f = userdata;

        f->connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(f->connection >= 0);
        return sd_event_add_io(f->event, NULL, f->connection, EPOLLIN, on_request, f);
}

static void on_done(void *userdata, const HttpResult *result)
{
        Fixture *f = userdata;

        f->ended++;
        f->result = *result;
        snprintf(f->body, sizeof(f->body), "%s", result->body);
        if (f->free_in_done)
                f->http = http_free(f->http);
}

static size_t on_data(void *userdata, const char *data, size_t length)
{
        Fixture *f = userdata;

        f->stream_bytes = length;
        if (f->cancel_in_data) {
                f->request = http_cancel(f->request);
                return 0;
        }
        return length / 2; /* the rest must come again */
}

static void run(Fixture *f, const bool *until)
{
        RUN_UNTIL(f->event, f->ended > 0 || (until && *until));
}

static int set_up(void **state)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);
        Fixture *f = calloc(1, sizeof(*f));

        *state = f;
        f->connection = -1;
        sd_event_new(&f->event);
        f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bind(f->listener, (struct sockaddr *) &address, length);
        listen(f->listener, 5);
        getsockname(f->listener, (struct sockaddr *) &address, &length);
        snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u/x", ntohs(address.sin_port));
        sd_event_add_io(f->event, NULL, f->listener, EPOLLIN, on_connection, f);
        return http_new(f->event, &f->http);
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        http_free(f->http);
        fd_close(f->connection);
        fd_close(f->listener);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void start(Fixture *f, HttpData data, uint64_t timeout_ns)
{
        assert_int_equal(http_start(f->http,
                                    &(HttpOptions) {.url = f->url,
                                                    .body = "{}",
                                                    .length = 2,
                                                    .timeout_ns = timeout_ns,
                                                    .data = data,
                                                    .done = on_done,
                                                    .userdata = f},
                                    &f->request),
                         0);
        assert_int_equal(f->ended, 0);
}

static void test_answer(void **state)
{
        Fixture *f = *state;

        f->answer = "HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nhello";
        start(f, NULL, 0);
        run(f, NULL);
        assert_int_equal(f->result.error, 0);
        assert_int_equal(f->result.status, 503);
        assert_string_equal(f->body, "hello");
}

static void test_stream(void **state)
{
        Fixture *f = *state;

        f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcdefgh";
        start(f, on_data, 0);
        run(f, NULL);
        assert_int_equal(f->stream_bytes, 8);
        assert_string_equal(f->body, "efgh");
}

static void test_cancel_in_handler(void **state)
{
        Fixture *f = *state;
        bool never = false;

        f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcdefgh";
        f->cancel_in_data = true;
        start(f, on_data, 0);
        while (f->request)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        assert_int_equal(f->ended, 0);
        f->cancel_in_data = false;
        f->free_in_done = true;
        start(f, NULL, 0);
        run(f, &never);
        assert_null(f->http);
}

static void test_failures(void **state)
{
        Fixture *f = *state;

        f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabc";
        start(f, NULL, 300 * NSEC_PER_MSEC);
        run(f, NULL);
        assert_int_equal(f->result.error, -ETIMEDOUT);
        f->ended = 0;
        f->answer = "what is this\r\n\r\n";
        start(f, NULL, 300 * NSEC_PER_MSEC);
        run(f, NULL);
        assert_true(f->result.error < 0);
        f->ended = 0;
        snprintf(f->url, sizeof(f->url), "http://127.0.0.1:9/");
        start(f, NULL, 0);
        run(f, NULL);
        assert_int_equal(f->result.error, -ECONNREFUSED);
}

/* What is longer than the caller has room for ends the request, whatever was announced. */
static void test_longer_than_it_may_be(void **state)
{
        static const char *const answers[] = {
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                "HTTP/1.0 200 OK\r\n\r\nhello",
        };
        Fixture *f = *state;

        for (size_t i = 0; i < 2 * ARRAY_SIZE(answers); i++) {
                f->ended = 0;
                f->answer = answers[i / 2];
                assert_int_equal(http_start(f->http,
                                            &(HttpOptions) {.url = f->url,
                                                            .body = "{}",
                                                            .length = 2,
                                                            .body_max = 4 + i % 2,
                                                            .timeout_ns = i == 3 ? NSEC_PER_SEC : 0,
                                                            .done = on_done,
                                                            .userdata = f},
                                            &f->request),
                                 0);
                run(f, NULL);
                if (i % 2 == 0)
                        assert_int_equal(f->result.error, -EFBIG);
                else if (i / 2 == 0)
                        assert_string_equal(f->body, "hello");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_answer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_stream, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cancel_in_handler, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_longer_than_it_may_be, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
