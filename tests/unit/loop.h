/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Turning the loop of a test. */

#include <systemd/sd-event.h>

#include "lib/base/clock.h"
#include "tests/unit/test.h"

/* Longer than anything takes that works, also on a machine that is slow and busy. */
#define LOOP_PATIENCE_NS (60 * NSEC_PER_SEC)

/* Turns the loop until the condition holds; one that never does fails the test. */
#define RUN_UNTIL(event, condition)                                                                \
        do {                                                                                       \
                uint64_t give_up_ns = clock_boottime_ns() + LOOP_PATIENCE_NS;                      \
                while (!(condition)) {                                                             \
                        if (clock_boottime_ns() > give_up_ns)                                      \
                                fail_msg("never came true: %s", #condition);                       \
                        assert_true(sd_event_run(event, 20000) >= 0);                              \
                }                                                                                  \
        } while (0)

/* Turns it for a while, to show that nothing happens. */
static inline void run_loop_for(sd_event *event, uint64_t ms)
{
        uint64_t end_ns = clock_boottime_ns() + ms * NSEC_PER_MSEC;

        while (clock_boottime_ns() < end_ns)
                assert_true(sd_event_run(event, 5000) >= 0);
}
