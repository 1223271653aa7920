/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The simulator: faults and requests out of a seed against a world.
 *
 *   simulator [--seed=N] [--runs=N] [--hosts=N] [--hours=H] [--mutate=NAME] [--log]
 *
 * Without arguments it is a test: a fixed set of seeds on clusters of several sizes must hold,
 * every mutation must be found, and the speed must be at least 1,000 host-hours a second of the
 * processor. Some seeds are fresh at each run; their numbers are printed. When something does not
 * hold, the acts are reduced to those that it takes, and that run is printed.
 */

#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "tests/sim/clocks.h"
#include "tests/sim/deeds.h"
#include "tests/sim/mutations.h"
#include "tests/sim/trial.h"

#define SPEED_HOSTHOURS 1000.0

static bool report(const Options *options)
{
        clock_t start = clock(); /* of the processor: what else runs there does not count */
        WorldStatistics total = {};
        bool held = trial_seeds(options, NULL, &total);
        double host_hours = (options->hours + TRIAL_QUIET_HOURS) * options->n_hosts * options->runs;
        double spent_s;

        spent_s = (double) (clock() - start) / CLOCKS_PER_SEC;
        printf("%u seeds from %llu, %u hosts, %.2f hours: %s; %llu steps, %llu transactions, %llu "
               "refused, %llu elections, %llu placements, %llu walks, %llu given up; lost and back "
               "after at most %.1f s; %.0f host-hours, %.0f a second\n",
               options->runs, (unsigned long long) options->seed, options->n_hosts, options->hours,
               held ? "held" : "FAILED", (unsigned long long) total.steps,
               (unsigned long long) total.transactions, (unsigned long long) total.refused,
               (unsigned long long) total.elections, (unsigned long long) total.placements,
               (unsigned long long) total.walks, (unsigned long long) total.reverts,
               (double) total.recovery_ns / 1e9, host_hours, host_hours / spent_s);
        fflush(stdout);
        /* the faults are per hour, not per host: on a few hosts their cost is all there is */
        return held && (options->n_hosts < 50 || host_hours / spent_s >= SPEED_HOSTHOURS);
}

static bool clocks_held(void)
{
        Options options = {.seed = 1, .n_hosts = 6, .hours = 2};
        bool held = true;

        for (; options.seed <= 10 && held; options.seed++)
                held = clocks_decide_nothing(&options);
        printf("clocks that are set decide nothing: %s\n", held ? "held" : "DID NOT HOLD");
        return held;
}

static bool test(void)
{
        static const Options sets[] = {
                {.seed = 1, .runs = 40, .n_hosts = 1, .hours = 3},
                {.seed = 100, .runs = 60, .n_hosts = 3, .hours = 4},
                {.seed = 200, .runs = 40, .n_hosts = 7, .hours = 4},
                {.seed = 300, .runs = 6, .n_hosts = 60, .hours = 2},
                {.seed = 400, .runs = 1, .n_hosts = 1000, .hours = 0.5},
                {.seed = 500, .runs = 1, .n_hosts = 10000, .hours = 0.2},
        };
        Options fresh = {.seed = clock_realtime_us(), .runs = 10, .n_hosts = 5, .hours = 3};
        bool held = true;

        for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
                held &= report(&sets[i]);
        held &= report(&fresh);
        held &= deeds_leaders_die();
        held &= clocks_held();
        return held & mutations_found();
}

static Mutation parse_mutation(const char *name)
{
        for (unsigned mutation = 0; mutation < MUTATIONS; mutation++)
                if (str_equal(mutation_to_string(mutation), name))
                        return mutation;
        fprintf(stderr, "simulator: there is no mutation '%s'\n", name);
        exit(EXIT_FAILURE);
}

int main(int argc, char *argv[])
{
        static const struct option long_options[] = {
                {"seed", required_argument, NULL, 's'},
                {"runs", required_argument, NULL, 'r'},
                {"hosts", required_argument, NULL, 'n'},
                {"hours", required_argument, NULL, 't'},
                {"mutate", required_argument, NULL, 'm'},
                {"log", no_argument, NULL, 'l'},
                {},
        };
        Options options = {.seed = 1, .runs = 1, .n_hosts = 5, .hours = 4};
        int c;

        if (argc == 1)
                return test() ? EXIT_SUCCESS : EXIT_FAILURE;
        while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
                if (c == 's')
                        options.seed = strtoull(optarg, NULL, 10);
                else if (c == 'r')
                        options.runs = (unsigned) strtoul(optarg, NULL, 10);
                else if (c == 'n')
                        options.n_hosts = (unsigned) strtoul(optarg, NULL, 10);
                else if (c == 't')
                        options.hours = strtod(optarg, NULL);
                else if (c == 'm')
                        options.mutation = parse_mutation(optarg);
                else if (c == 'l')
                        options.log = true;
                else
                        return EXIT_FAILURE;
        }
        if (options.n_hosts == 0 || options.n_hosts > 10000 || options.hours <= 0)
                return EXIT_FAILURE;
        return report(&options) ? EXIT_SUCCESS : EXIT_FAILURE;
}
