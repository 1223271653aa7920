/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A run of the simulator: the acts of a seed, done to a world. */

#include "tests/sim/acts.h"

#define TRIAL_QUIET_HOURS 3 /* after the last fault: several rounds of the healing ladder */

typedef struct Result {
        char violation[256];
        WorldStatistics statistics;
} Result;

/** trial_run() - Do the @n acts to a new world; Result.violation is "" if all held */
Result trial_run(const Options *options, const Act *acts, size_t n, FILE *log);

/** trial_explain() - Leave out of the acts what it does not take to fail, and print that run */
void trial_explain(const Options *options, Act *acts, size_t n, const char *violation);
