/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The checks must be able to fail: each deliberate mistake is found within some seeds, and by the
 * check that is meant for it. */

#include "tests/sim/mutations.h"

#include <stdio.h>

#include "lib/base/macros.h"
#include "tests/sim/clocks.h"
#include "tests/sim/trial.h"

#define SEEDS 1000

static const char *const violations[MUTATIONS] = {
        [MUTATE_LATE_FENCE] = "runs twice",
        [MUTATE_NO_ELECTION] = "goes from",
        [MUTATE_NO_ABSENT] = "runs twice",
        [MUTATE_NO_RENEWAL] = "runs twice",
        [MUTATE_EARLY_WORD] = "runs twice",
        [MUTATE_NO_DELAY] = "runs twice",
        [MUTATE_LATE_WATCHDOG] = "runs twice",
        [MUTATE_ONE_RACK] = "room on",
        [MUTATE_ONE_DOMAIN] = "of another upgrade domain",
        [MUTATE_DEAF] = "does not run",
        [MUTATE_NO_REREAD] = "in the end",
};

static bool wall_clock_found(void)
{
        Options options = {.n_hosts = 6, .hours = 2, .mutation = MUTATE_WALL_CLOCK};

        for (options.seed = 1; options.seed <= SEEDS; options.seed++)
                if (!clocks_decide_nothing(&options))
                        return true;
        return false;
}

static bool is_found(Mutation mutation)
{
        Options options = {
                .seed = 1, .runs = SEEDS, .n_hosts = 6, .hours = 2, .mutation = mutation};
        WorldStatistics total = {};

        if (mutation == MUTATE_WALL_CLOCK)
                return wall_clock_found();
        return !trial_seeds(&options, violations[mutation], &total);
}

bool mutations_found(void)
{
        bool all = true;

        for (unsigned mutation = 1; mutation < MUTATIONS; mutation++) {
                bool found;

                printf("mutation %s:\n", mutation_to_string(mutation));
                found = is_found(mutation);
                printf("  %s\n", found ? "found" : "NOT FOUND");
                all &= found;
        }
        return all;
}
