/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/vm.h"

#include "lib/base/hash.h"
#include "tests/unit/test.h"

#define SECOND NSEC_PER_SEC

#define SPANS .drain_ns = 30 * SECOND, .stop_ns = 300 * SECOND

static const VmWish run = {.wanted = true, SPANS};
static const VmWish gone = {SPANS};
static const VmWish gone_at_once = {.at_once = true, SPANS};
static const uint64_t none[ACTIONS];
static const VmFacts absent = {.domain = DOMAIN_ABSENT, .domain_known = true};
static const VmFacts silent = {.domain = DOMAIN_RUNNING, .domain_known = true};
static const VmFacts alive = {.domain = DOMAIN_RUNNING, .domain_known = true, .agent_alive = true};

static void expect(Vm *vm, const VmWish *wish, const VmFacts *facts, uint64_t now, VmAction action,
                   VmState state)
{
        assert_string_equal(vm_action_to_string(vm_step(vm, wish, facts, now)),
                            vm_action_to_string(action));
        assert_int_equal(vm_state(vm), state);
}

static Vm running(uint64_t now)
{
        Vm vm;

        vm_init(&vm, none, now);
        expect(&vm, &run, &absent, now, VM_DO_PREPARE, VM_PREPARING);
        expect(&vm, &run, &absent, now, VM_DO_NOTHING, VM_PREPARING);
        vm_done(&vm, true, NULL, now);
        expect(&vm, &run, &absent, now, VM_DO_PLUG, VM_PLUGGING);
        vm_done(&vm, true, NULL, now);
        expect(&vm, &run, &absent, now, VM_DO_START, VM_STARTING);
        vm_done(&vm, true, NULL, now);
        expect(&vm, &run, &alive, now, VM_DO_NOTHING, VM_RUNNING);
        assert_true(vm_may_serve(&vm));
        return vm;
}

static void lives_from_nothing_to_nothing(void **state)
{
        VmFacts drained = alive, stopped = alive;
        Vm vm = running(SECOND);

        expect(&vm, &gone, &alive, 2 * SECOND, VM_DO_DRAIN, VM_DRAINING);
        assert_false(vm_may_serve(&vm));
        expect(&vm, &gone, &alive, 3 * SECOND, VM_DO_NOTHING, VM_DRAINING);
        drained.drained = stopped.drained = true;
        expect(&vm, &gone, &drained, 3 * SECOND, VM_DO_STOP_ROLE, VM_STOPPING);
        expect(&vm, &gone, &drained, 4 * SECOND, VM_DO_NOTHING, VM_STOPPING);
        stopped.role_stopped = true;
        expect(&vm, &gone, &stopped, 4 * SECOND, VM_DO_DESTROY, VM_DESTROYING);
        vm_done(&vm, true, NULL, 4 * SECOND);
        expect(&vm, &gone, &absent, 4 * SECOND, VM_DO_UNPLUG, VM_UNPLUGGING);
        vm_done(&vm, true, NULL, 4 * SECOND);
        expect(&vm, &gone, &absent, 4 * SECOND, VM_DO_CLEAN, VM_CLEANING);
        vm_done(&vm, true, NULL, 4 * SECOND);
        expect(&vm, &gone, &absent, 4 * SECOND, VM_DO_NOTHING, VM_GONE);
}

static void drain_and_stop_have_deadlines(void **state)
{
        Vm vm = running(SECOND);

        expect(&vm, &gone, &alive, 2 * SECOND, VM_DO_DRAIN, VM_DRAINING);
        assert_true(vm_deadline(&vm) == 32 * SECOND);
        expect(&vm, &gone, &alive, vm_deadline(&vm), VM_DO_STOP_ROLE, VM_STOPPING);
        expect(&vm, &gone, &alive, vm_deadline(&vm) - 1, VM_DO_NOTHING, VM_STOPPING);
        expect(&vm, &gone, &alive, vm_deadline(&vm), VM_DO_DESTROY, VM_DESTROYING);
}

