/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are not in memory: read by the thread, sent all the same, also when the server ends in
 * the middle. */

#include <linux/magic.h>
#include <sys/vfs.h>

#include "lib/io/https-internal.h"
#include "tests/unit/lib/io/https-download.h"

/* Throws the file out of memory; skips where it lives nowhere else. */
static void make_cold(Fixture *f)
{
        struct statfs where;
        int fd;

        make_file(f);
        fd = open(test_pki_path(&f->pki, "file"), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fstatfs(fd, &where), 0);
        if (where.f_type == TMPFS_MAGIC) {
                close(fd);
                skip();
        }
        assert_int_equal(fsync(fd), 0);
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        close(fd);
}

static void test_cold_file(void **state)
{
        Fixture *f = *state;
        Download d = {.f = f};

        make_cold(f);
        download(&d, 0, 0);
        run_until(f, &f->ended, 1);
        assert_int_equal(d.status, 200);
        assert_int_equal(d.at, FILE_BYTES);
        assert_true(https_reader_count(f->server) > 0);
}

static void test_server_ends_while_reading(void **state)
{
        Fixture *f = *state;

        for (int i = 0; i < 20; i++) {
                HttpsServerConfig config = config_of(f);
                Download d = {.f = f};

                make_cold(f);
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
