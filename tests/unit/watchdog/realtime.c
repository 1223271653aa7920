/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "watchdog/realtime.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/base/file.h"
#include "lib/base/macros.h"
#include "tests/unit/test.h"

/* In a child, which ends with what it did. */
static int enter(void)
{
        _cleanup_free_ char *status = NULL;
        const char *what = "", *locked;

        if (realtime_enter(&what) < 0) {
                printf("cannot %s\n", what);
                return 77;
        }
        if (sched_getscheduler(0) != (SCHED_FIFO | SCHED_RESET_ON_FORK))
                return 1;
        if (!(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK))
                return 2;
        if (file_read(AT_FDCWD, "/proc/self/status", 64 * KIB, &status, NULL) < 0)
                return 3;
        locked = strstr(status, "VmLck:");
#ifdef __SANITIZE_ADDRESS__
        return 0; /* it takes mlockall() for itself, and locks nothing */
#endif
        return locked && strtoul(locked + strlen("VmLck:"), NULL, 10) > 1000 ? 0 : 4;
}

static void locks_memory_and_comes_first(void **state)
{
        pid_t pid = fork();
        int status;

        if (pid == 0)
                _exit(enter());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(locks_memory_and_comes_first),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
