/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "watchdog/guard.h"

#include "lib/base/hash.h"
#include "lib/base/macros.h"
#include "tests/unit/test.h"

#define MS(n) ((uint64_t) (n) * NSEC_PER_MSEC)
#define T0    MS(1000000)

static Guard begin(bool device, bool autonomous)
{
        FenceTimes times = {.lease_ns = MS(10000),
                            .soft_ns = MS(6000),
                            .delay_ns = MS(2000),
                            .device = device,
                            .autonomous = autonomous};
        Guard guard;

        inequality_fill(&times);
        guard_init(&guard, &times);
        return guard;
}

static void expect(Guard *guard, bool running, uint64_t now_ns, GuardState state, bool kill,
                   bool feed)
{
        GuardActions actions = guard_step(guard, running, now_ns);

        assert_string_equal(guard_state_to_string((GuardState) guard->state),
                            guard_state_to_string(state));
        assert_int_equal(actions.kill, kill);
        assert_int_equal(actions.feed, feed);
}

static void a_renewed_lease_is_left_alone(void **state)
{
        Guard guard = begin(true, false);

        expect(&guard, false, T0, GUARD_IDLE, false, true);
        assert_int_equal(guard_hold(&guard, T0, T0 + MS(50)), 0);
        for (unsigned i = 0; i < 100; i++) {
                uint64_t now_ns = T0 + i * MS(3400);

                assert_int_equal(guard_renew(&guard, now_ns, now_ns + MS(80)), 0);
                expect(&guard, true, now_ns + MS(3300), GUARD_HELD, false, true);
        }
}

static void without_renewals_it_fences_in_time(void **state)
{
        Guard guard = begin(true, false);

        assert_int_equal(guard_hold(&guard, T0, T0 + MS(50)), 0);
        assert_int_equal(guard_deadline(&guard), T0 + MS(6000));
        assert_int_equal(guard_last_feed(&guard), T0 + MS(5000));
        expect(&guard, true, T0 + MS(5000), GUARD_HELD, false, true);
        expect(&guard, true, T0 + MS(5001), GUARD_HELD, false, false);
        expect(&guard, true, T0 + MS(5999), GUARD_HELD, false, false);
        expect(&guard, true, T0 + MS(6000), GUARD_FENCING, true, false);
        /* until nothing is left, and not taken for dead by the look before the kill */
        expect(&guard, true, T0 + MS(6010), GUARD_FENCING, true, false);
        assert_int_equal(guard_hold(&guard, T0 + MS(6010), T0 + MS(6011)), GUARD_BUSY);
        expect(&guard, false, T0 + MS(6020), GUARD_FENCED, false, true);
        assert_int_equal(guard.fenced_ns, T0 + MS(6020));
        /* a renewal does not end it, and what appears is killed */
        assert_int_equal(guard_renew(&guard, T0 + MS(6500), T0 + MS(6600)), GUARD_OVER);
        expect(&guard, true, T0 + MS(6700), GUARD_FENCED, true, true);
        assert_int_equal(guard_hold(&guard, T0 + MS(6500), T0 + MS(6800)), 0);
        expect(&guard, true, T0 + MS(6900), GUARD_HELD, false, true);
        assert_int_equal(guard.n_fences, 1);
}

static void what_cannot_be_killed_is_left_to_the_hardware(void **state)
{
        Guard guard = begin(true, false);

        assert_int_equal(guard_hold(&guard, T0, T0), 0);
        expect(&guard, true, T0 + MS(6000), GUARD_FENCING, true, false);
        expect(&guard, true, T0 + MS(7000), GUARD_FENCING, true, false);
        expect(&guard, true, T0 + MS(7001), GUARD_FAILED, true, false);
        expect(&guard, true, T0 + MS(60000), GUARD_FAILED, true, false);
        expect(&guard, false, T0 + MS(60010), GUARD_FENCED, false, true);
}

static void asked_for_it_fences_at_once(void **state)
{
        Guard guard = begin(false, false);

        assert_int_equal(guard_hold(&guard, T0, T0), 0);
        guard_fence(&guard, T0 + MS(10));
        expect(&guard, true, T0 + MS(10), GUARD_FENCING, true, true);
        expect(&guard, false, T0 + MS(20), GUARD_FENCED, false, true);
        guard_fence(&guard, T0 + MS(30));
        expect(&guard, false, T0 + MS(30), GUARD_FENCED, false, true);
}

