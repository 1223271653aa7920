/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes, bodies, and answers now and later. */

#include "tests/unit/lib/io/https-fixture.h"

static void test_routes(void **state)
{
        Fixture *f = *state;

        ask(f, "/peers/a%2fb/c?q=x%20y", NULL, 200);
        assert_string_equal(f->body, "GET /peers/a/b/c rest=a/b/c peer=h2 digest=64 q=x y body=");
        ask(f, "/open?q", NULL, 200);
        assert_string_equal(f->body, "GET /open rest= peer=h2 digest=64 q= body=");
        ask(f, "/open", "0123", 200);
        assert_string_equal(f->body, "POST /open rest= peer=h2 digest=64 q=none body=0123");
        ask(f, "/peers", NULL, 404);
        ask(f, "/", NULL, 404);
        ask(f, "/peers/x", "", 405);
        assert_int_equal(f->n_handled, 3);
}

static void test_long_bodies(void **state)
{
        Fixture *f = *state;
        char body[8192];

        memset(body, 'x', sizeof(body));
        body[100] = '\0';
        ask(f, "/open", body, 200);
        body[100] = 'x';
        body[101] = '\0';
        ask(f, "/open", body, 413);
        body[101] = 'x';
        body[sizeof(body) - 1] = '\0';
        start(f, "/open", body);
        run_until(f, &f->ended, 1);
        assert_true(f->result.error < 0 || f->result.status == 413);
        assert_int_equal(f->n_handled, 1);
}

static void test_answer_later(void **state)
{
        Fixture *f = *state;
        int n = 0;

        start(f, "/peers/late", NULL);
        for (; !f->waiting; n++)
                assert_true(sd_event_run(f->event, 100000) >= 0 && n < 1000);
        assert_int_equal(f->ended, 0);
        https_answer(f->waiting, 503, "application/json", "{}", 2);
        run_until(f, &f->ended, 1);
        assert_int_equal(f->result.status, 503);
        assert_string_equal(f->body, "{}");
        assert_int_equal(f->n_gone, 0);
}

static void test_freed_while_waiting(void **state)
{
        Fixture *f = *state;
        int n = 0;

        start(f, "/peers/late", NULL);
        for (; !f->waiting; n++)
                assert_true(sd_event_run(f->event, 100000) >= 0 && n < 1000);
        f->server = https_server_free(f->server);
        assert_int_equal(f->n_gone, 1);
        run_until(f, &f->ended, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_routes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_long_bodies, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_answer_later, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_freed_while_waiting, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