static void a_silent_guest_is_not_waited_for(void **state)
{
        VmWish reboot = {SPANS, .wanted = true, .requests[ACTION_REBOOT] = 1};
        Vm vm = running(SECOND);

        expect(&vm, &reboot, &silent, 2 * SECOND, VM_DO_RESET, VM_RESETTING);
        vm_done(&vm, true, NULL, 3 * SECOND);
        expect(&vm, &reboot, &silent, 3 * SECOND, VM_DO_NOTHING, VM_RUNNING);
        expect(&vm, &gone, &silent, 4 * SECOND, VM_DO_DESTROY, VM_DESTROYING);
}

static void a_reset_and_a_stop_at_once_ask_nobody(void **state)
{
        VmWish reset = {SPANS, .wanted = true, .requests[ACTION_RESET] = 1};
        Vm vm = running(SECOND);

        expect(&vm, &reset, &alive, 2 * SECOND, VM_DO_RESET, VM_RESETTING);
        vm_done(&vm, true, NULL, 2 * SECOND);
        expect(&vm, &reset, &alive, 2 * SECOND, VM_DO_NOTHING, VM_RUNNING);
        expect(&vm, &gone_at_once, &alive, 2 * SECOND, VM_DO_DESTROY, VM_DESTROYING);
        vm = running(SECOND);
        expect(&vm, &gone, &alive, 2 * SECOND, VM_DO_DRAIN, VM_DRAINING);
        expect(&vm, &gone_at_once, &alive, 2 * SECOND, VM_DO_DESTROY, VM_DESTROYING);
}

static void a_reset_that_fails_ends_in_a_new_domain(void **state)
{
        VmWish reset = {SPANS, .wanted = true, .requests[ACTION_RESET] = 1};
        Vm vm = running(SECOND);

        expect(&vm, &reset, &silent, 2 * SECOND, VM_DO_RESET, VM_RESETTING);
        vm_done(&vm, false, "no", 2 * SECOND);
        expect(&vm, &reset, &silent, 3 * SECOND, VM_DO_RESET, VM_RESETTING);
        vm_done(&vm, false, "no", 3 * SECOND);
        expect(&vm, &reset, &silent, 5 * SECOND, VM_DO_RESET, VM_RESETTING);
        vm_done(&vm, false, "no", 5 * SECOND);
        expect(&vm, &reset, &silent, 9 * SECOND, VM_DO_RESET, VM_RESETTING);
        vm_done(&vm, false, "no", 9 * SECOND);
        expect(&vm, &reset, &silent, 9 * SECOND, VM_DO_DESTROY, VM_DESTROYING);
        vm_done(&vm, true, NULL, 2 * SECOND);
        expect(&vm, &reset, &absent, 2 * SECOND, VM_DO_PREPARE, VM_PREPARING);
        vm_done(&vm, true, NULL, 2 * SECOND);
        assert_int_equal(vm.applied[ACTION_RESET], 1);
}

static void a_reboot_lets_the_role_stop_first(void **state)
{
        VmWish reboot = {SPANS, .wanted = true, .requests[ACTION_REBOOT] = 3};
        VmFacts ready = alive;
        Vm vm = running(SECOND);

        ready.drained = ready.role_stopped = true;
        expect(&vm, &reboot, &ready, 2 * SECOND, VM_DO_DRAIN, VM_DRAINING);
        expect(&vm, &reboot, &ready, 2 * SECOND, VM_DO_STOP_ROLE, VM_STOPPING);
        expect(&vm, &reboot, &ready, 2 * SECOND, VM_DO_RESET, VM_RESETTING);
        vm_done(&vm, true, NULL, 3 * SECOND);
        expect(&vm, &reboot, &ready, 9 * SECOND, VM_DO_NOTHING, VM_RUNNING);
        assert_int_equal(vm.applied[ACTION_REBOOT], 3);
}

