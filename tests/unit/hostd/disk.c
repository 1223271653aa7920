/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/disk.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/troupe-disk-XXXXXX";

static int setup(void **state)
{
        char image[] = "0123456789abcdef";
        char *path;

        assert_non_null(mkdtemp(dir));
        path = str_printf("%s/image", dir);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, image, sizeof(image), 0444), 0);
        free(path);
        return 0;
}

static int teardown(void **state)
{
        char *path = str_printf("%s/image", dir);

        unlink(path);
        free(path);
        return rmdir(dir);
}

static void an_overlay_is_made_anew_and_lies_over_its_image(void **state)
{
        _cleanup_free_ char *image = str_printf("%s/image", dir),
                            *path = str_printf("%s/overlay", dir);
        _cleanup_free_ char *data = NULL;
        char *message = NULL;
        struct stat st;

        assert_int_equal(file_write_atomic(AT_FDCWD, path, "old", 3, 0600), 0);
        assert_int_equal(disk_create_overlay(image, "raw", path, 64 * MIB, &message), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0660);
        assert_int_equal(file_read(AT_FDCWD, path, MIB, &data, NULL), 0);
        assert_memory_equal(data, "QFI\xfb", 4);
        assert_non_null(memmem(data, 4096, image, strlen(image)));
        assert_int_equal(disk_remove(path), 0);
        assert_int_equal(disk_remove(path), 0);
}

static void a_missing_image_is_told_and_leaves_nothing(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/overlay", dir);
        char *message = NULL;

        assert_int_equal(disk_create_overlay("/nonexistent/image", "raw", path, 64 * MIB, &message),
                         DISK_FAILED);
        assert_non_null(strstr(message, "/nonexistent/image"));
        assert_int_equal(access(path, F_OK), -1);
        free(message);
}

static void an_empty_disk_takes_no_room(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/local", dir);
        char *message = NULL;
        struct stat st;

        assert_int_equal(disk_create_empty(path, GIB, &message), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_true((uint64_t) st.st_size == GIB);
        assert_true((uint64_t) st.st_blocks * 512 < MIB);
        assert_int_equal(disk_remove(path), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_overlay_is_made_anew_and_lies_over_its_image),
                cmocka_unit_test(a_missing_image_is_told_and_leaves_nothing),
                cmocka_unit_test(an_empty_disk_takes_no_room),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
