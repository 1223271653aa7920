/* SPDX-License-Identifier: GPL-3.0-or-later */

/* One run from its first act to the quiet at its end, and the fewest acts that make it fail. */

#include "tests/sim/trial.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "lib/base/clock.h"
#include "lib/base/macros.h"

#define SECOND NSEC_PER_SEC
#define HOUR   (3600 * SECOND)

/* The next end of a fault that has begun; -1 when none is left before @limit_ns. */
static ssize_t next_end(const Act *acts, size_t n_begun, const bool *ended, uint64_t limit_ns)
{
        ssize_t next = -1;

        for (size_t i = 0; i < n_begun; i++)
                if (!ended[i] && acts[i].end_ns <= limit_ns &&
                    (next < 0 || acts[i].end_ns < acts[next].end_ns))
                        next = (ssize_t) i;
        return next;
}

Result trial_run(const Options *options, const Act *acts, size_t n, FILE *log)
{
        WorldConfig config = {
                .seed = options->seed,
                .n_hosts = options->n_hosts,
                .n_domains = MIN(options->n_hosts, 5u),
                .vcpus = 16,
                .memory_bytes = 16 * GIB,
                .latency_ns = (options->seed % 4 == 0 ? 2000 : 200) * NSEC_PER_MSEC,
                .boot_ns = 15 * SECOND,
                .stop_ns = 20 * SECOND,
                .mutation = options->mutation,
                .still = options->still,
                .log = log,
        };
        World *world = world_new(&config);
        bool *ended = calloc(n + 1, 1);
        Result result = {};
        size_t begun = 0, first = 0;
        double last_ns = options->hours * (double) HOUR;

        if (!ended)
                abort();
        for (;;) {
                uint64_t limit_ns = begun < n ? acts[begun].start_ns : UINT64_MAX;
                ssize_t over;

                while (first < begun && ended[first])
                        first++;
                over = next_end(acts + first, begun - first, ended + first, limit_ns);
                if (over < 0 && begun == n)
                        break;
                if (over >= 0) {
                        over += (ssize_t) first;
                        world_run(world, acts[over].end_ns);
                        act_end(world, options, &acts[over]);
                        ended[over] = true;
                } else {
                        world_run(world, acts[begun].start_ns);
                        act_begin(world, options, &acts[begun], (unsigned) begun);
                        begun++;
                }
                if (world_violation(world))
                        break;
        }
        world_run(world, MAX(world_now_ns(world), (uint64_t) last_ns));
        world_mend_all(world);
        for (unsigned i = 0; i < options->n_hosts; i++) {
                char name[16];

                snprintf(name, sizeof(name), "h%u", i);
                world_request(world, &(FabricRequest) {.kind = FABRIC_UNCORDON, .host = name});
        }
        world_run(world, world_now_ns(world) + 600 * SECOND);
        world_mend_all(world); /* roles that began to cycle while they were starting */
        world_run(world, world_now_ns(world) + TRIAL_QUIET_HOURS * HOUR);
        world_check_quiet(world);
        if (world_violation(world))
                snprintf(result.violation, sizeof(result.violation), "%s", world_violation(world));
        result.kind = world_violation_kind(world);
        result.statistics = world_statistics(world);
        world_free(world);
        free(ended);
        return result;
}

/* Leaves out what it does not take, first large parts, then single acts. */
static size_t shrink(const Options *options, Act *acts, size_t n, const char *kind)
{
        for (size_t part = n / 2; part > 0; part /= 2)
                for (size_t at = 0; at + part <= n;) {
                        Act *fewer = calloc(n, sizeof(*fewer));

                        if (!fewer)
                                abort();
                        memcpy(fewer, acts, at * sizeof(*acts));
                        memcpy(fewer + at, acts + at + part, (n - at - part) * sizeof(*acts));
                        if (trial_run(options, fewer, n - part, NULL).kind == kind) {
                                n -= part;
                                memcpy(acts, fewer, n * sizeof(*acts));
                        } else {
                                at += part;
                        }
                        free(fewer);
                }
        return n;
}

void trial_explain(const Options *options, Act *acts, size_t n, const Result *result)
{
        printf("seed %llu, %u hosts, %.2f hours: %s\n", (unsigned long long) options->seed,
               options->n_hosts, options->hours, result->violation);
        fflush(stdout); /* shrinking may take long */
        n = shrink(options, acts, n, result->kind);
        printf("the %zu acts that it takes:\n", n);
        for (size_t i = 0; i < n; i++)
                printf("  %10.3f to %10.3f  %s %llu\n", (double) acts[i].start_ns / 1e9,
                       (double) acts[i].end_ns / 1e9, act_to_string(acts[i].kind),
                       (unsigned long long) (acts[i].a % options->n_hosts));
        printf("and what happens:\n");
        trial_run(options, acts, n, stdout);
}

bool trial_seeds(const Options *options, const char *expected, WorldStatistics *total)
{
        for (unsigned i = 0; i < options->runs; i++) {
                Options one = *options;
                Result result;
                size_t n;
                Act *acts;

                one.seed = options->seed + i;
                acts = acts_make(&one, &n);
                result = trial_run(&one, acts, n, options->log ? stdout : NULL);
                total->steps += result.statistics.steps;
                total->transactions += result.statistics.transactions;
                total->refused += result.statistics.refused;
                total->elections += result.statistics.elections;
                total->placements += result.statistics.placements;
                total->walks += result.statistics.walks;
                total->reverts += result.statistics.reverts;
                total->recovery_ns = MAX(total->recovery_ns, result.statistics.recovery_ns);
                if (result.violation[0] && !expected)
                        trial_explain(&one, acts, n, &result);
                free(acts);
                if (result.violation[0] && (!expected || strstr(result.violation, expected))) {
                        if (expected)
                                printf("  seed %llu: %s\n", (unsigned long long) one.seed,
                                       result.violation);
                        return false;
                }
        }
        return true;
}
