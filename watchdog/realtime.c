/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source: mlockall(2), "real-time processes"; sched(7) */

#include "watchdog/realtime.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/macros.h"

/* Above the kernel's threaded interrupts (50), below its own stop and watchdog threads (99). */
#define PRIORITY    60
#define STACK_BYTES (128 * 1024)

/* The stack that will ever be used is there before it is needed. */
static void touch_stack(void)
{
        volatile char stack[STACK_BYTES];

        for (size_t i = 0; i < sizeof(stack); i += 1024)
                stack[i] = 0;
}

/* A journal that does not read costs lines, not time. */
static int never_wait_for_the_log(void)
{
        int flags = fcntl(STDERR_FILENO, F_GETFL);

        return flags < 0 || fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int realtime_enter(const char **ret_what)
{
        struct sched_param param = {.sched_priority = PRIORITY};
        int r = never_wait_for_the_log();

        *ret_what = "make the log not wait";
        if (r < 0)
                return r;
        *ret_what = "lock memory (CAP_IPC_LOCK, LimitMEMLOCK=)";
        touch_stack();
        if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
                return -errno;
        *ret_what = "be scheduled in real time (CAP_SYS_NICE, RestrictRealtime=)";
        if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) < 0)
                return -errno;
        return 0;
}