static void a_reimage_keeps_local_storage_and_a_rebuild_does_not(void **state)
{
        VmWish wish = {SPANS, .wanted = true, .requests[ACTION_REIMAGE] = 1};
        Vm vm = running(SECOND);

        expect(&vm, &wish, &silent, 2 * SECOND, VM_DO_DESTROY, VM_DESTROYING);
        vm_done(&vm, true, NULL, 2 * SECOND);
        expect(&vm, &wish, &absent, 2 * SECOND, VM_DO_PREPARE, VM_PREPARING);
        assert_true(vm.applying[ACTION_REBUILD] == vm.applied[ACTION_REBUILD]);
        wish.requests[ACTION_REBUILD] = 1; /* comes too late for this time */
        vm_done(&vm, true, NULL, 3 * SECOND);
        assert_int_equal(vm.applied[ACTION_REIMAGE], 1);
        assert_int_equal(vm.applied[ACTION_REBUILD], 0);
        expect(&vm, &wish, &absent, 3 * SECOND, VM_DO_PLUG, VM_PLUGGING);
        vm_done(&vm, true, NULL, 3 * SECOND);
        expect(&vm, &wish, &absent, 3 * SECOND, VM_DO_START, VM_STARTING);
        vm_done(&vm, true, NULL, 3 * SECOND);
        expect(&vm, &wish, &silent, 3 * SECOND, VM_DO_DESTROY, VM_DESTROYING);
        vm_done(&vm, true, NULL, 3 * SECOND);
        expect(&vm, &wish, &absent, 3 * SECOND, VM_DO_PREPARE, VM_PREPARING);
        assert_true(vm.applying[ACTION_REBUILD] != vm.applied[ACTION_REBUILD]);
}

/* So that a guest OS can be fetched while the old one serves. */
static void what_runs_is_not_ended_for_what_is_not_here(void **state)
{
        VmWish wish = {SPANS, .wanted = true, .requests[ACTION_REIMAGE] = 1};
        VmFacts lacking = silent;
        Vm vm = running(SECOND);

        lacking.lacking = true;
        assert_true(vm_is_to_be_made(&vm, &wish));
        expect(&vm, &wish, &lacking, 2 * SECOND, VM_DO_NOTHING, VM_RUNNING);
        wish.requests[ACTION_RESET] = 1; /* healing goes on meanwhile, and the other is not lost */
        expect(&vm, &wish, &lacking, 2 * SECOND, VM_DO_RESET, VM_RESETTING);
        vm_done(&vm, true, NULL, 2 * SECOND);
        assert_int_equal(vm.applied[ACTION_REIMAGE], 0);
        expect(&vm, &wish, &silent, 3 * SECOND, VM_DO_DESTROY, VM_DESTROYING);
        wish.requests[ACTION_REIMAGE] = 0;
        assert_false(vm_is_to_be_made(&vm, &wish));
}

static void a_request_that_fails_waits_as_well(void **state)
{
        VmWish reset = run;
        uint64_t now = SECOND;
        Vm vm;

        vm_init(&vm, none, now);
        expect(&vm, &run, &absent, now, VM_DO_PREPARE, VM_PREPARING);
        vm_done(&vm, false, "no space", now);
        expect(&vm, &run, &absent, now, VM_DO_NOTHING, VM_DOWN);
        reset.requests[ACTION_RESET] = 1;
        expect(&vm, &reset, &absent, now, VM_DO_PREPARE, VM_PREPARING); /* it is news */
        vm_done(&vm, false, "no space", now);
        expect(&vm, &reset, &absent, now, VM_DO_NOTHING, VM_DOWN);
        assert_true(vm_deadline(&vm) == now + 2 * VM_RETRY_FIRST_NS);
        assert_true(vm.failed);
        reset.requests[ACTION_REIMAGE] = 1;
        expect(&vm, &reset, &absent, now, VM_DO_PREPARE, VM_PREPARING);
        vm_done(&vm, false, "no space", now);
        now = vm_deadline(&vm);
        expect(&vm, &reset, &absent, now - 1, VM_DO_NOTHING, VM_DOWN);
        expect(&vm, &reset, &absent, now, VM_DO_PREPARE, VM_PREPARING);
        vm_done(&vm, true, NULL, now);
        assert_true(vm.applied[ACTION_RESET] == 1 && vm.applied[ACTION_REIMAGE] == 1);
}

