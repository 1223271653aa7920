/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers that are files: whole, in part, and to a client that does not take them. */

#include "tests/unit/lib/io/https-download.h"

static void test_files(void **state)
{
        Fixture *f = *state;
        Download d = {.f = f};

        make_file(f);
        download(&d, 0, 0);
        run_until(f, &f->ended, 1);
        assert_int_equal(d.status, 200);
        assert_int_equal(d.at, FILE_BYTES);
        download(&d, 1000001, 0);
        run_until(f, &f->ended, 1);
        assert_int_equal(d.status, 206);
        assert_int_equal(d.at, FILE_BYTES);
        download(&d, FILE_BYTES - 1, 0);
        run_until(f, &f->ended, 1);
        assert_int_equal(d.status, 206);
        assert_int_equal(d.at, FILE_BYTES);
        f->ended = 0;
        assert_int_equal(http_start(f->http,
                                    &(HttpOptions) {.url = url(f, "/file"),
                                                    .tls = &f->tls,
                                                    .first_byte = FILE_BYTES,
                                                    .done = on_done,
                                                    .userdata = f},
                                    NULL),
                         0);
        run_until(f, &f->ended, 1);
        assert_int_equal(f->result.status, 416);
}

/* A client that does not take what comes holds the server back, and holds no more than its window
 * itself. */
static void test_backpressure(void **state)
{
        Download d = {.f = *state, .slow = true};
        Fixture *f = *state;
        uint64_t settled;

        make_file(f);
        download(&d, 0, 64 * KIB);
        RUN_UNTIL(f->event, d.most >= 64 * KIB);
        run_loop_for(f->event, 500);
        assert_true(d.most <= 96 * KIB);
        settled = d.most;
        for (int i = 0; i < 50; i++)
                sd_event_run(f->event, 1000);
        assert_int_equal(d.most, settled);
        assert_int_equal(d.at, 0);
        for (int i = 0; f->ended == 0; i++) {
                assert_true(i < 100000);
                if (d.request && d.credit == 0) {
                        d.credit = 50000;
                        http_continue(d.request);
                }
                sd_event_run(f->event, 100000);
        }
        assert_int_equal(f->result.error, 0);
        assert_int_equal(d.at, FILE_BYTES);
        assert_true(d.most <= 96 * KIB);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_backpressure, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
