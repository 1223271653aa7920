/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Killed at any byte of a write, what was before or what is now is read back. */

#include "watchdog/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/troupe-watchdog-XXXXXX", path[64];

static int setup(void **state)
{
        strcpy(strrchr(dir, '-'), "-XXXXXX");
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/guard", dir);
        return 0;
}

static int teardown(void **state)
{
        unlink(path);
        return rmdir(dir);
}

static void goes_on_where_it_was(void **state)
{
        Remembered written = {.guard = {.state = GUARD_HELD, .sent_ns = 7}, .n_pools = 1},
                   read = {};
        Memory *memory;

        assert_int_equal(memory_open(path, &read, &memory), MEMORY_NEW);
        memory_write(memory, &written);
        written.guard.sent_ns = 8;
        memory_write(memory, &written);
        memory_write(memory, &written);
        memory_close(memory);
        assert_int_equal(memory_open(path, &read, &memory), 0);
        assert_memory_equal(&read, &written, sizeof(read));
        memory_close(memory);
}

static void write_file(const char *data, size_t length)
{
        int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

        assert_int_equal(file_write_all(fd, data, length), 0);
        close(fd);
}

static void a_torn_write_is_seen(void **state)
{
        Remembered written = {.guard = {.state = GUARD_ALONE, .sent_ns = 1}}, read = {};
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t length, differ = 0;
        Memory *memory;

        assert_int_equal(memory_open(path, &read, &memory), MEMORY_NEW);
        memory_write(memory, &written);
        assert_int_equal(file_read(AT_FDCWD, path, 64 * KIB, &first, &length), 0);
        written.guard.sent_ns = UINT64_C(0x0202020202020202);
        memory_write(memory, &written);
        assert_int_equal(file_read(AT_FDCWD, path, 64 * KIB, &second, &length), 0);
        memory_close(memory);
        for (size_t i = 0; i < length; i++) {
                if (first[i] == second[i])
                        continue;
                differ++;
                first[i] = second[i]; /* the second write has come this far */
                write_file(first, length);
                assert_int_equal(memory_open(path, &read, &memory), 0);
                assert_true(read.guard.sent_ns == 1 || read.guard.sent_ns == written.guard.sent_ns);
                memory_close(memory);
        }
        assert_true(differ > 8);
        /* neither is whole */
        memset(first, 'x', length);
        write_file(first, length);
        assert_int_equal(memory_open(path, &read, &memory), MEMORY_TORN);
        memory_close(memory);
        memset(first, 0, length);
        write_file(first, length);
        assert_int_equal(memory_open(path, &read, &memory), MEMORY_TORN);
        memory_close(memory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(goes_on_where_it_was, setup, teardown),
                cmocka_unit_test_setup_teardown(a_torn_write_is_seen, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