static void what_makes_no_sense_is_refused(void **state)
{
        Guard guard = begin(false, false);

        assert_int_equal(guard_renew(&guard, T0, T0), GUARD_OVER);
        assert_int_equal(guard_hold(&guard, T0 + 1, T0), GUARD_FUTURE);
        assert_int_equal(guard_hold(&guard, T0, T0 + MS(6000)), GUARD_STALE);
        assert_int_equal(guard_hold(&guard, T0, T0 + MS(5999)), 0);
        assert_int_equal(guard_renew(&guard, T0 + MS(6000), T0 + MS(5999)), GUARD_FUTURE);
        assert_int_equal(guard_keep(&guard, T0, T0 + MS(5999)), GUARD_STRICT);
        /* news from before what is known changes nothing */
        assert_int_equal(guard_renew(&guard, T0 - MS(100), T0 + MS(5999)), 0);
        assert_int_equal(guard_deadline(&guard), T0 + MS(6000));
}

static void the_only_host_is_never_fenced(void **state)
{
        Guard guard = begin(true, false);

        assert_int_equal(guard_alone(&guard, T0), 0);
        expect(&guard, true, T0 + MS(3600000), GUARD_ALONE, false, true);
        guard_fence(&guard, T0 + MS(3600000));
        expect(&guard, true, T0 + MS(3600001), GUARD_ALONE, false, true);
        assert_int_equal(guard_hold(&guard, T0 + MS(3600000), T0 + MS(3600001)), 0);
        expect(&guard, true, T0 + MS(3606000), GUARD_FENCING, true, false);
}

static void evidence_keeps_it_until_the_next_round(void **state)
{
        Guard guard = begin(true, true);

        assert_int_equal(guard_hold(&guard, T0, T0), 0);
        assert_int_equal(guard_keep(&guard, T0 + MS(5500), T0 + MS(5700)), 0);
        assert_int_equal(guard_deadline(&guard), T0 + MS(6200));
        for (unsigned i = 1; i < 50; i++)
                assert_int_equal(
                        guard_keep(&guard, T0 + MS(5500 + 300 * i), T0 + MS(5700 + 300 * i)), 0);
        assert_int_equal(guard_keep(&guard, T0 + MS(20901), T0 + MS(21000)), GUARD_STALE);
        expect(&guard, true, T0 + MS(20899), GUARD_HELD, false, true);
        assert_int_equal(guard_last_feed(&guard), T0 + MS(20900));
        expect(&guard, true, T0 + MS(20900), GUARD_FENCING, true, true);
        expect(&guard, true, T0 + MS(20901), GUARD_FENCING, true, false);
}

/* Whatever is said in whatever order: VMs that were let run are being killed when the soft fence of
 * all that was said is over, and the hardware is not fed past its time. */
static void whatever_is_said(void **state)
{
        uint64_t random = 7;

        for (unsigned run = 0; run < 2000; run++) {
                Guard guard = begin(true, run % 2);
                uint64_t now_ns = T0, sent_ns = 0, evidence_ns = 0;

                for (unsigned i = 0; i < 60; i++) {
                        uint64_t moment_ns = now_ns - random_below(&random, MS(8000));
                        GuardActions actions;
                        uint64_t soft_ns;

                        now_ns += random_below(&random, MS(2000));
                        switch (random_below(&random, 6)) {
                        case 0:
                                if (guard_hold(&guard, moment_ns, now_ns) == 0) {
                                        sent_ns = MAX(sent_ns, moment_ns);
                                        evidence_ns = 0;
                                }
                                break;
                        case 1:
                                if (guard_renew(&guard, moment_ns, now_ns) == 0)
                                        sent_ns = MAX(sent_ns, moment_ns);
                                break;
                        case 2:
                                if (guard_keep(&guard, moment_ns, now_ns) == 0)
                                        evidence_ns = MAX(evidence_ns, moment_ns);
                                break;
                        case 3:
                                guard_fence(&guard, now_ns);
                                break;
                        default:
                                break;
                        }
                        soft_ns = MAX(sent_ns + MS(6000), evidence_ns + MS(700));
                        actions = guard_step(&guard, true, now_ns);
                        if (guard.state != GUARD_IDLE && now_ns >= soft_ns)
                                assert_true(actions.kill);
                        if (guard.state == GUARD_HELD && actions.feed)
                                assert_true(now_ns + guard.times.device_ns <=
                                            MAX(sent_ns + MS(9000),
                                                evidence_ns + MS(700) + guard.times.device_ns));
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_renewed_lease_is_left_alone),
                cmocka_unit_test(without_renewals_it_fences_in_time),
                cmocka_unit_test(what_cannot_be_killed_is_left_to_the_hardware),
                cmocka_unit_test(asked_for_it_fences_at_once),
                cmocka_unit_test(what_makes_no_sense_is_refused),
                cmocka_unit_test(the_only_host_is_never_fenced),
                cmocka_unit_test(evidence_keeps_it_until_the_next_round),
                cmocka_unit_test(whatever_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
