/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Defaults hold for every lease that a cluster may have; each part alone breaks it; and what is let
 * through is safe by arithmetic that is not the function's own. */

#include "watchdog/inequality.h"

#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/macros.h"
#include <stdio.h>

#include "tests/unit/test.h"

#define MS(n) ((uint64_t) (n) * NSEC_PER_MSEC)

static FenceTimes defaults(uint64_t lease_ms, bool device, bool autonomous)
{
        FenceTimes times = {.lease_ns = MS(lease_ms),
                            .delay_ns = MS(2000),
                            .device = device,
                            .autonomous = autonomous};

        inequality_fill(&times);
        return times;
}

static void expect(const FenceTimes *times, const char *broken)
{
        char why[INEQUALITY_WHY_MAX] = "";
        int r = inequality_check(times, why);

        assert_int_equal(r, broken ? INEQUALITY_BROKEN : 0);
        if (broken && !strstr(why, broken))
                fail_msg("\"%s\" does not speak of %s", why, broken);
}

static void defaults_hold(void **state)
{
        FenceTimes times = defaults(10000, true, false);

        assert_int_equal(times.soft_ns, MS(7000));
        assert_int_equal(times.kill_ns, MS(1000));
        assert_int_equal(times.hard_ns, MS(9000));
        assert_int_equal(times.device_ns, MS(4000));
        for (uint64_t lease_ms = 3000; lease_ms <= 600000; lease_ms += 1000)
                for (unsigned kind = 0; kind < 4; kind++) {
                        times = defaults(lease_ms, kind & 1, kind & 2);
                        /* as hostd makes a cluster with that lease; more where it is autonomous */
                        times.delay_ns = MAX(MS(2000), MS(1000) + times.lease_ns / 50);
                        if (kind & 2)
                                times.delay_ns += times.lease_ns / 50;
                        expect(&times, NULL);
                }
}

static void each_part_breaks_it(void **state)
{
        const struct {
                bool device, autonomous;
                size_t offset;
                uint64_t value_ms;
                const char *broken;
        } cases[] = {
                {false, false, offsetof(FenceTimes, soft_ns), 8900, "S + K < L"},
                {false, false, offsetof(FenceTimes, kill_ns), 3900, "S + K < L"},
                {false, false, offsetof(FenceTimes, soft_ns), 4999, "S >= L / 2"},
                {false, false, offsetof(FenceTimes, delay_ns), 1099, "D >= K"},
                {true, false, offsetof(FenceTimes, hard_ns), 9900, "H < L"},
                {true, false, offsetof(FenceTimes, device_ns), 6000, "H - W"},
                {true, false, offsetof(FenceTimes, hard_ns), 3000, "H - W"},
                {false, true, offsetof(FenceTimes, ask_ns), 1000, "D >= A + K"},
                {true, true, offsetof(FenceTimes, device_ns), 2000, "D >= A + W"},
                {false, false, offsetof(FenceTimes, lease_ns), 500, "a second"},
                {false, false, offsetof(FenceTimes, lease_ns), 7200000, "an hour"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                FenceTimes times = defaults(10000, cases[i].device, cases[i].autonomous);

                expect(&times, NULL);
                *(uint64_t *) ((char *) &times + cases[i].offset) = MS(cases[i].value_ms);
                expect(&times, cases[i].broken);
        }
        /* the last that is let through */
        FenceTimes edge = defaults(10000, false, false);

        edge.soft_ns = MS(8900) - 1;
        expect(&edge, NULL);
}

/* Clocks that run off by half of the drift each way, and whatever passes: dead before replaced. */
static void what_passes_is_safe(void **state)
{
        uint64_t random = 1, passed = 0;
        char why[INEQUALITY_WHY_MAX];

        for (unsigned i = 0; i < 200000; i++) {
                FenceTimes t = defaults(1000 + random_below(&random, 20000),
                                        random_below(&random, 2), random_below(&random, 2));
                double slow = 1.0 + 0.4 / INEQUALITY_DRIFT, fast = 1.0 - 0.4 / INEQUALITY_DRIFT;

                t.soft_ns = MS(random_below(&random, 20000));
                t.kill_ns = MS(1 + random_below(&random, 3000));
                t.hard_ns = MS(random_below(&random, 20000));
                t.device_ns = MS(1000 * (1 + random_below(&random, 5)));
                t.delay_ns = MS(random_below(&random, 6000));
                if (inequality_check(&t, why) != 0)
                        continue;
                passed++;
                /* host's clock slow, etcd's leader's fast */
                assert_true((double) (t.soft_ns + t.kill_ns) * slow < (double) t.lease_ns * fast);
                if (t.device)
                        assert_true((double) t.hard_ns * slow < (double) t.lease_ns * fast);
                if (t.autonomous) {
                        assert_true((double) (t.ask_ns + t.kill_ns) * slow <
                                    (double) t.delay_ns * fast);
                        if (t.device)
                                assert_true((double) (t.ask_ns + t.device_ns) * slow <
                                            (double) t.delay_ns * fast);
                }
        }
        assert_true(passed > 500);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_hold),
                cmocka_unit_test(each_part_breaks_it),
                cmocka_unit_test(what_passes_is_safe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
