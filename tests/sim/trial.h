/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A run of the simulator: the acts of a seed, done to a world. */

#include "tests/sim/acts.h"

#define TRIAL_QUIET_HOURS 3 /* after the last fault: several rounds of the healing ladder */

typedef struct Result {
        char violation[256];
        const char *kind; /* world_violation_kind() */
        WorldStatistics statistics;
} Result;

/** trial_run() - Do the @n acts to a new world; Result.violation is "" if all held */
Result trial_run(const Options *options, const Act *acts, size_t n, FILE *log);

/** trial_explain() - Leave out of the acts what it does not take to break the same rule, and print
 * that run */
void trial_explain(const Options *options, Act *acts, size_t n, const Result *result);

/**
 * trial_seeds() - Run Options.runs seeds
 * @options:  the first seed, and of what size
 * @expected: NULL: what does not hold is explained. Else a part of the violation that is looked
 * for; others are passed over
 * @total:    added to
 *
 * Return: whether all held, or the one that is looked for was not found.
 */
bool trial_seeds(const Options *options, const char *expected, WorldStatistics *total);
