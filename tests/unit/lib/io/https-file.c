/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers that are files: whole, in part, and to a client that does not take them. */

#include "tests/unit/lib/io/https-fixture.h"

static void make_file(Fixture *f)
{
        FILE *file = fopen(test_pki_path(&f->pki, "file"), "w");

        for (uint64_t i = 0; i < FILE_BYTES; i++)
                fputc((int) (i * 7 + i / 251) & 0xff, file);
        fclose(file);
}

typedef struct Download {
        Fixture *f;
        HttpRequest *request;
        uint64_t at, most;
        unsigned status;
        bool slow; /* takes something only each time it is told to */
        uint64_t credit;
} Download;

static size_t on_data(void *userdata, const char *data, size_t length)
{
        Download *d = userdata;
        size_t n = d->slow ? MIN((uint64_t) length, d->credit) : length;

        d->status = http_status(d->request);
        d->most = MAX(d->most, (uint64_t) length);
        for (size_t i = 0; i < n; i++, d->at++)
                assert_int_equal((uint8_t) data[i], (d->at * 7 + d->at / 251) & 0xff);
        d->credit -= d->slow ? n : 0;
        return n;
}

static void on_downloaded(void *userdata, const HttpResult *result)
{
        Download *d = userdata;

        d->status = result->status;
        d->credit = UINT64_MAX;
        if (result->length > 0)
                on_data(d, result->body, result->length);
        d->request = NULL;
        on_done(d->f, result);
}

static void download(Download *d, uint64_t from, size_t window)
{
        Fixture *f = d->f;

        f->ended = 0;
        d->at = from;
        assert_int_equal(http_start(f->http,
                                    &(HttpOptions) {.url = url(f, "/file"),
                                                    .tls = &f->tls,
                                                    .first_byte = from,
                                                    .window = window,
                                                    .stall_ns = 10 * NSEC_PER_SEC,
                                                    .data = on_data,
                                                    .done = on_downloaded,
                                                    .userdata = d},
                                    &d->request),
                         0);
}

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
        for (int i = 0; i < 50; i++)
                sd_event_run(f->event, 10000);
        assert_true(d.most > 0 && d.most <= 96 * KIB);
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