static void what_fails_is_tried_again_with_growing_pauses(void **state)
{
        uint64_t now = SECOND, pause = VM_RETRY_FIRST_NS;
        Vm vm;

        vm_init(&vm, none, now);
        for (int i = 0; i < 10; i++) {
                expect(&vm, &run, &absent, now, VM_DO_PREPARE, VM_PREPARING);
                vm_done(&vm, false, "no room", now);
                expect(&vm, &run, &absent, now, VM_DO_NOTHING, VM_DOWN);
                assert_true(vm.failed);
                assert_string_equal(vm.detail, "no room");
                assert_true(vm_deadline(&vm) == now + pause);
                now += pause;
                pause = MIN(2 * pause, VM_RETRY_LAST_NS);
        }
        assert_true(pause == VM_RETRY_LAST_NS);
}

static void a_vm_that_dies_is_made_anew_at_once_but_not_for_ever(void **state)
{
        uint64_t now = SECOND;
        Vm vm = running(now);

        expect(&vm, &run, &absent, now, VM_DO_PREPARE, VM_PREPARING);
        vm_done(&vm, true, NULL, now);
        expect(&vm, &run, &absent, now, VM_DO_PLUG, VM_PLUGGING);
        vm_done(&vm, true, NULL, now);
        expect(&vm, &run, &absent, now, VM_DO_START, VM_STARTING);
        vm_done(&vm, true, NULL, now);
        expect(&vm, &run, &absent, now, VM_DO_NOTHING, VM_DOWN);
        expect(&vm, &run, &absent, now + 2 * VM_RETRY_FIRST_NS, VM_DO_PREPARE, VM_PREPARING);
}

static void adoption_takes_what_is_there(void **state)
{
        VmWish old = {SPANS, .wanted = true, .requests[ACTION_REBOOT] = 7};
        uint64_t applied[ACTIONS] = {[ACTION_REBOOT] = 7};
        VmFacts unknown = {};
        Vm vm;

        vm_adopt(&vm, applied, DOMAIN_RUNNING, SECOND);
        expect(&vm, &old, &silent, SECOND, VM_DO_NOTHING, VM_RUNNING);
        vm_adopt(&vm, applied, DOMAIN_ABSENT, SECOND);
        expect(&vm, &old, &unknown, SECOND, VM_DO_NOTHING, VM_DOWN);
        expect(&vm, &old, &absent, SECOND, VM_DO_PREPARE, VM_PREPARING);
        vm_adopt(&vm, applied, DOMAIN_ABSENT, SECOND);
        expect(&vm, &gone, &absent, SECOND, VM_DO_UNPLUG, VM_UNPLUGGING);
}

static void a_start_that_succeeded_unseen_is_adopted(void **state)
{
        VmFacts unknown = {};
        Vm vm;

        vm_init(&vm, none, SECOND);
        expect(&vm, &run, &absent, SECOND, VM_DO_PREPARE, VM_PREPARING);
        vm_done(&vm, true, NULL, SECOND);
        expect(&vm, &run, &absent, SECOND, VM_DO_PLUG, VM_PLUGGING);
        vm_done(&vm, true, NULL, SECOND);
        expect(&vm, &run, &absent, SECOND, VM_DO_START, VM_STARTING);
        vm_done(&vm, false, "the connection broke", SECOND);
        expect(&vm, &run, &unknown, 90 * SECOND, VM_DO_NOTHING, VM_DOWN);
        expect(&vm, &run, &silent, 90 * SECOND, VM_DO_NOTHING, VM_RUNNING);
}

