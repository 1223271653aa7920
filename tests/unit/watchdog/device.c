/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pipe stands for the device; that of QEMU is for the tests of the image. */

#include "watchdog/device.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/test.h"

static void a_pipe_sees_each_feeding(void **state)
{
        char dir[] = "/tmp/troupe-watchdog-XXXXXX", path[64], why[DEVICE_NAME_MAX * 2], seen[8];
        Device *device;
        int fd;

        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/device", dir);
        assert_int_equal(device_arm(path, 4, why, &device), -ENOENT);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(device_arm(path, 4, why, &device), -ENXIO); /* nobody reads */
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(device_arm(path, 4, why, &device), 0);
        assert_int_equal(read(fd, seen, sizeof(seen)), 1); /* arming feeds */
        assert_non_null(strstr(device_name(device), "no watchdog"));
        assert_int_equal(device_feed(device), 0);
        assert_int_equal(device_feed(device), 0);
        assert_int_equal(read(fd, seen, sizeof(seen)), 2);
        device_close(device, false);
        assert_int_equal(read(fd, seen, sizeof(seen)), 0);
        assert_int_equal(device_arm(path, 4, why, &device), 0);
        device_close(device, true);
        assert_int_equal(read(fd, seen, sizeof(seen)), 2);
        assert_int_equal(seen[1], 'V');
        close(fd);
        unlink(path);
        rmdir(dir);
}

static void what_cannot_be_written_to_is_refused(void **state)
{
        char why[DEVICE_NAME_MAX * 2];
        Device *device;

        assert_int_equal(device_arm("/dev/full", 4, why, &device), -ENOSPC);
        assert_int_equal(device_arm("/tmp", 4, why, &device), -EISDIR);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pipe_sees_each_feeding),
                cmocka_unit_test(what_cannot_be_written_to_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
