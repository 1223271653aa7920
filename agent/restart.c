/* SPDX-License-Identifier: GPL-3.0-or-later */

/* When a program that has ended is started again. */

#include "agent/restart.h"

#define FAILURES_MAX 32 /* counts no further */

uint64_t restart_delay_ns(Restart *restart, uint64_t ran_ns)
{
        uint64_t delay_ns = 0;
        unsigned doublings = 0;

        if (ran_ns >= RESTART_GOOD_NS)
                restart->failures = 0;
        if (restart->failures > 0) {
                doublings = MIN(restart->failures - 1, 6U);
                delay_ns = MIN(RESTART_DELAY_NS << doublings, (uint64_t) RESTART_DELAY_MAX_NS);
        }
        if (restart->failures < FAILURES_MAX)
                restart->failures++;
        return delay_ns;
}

bool restart_is_cycling(const Restart *restart)
{
        return restart->failures >= RESTART_CYCLING_FAILURES;
}
