/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

static char folder[] = "/tmp/troupe-file-XXXXXX";

static int setup(void **state)
{
        return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
        return rmdir(folder);
}

static void replaces_and_reads_back(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/a", folder), *data = NULL;
        size_t length = 0;
        struct stat st;

        assert_int_equal(file_write_atomic(AT_FDCWD, path, "one", 3, 0600), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, "zw\0lf", 5, 0640), 0);
        assert_int_equal(file_read(AT_FDCWD, path, 5, &data, &length), 0);
        assert_int_equal(length, 5);
        assert_memory_equal(data, "zw\0lf", 6);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
        assert_int_equal(unlink(path), 0);
}

static void refuses_more_than_allowed(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/b", folder), *data = NULL;

        assert_int_equal(file_write_atomic(AT_FDCWD, path, "123456", 6, 0600), 0);
        assert_int_equal(file_read(AT_FDCWD, path, 5, &data, NULL), -EFBIG);
        assert_null(data);
        assert_int_equal(file_read(AT_FDCWD, "/dev/zero", 1000000, &data, NULL), -EFBIG);
        assert_int_equal(unlink(path), 0);
}

static void failure_leaves_the_old_file(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/none/c", folder);

        assert_int_equal(file_write_atomic(AT_FDCWD, path, "x", 1, 0600), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(replaces_and_reads_back),
                cmocka_unit_test(refuses_more_than_allowed),
                cmocka_unit_test(failure_leaves_the_old_file),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
