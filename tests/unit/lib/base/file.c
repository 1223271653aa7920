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

static void a_directory_goes_with_what_is_in_it(void **state)
{
        _cleanup_free_ char *command =
                str_printf("mkdir -p %s/d/empty %s/deep/a && touch %s/d/x %s/d/.y %s/deep/a/b "
                           "%s/other && ln -s other %s/d/link && ln -s d %s/to-d",
                           folder, folder, folder, folder, folder, folder, folder, folder);
        _cleanup_free_ char *path = str_printf("%s/d", folder), *link = NULL, *deep = NULL;
        _cleanup_free_ char *other = str_printf("%s/other", folder), *inner = NULL;

        assert_int_equal(system(command), 0);
        link = str_printf("%s/to-d", folder);
        assert_true(file_remove_directory(AT_FDCWD, link) < 0);
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(file_remove_directory(AT_FDCWD, path), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(access(other, F_OK), 0);
        assert_int_equal(file_remove_directory(AT_FDCWD, path), 0);
        deep = str_printf("%s/deep", folder);
        assert_int_equal(file_remove_directory(AT_FDCWD, deep), -ENOTEMPTY);
        inner = str_printf("%s/deep/a", folder);
        assert_int_equal(file_remove_directory(AT_FDCWD, inner), 0);
        assert_int_equal(file_remove_directory(AT_FDCWD, deep), 0);
        assert_int_equal(unlink(link), 0);
        assert_int_equal(unlink(other), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(replaces_and_reads_back),
                cmocka_unit_test(refuses_more_than_allowed),
                cmocka_unit_test(failure_leaves_the_old_file),
                cmocka_unit_test(a_directory_goes_with_what_is_in_it),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
