/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/hostd/half.h"

static void what_never_was_here_is_told_as_stopped(void **state)
{
        World *world = *state;
        InstanceRecord record = test_instance(HALF_DEPLOYMENT, "web", 0, "h1");
        unsigned n_told;

        record.power = POWER_STOPPED;
        record.incarnation = 8;
        record.wanted[ACTION_REBUILD] = 2;
        assert_int_equal(host_half_instance_put(world->half, &record), 0);
        host_half_synced(world->half);
        WORLD_UNTIL(world, world->observed.status == STATUS_STOPPED_VM);
        assert_int_equal(world->observed.incarnation, 8);
        assert_int_equal(world->observed.done[ACTION_REBUILD], 2);
        n_told = world->n_observed;
        host_half_synced(world->half);
        run_loop_for(world->event, 200);
        assert_int_equal(world->n_observed, n_told); /* said once */
}

static void an_observed_record_that_nothing_backs_is_gone(void **state)
{
        World *world = *state;
        InstanceId id = {.deployment = HALF_DEPLOYMENT, .role = "web", .number = 4};

        assert_int_equal(host_half_observed_found(world->half, &id), 0);
        run_loop_for(world->event, 200);
        assert_int_equal(world->n_gone, 0); /* perhaps its record is yet to come */
        host_half_synced(world->half);
        WORLD_UNTIL(world, world->n_gone == 1);
}

static void only_changes_are_told(void **state)
{
        World *world = *state;
        unsigned n_told;

        world_put_records(world, 1);
        world_make_ready(world, 1);
        n_told = world->n_observed;
        for (int i = 0; i < 5; i++) {
                world_agent_is(world, AGENT_READY_ROLE, 1);
                run_loop_for(world->event, 30);
        }
        assert_int_equal(world->n_observed, n_told);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_never_was_here_is_told_as_stopped, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(an_observed_record_that_nothing_backs_is_gone,
                                                world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(only_changes_are_told, world_setup, world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
