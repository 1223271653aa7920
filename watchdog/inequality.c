/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each part of the inequality is a row: what has to be at most what, and what to say when it is
 * not. */

#include "watchdog/inequality.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/base/macros.h"

/* Longer than any setting that makes sense, and sums of a few do not overflow. */
#define TIME_MAX_NS (3600 * NSEC_PER_SEC)

typedef struct Part {
        bool applies;
        uint64_t least_ns, most_ns; /* least <= most has to hold */
        const char *what;
} Part;

static uint64_t whole_seconds(uint64_t ns)
{
        return MAX(ns / NSEC_PER_SEC, UINT64_C(1)) * NSEC_PER_SEC;
}

void inequality_fill(FenceTimes *times)
{
        uint64_t lease_ns = times->lease_ns;

        if (times->soft_ns == 0)
                times->soft_ns = lease_ns * 7 / 10;
        if (times->kill_ns == 0)
                times->kill_ns = MIN(lease_ns / 10, NSEC_PER_SEC);
        if (times->hard_ns == 0)
                times->hard_ns = lease_ns * 9 / 10;
        if (times->device_ns == 0)
                times->device_ns =
                        times->autonomous ? NSEC_PER_SEC : whole_seconds(lease_ns * 4 / 10);
        if (times->ask_ns == 0)
                times->ask_ns = 700 * NSEC_PER_MSEC;
}

static uint64_t longest(const FenceTimes *t)
{
        const uint64_t times[] = {t->lease_ns, t->delay_ns,  t->soft_ns, t->kill_ns,
                                  t->hard_ns,  t->device_ns, t->ask_ns};
        uint64_t longest_ns = 0;

        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                longest_ns = MAX(longest_ns, times[i]);
        return longest_ns;
}

/* One more nanosecond: where less is demanded, not at most. */
#define LESS 1

int inequality_check(const FenceTimes *t, char ret_why[static INEQUALITY_WHY_MAX])
{
        uint64_t drift_ns = t->lease_ns / INEQUALITY_DRIFT;
        uint64_t end_ns = t->lease_ns - drift_ns;
        uint64_t longest_ns = longest(t);
        uint64_t last_fed_ns = t->hard_ns > t->device_ns ? t->hard_ns - t->device_ns : 0;
        const Part parts[] = {
                {true, longest_ns, TIME_MAX_NS, "no time may be longer than an hour"},
                {true, NSEC_PER_SEC, t->lease_ns, "the lease (L) has to be a second at least"},
                {true, t->lease_ns / 2, t->soft_ns,
                 "the soft fence (S) must leave time for a second renewal: S >= L / 2"},
                {true, t->soft_ns + t->kill_ns + LESS, end_ns,
                 "the VMs have to be dead when the lease ends: S + K < L less 1 % for drift"},
                {true, t->kill_ns + drift_ns, t->delay_ns,
                 "the leader's delay (D) has to cover the kill time and drift: D >= K + L / 100"},
                {t->device, t->hard_ns + LESS, end_ns,
                 "the hardware has to reset the host before the lease ends: H < L less 1 % for "
                 "drift"},
                {t->device, t->lease_ns / INEQUALITY_RENEWALS + t->lease_ns / 20, last_fed_ns,
                 "the hardware has to be fed from one renewal to the next: H - W >= L / 3 + L / "
                 "20"},
                {t->autonomous, t->ask_ns + t->kill_ns + drift_ns, t->delay_ns,
                 "autonomous, the leader's delay (D) has to cover a round and the kill time: "
                 "D >= A + K + L / 100"},
                {t->autonomous && t->device, t->ask_ns + t->device_ns + drift_ns, t->delay_ns,
                 "autonomous, the leader's delay (D) has to cover a round and the hardware's "
                 "timeout: D >= A + W + L / 100"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                if (!parts[i].applies || parts[i].least_ns <= parts[i].most_ns)
                        continue;
                snprintf(ret_why, INEQUALITY_WHY_MAX, "%s, but %" PRIu64 " ms > %" PRIu64 " ms",
                         parts[i].what, parts[i].least_ns / NSEC_PER_MSEC,
                         parts[i].most_ns / NSEC_PER_MSEC);
                return INEQUALITY_BROKEN;
        }
        return 0;
}
