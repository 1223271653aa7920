/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Downloads of the fixture's file, checked byte by byte, by a client that may take its time. */

#include "tests/unit/lib/io/https-fixture.h"

static _unused_ void make_file(Fixture *f)
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

static _unused_ size_t on_data(void *userdata, const char *data, size_t length)
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

static _unused_ void on_downloaded(void *userdata, const HttpResult *result)
{
        Download *d = userdata;

        d->status = result->status;
        d->credit = UINT64_MAX;
        if (result->length > 0)
                on_data(d, result->body, result->length);
        d->request = NULL;
        on_done(d->f, result);
}

static _unused_ void download(Download *d, uint64_t from, size_t window)
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
