/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are not in memory: read by the thread, sent all the same, also when the server ends in
 * the middle. */

#include <errno.h>
#include <sys/uio.h>

#include "lib/io/https-internal.h"
#include "tests/unit/lib/io/https-download.h"

/* As the kernel answers for what is not in memory. Thrown out of memory, a file may be back by the
 * time that it is read: it is read ahead. */
ssize_t preadv2(int fd, const struct iovec *pieces, int n_pieces, off_t offset, int flags)
{
        if (flags & RWF_NOWAIT) {
                errno = EAGAIN;
                return -1;
        }
        return preadv(fd, pieces, n_pieces, offset);
}

static void test_cold_file(void **state)
{
        Fixture *f = *state;
        Download d = {.f = f};

        make_file(f);
        download(&d, 0, 0);
        run_until(f, &f->ended, 1);
        assert_int_equal(d.status, 200);
        assert_int_equal(d.at, FILE_BYTES);
        assert_true(https_reader_count(f->server) > 0); /* by the thread */
}

static void test_server_ends_while_reading(void **state)
{
        Fixture *f = *state;

        for (int i = 0; i < 20; i++) {
                HttpsServerConfig config = config_of(f);
                Download d = {.f = f};

                make_file(f);
                download(&d, 0, 0);
                for (int n = 0; n < 10 + i; n++)
                        sd_event_run(f->event, 1000);
                serve(f, &config);
                run_until(f, &f->ended, 1);
                be(f, "h2");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_cold_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_server_ends_while_reading, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
