/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A /proc of our own, and the machine's. */

#include "watchdog/shutdown.h"

#include "tests/unit/watchdog/ground.h"

static void process_one_is(const char *dir, const char *name)
{
        char path[PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "%s/1", dir);
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        snprintf(path, sizeof(path), "%s/1/comm", dir);
        fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, name, strlen(name)), (ssize_t) strlen(name));
        close(fd);
}

static void only_systemd_shutdown_is_one(void **state)
{
        char dir[] = "/tmp/troupe-shutdown-XXXXXX", command[64];

        assert_non_null(mkdtemp(dir));
        assert_false(shutdown_begun(dir)); /* there is no process 1 to be seen */
        process_one_is(dir, "systemd\n");
        assert_false(shutdown_begun(dir));
        process_one_is(dir, "systemd-shutdow\n");
        assert_true(shutdown_begun(dir));
        process_one_is(dir, "systemd-shutdown-of-something-else-whose-name-is-longer-than-any\n");
        assert_false(shutdown_begun(dir));
        assert_false(shutdown_begun("/proc"));
        snprintf(command, sizeof(command), "rm -r %s", dir);
        assert_int_equal(system(command), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_systemd_shutdown_is_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