static void two_incarnations_never_overlap(void **state)
{
        VmFacts blocked = absent;
        Vm vm;

        blocked.blocked = true;
        vm_init(&vm, none, SECOND);
        expect(&vm, &run, &blocked, SECOND, VM_DO_NOTHING, VM_NEW);
        expect(&vm, &run, &absent, SECOND, VM_DO_PREPARE, VM_PREPARING);
}

/* Whatever happens in whatever order, no move is one that the table forbids (sm_move() asserts it),
 * a VM that is wanted and let be ends up RUNNING, and one that is not ends up GONE. */
static void any_story_ends_well(void **state)
{
        for (uint64_t seed = 0; seed < 3000; seed++) {
                uint64_t random = seed, now = SECOND;
                VmWish wish = run;
                VmFacts facts = absent;
                bool end_wanted;
                Vm vm;

                vm_init(&vm, none, now);
                for (int i = 0; i < 300; i++) {
                        bool calm = i >= 150;
                        VmAction action;
                        VmState before = vm_state(&vm);

                        now += random_below(&random, 20) * SECOND;
                        if (!calm) {
                                wish.wanted = random_below(&random, 20) != 0;
                                wish.requests[ACTION_REBOOT] += random_below(&random, 12) == 0;
                                wish.requests[ACTION_REIMAGE] += random_below(&random, 15) == 0;
                                if (facts.domain_known && facts.domain == DOMAIN_RUNNING &&
                                    random_below(&random, 15) == 0)
                                        facts.domain = DOMAIN_ABSENT;
                        }
                        facts.agent_alive = random_below(&random, 3) != 0;
                        facts.drained = random_below(&random, 3) != 0;
                        facts.role_stopped = random_below(&random, 2) != 0;
                        action = vm_step(&vm, &wish, &facts, now);
                        if (!vm_busy(&vm))
                                continue;
                        before = vm_state(&vm);
                        if (action == VM_DO_NOTHING && random_below(&random, 2))
                                continue;
                        if (calm || random_below(&random, 4) != 0) {
                                if (before == VM_STARTING)
                                        facts.domain = DOMAIN_RUNNING;
                                if (before == VM_DESTROYING)
                                        facts.domain = DOMAIN_ABSENT;
                                vm_done(&vm, true, NULL, now);
                        } else {
                                vm_done(&vm, false, "chance", now);
                        }
                }
                end_wanted = wish.wanted;
                if (!end_wanted)
                        assert_int_equal(vm_state(&vm), VM_GONE);
                else if (vm_state(&vm) !=
                         VM_GONE) /* unwanted for a while: the host half makes a new one */
                        assert_int_equal(vm_state(&vm), VM_RUNNING);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lives_from_nothing_to_nothing),
                cmocka_unit_test(drain_and_stop_have_deadlines),
                cmocka_unit_test(a_silent_guest_is_not_waited_for),
                cmocka_unit_test(a_reset_and_a_stop_at_once_ask_nobody),
                cmocka_unit_test(a_reset_that_fails_ends_in_a_new_domain),
                cmocka_unit_test(a_reboot_lets_the_role_stop_first),
                cmocka_unit_test(a_reimage_keeps_local_storage_and_a_rebuild_does_not),
                cmocka_unit_test(what_runs_is_not_ended_for_what_is_not_here),
                cmocka_unit_test(what_fails_is_tried_again_with_growing_pauses),
                cmocka_unit_test(a_request_that_fails_waits_as_well),
                cmocka_unit_test(a_vm_that_dies_is_made_anew_at_once_but_not_for_ever),
                cmocka_unit_test(adoption_takes_what_is_there),
                cmocka_unit_test(a_start_that_succeeded_unseen_is_adopted),
                cmocka_unit_test(two_incarnations_never_overlap),
                cmocka_unit_test(any_story_ends_well),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
