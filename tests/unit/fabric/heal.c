/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/heal.h"

#include "tests/unit/fabric/world.h"

static const InstanceRecord *start(World *world, unsigned n_hosts)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);

        world_init(world, n_hosts, n_hosts);
        world_deploy(world, "s", SLOT_PRODUCTION, &d);
        world_settle(world);
        return world_instance(world, "d1/web_IN_0");
}

static void silence_climbs_rung_by_rung(void **state)
{
        const InstanceRecord *i;
        RecordName first;
        World world;

        i = start(&world, 2);
        memcpy(first, i->host, sizeof(first));
        world_tick(&world, SECONDS(5));
        world_observe(&world, i, STATUS_UNRESPONSIVE_ROLE);
        assert_int_equal(i->rung, HEAL_RESET);
        assert_int_equal(i->wanted[ACTION_RESET], 1);
        world_tick(&world, SECONDS(179));
        assert_int_equal(i->rung, HEAL_RESET);
        world_tick(&world, SECONDS(1));
        assert_int_equal(i->rung, HEAL_REIMAGE);
        assert_int_equal(i->wanted[ACTION_REIMAGE], 1);
        world_tick(&world, SECONDS(180));
        assert_int_equal(i->rung, HEAL_REPLACE);
        assert_int_equal(i->power, POWER_STOPPED);
        assert_int_equal(i->incarnation, 1);
        world_tick(&world, SECONDS(3600)); /* nothing starts before the old one is gone for sure */
        assert_int_equal(i->incarnation, 1);
        world_observe(&world, i, STATUS_STOPPED_VM);
        assert_int_equal(i->incarnation, 2);
        assert_int_equal(i->power, POWER_RUNNING);
        assert_string_not_equal(i->host, first);
        world_deinit(&world);
}

static void one_host_replaces_in_place(void **state)
{
        const InstanceRecord *i;
        World world;

        i = start(&world, 1);
        world_observe(&world, i, STATUS_FAILED_STARTING_VM);
        for (unsigned n = 0; n < 3; n++)
                world_tick(&world, SECONDS(10));
        assert_int_equal(i->power, POWER_STOPPED);
        world_observe(&world, i, STATUS_STOPPED_VM);
        assert_int_equal(i->incarnation, 2);
        assert_string_equal(i->host, "h0");
        world_deinit(&world);
}

static void deadlines_double_with_each_round(void **state)
{
        const InstanceRecord *i;
        World world;

        i = start(&world, 1);
        for (unsigned n = 0; n < 3; n++) {
                world_observe(&world, i, STATUS_FAILED_STARTING_VM);
                world_tick(&world, SECONDS(10));
        }
        world_observe(&world, i, STATUS_STOPPED_VM);
        world_observe(&world, i, STATUS_FAILED_STARTING_VM);
        world_tick(&world, SECONDS(19));
        assert_int_equal(i->heals, 3);
        world_tick(&world, SECONDS(1));
        assert_int_equal(i->heals, 4);
        assert_int_equal(i->rung, HEAL_RESET);
        world_deinit(&world);
}

static void stable_again_forgets(void **state)
{
        const InstanceRecord *i;
        World world;

        i = start(&world, 1);
        world_tick(&world, SECONDS(1));
        world_observe(&world, i, STATUS_UNRESPONSIVE_ROLE);
        world_tick(&world, SECONDS(20));
        world_observe(&world, i, STATUS_STARTING_VM);
        world_tick(&world, SECONDS(20));
        world_observe(&world, i, STATUS_READY_ROLE);
        world_tick(&world, SECONDS(599));
        assert_int_equal(i->rung, HEAL_RESET);
        world_tick(&world, SECONDS(1));
        assert_int_equal(i->rung, HEAL_NONE);
        assert_int_equal(i->heals, 0);
        assert_int_equal(i->wanted[ACTION_RESET], 1);
        world_deinit(&world);
}

static void a_cycling_role_is_left_to_its_agent(void **state)
{
        const InstanceRecord *i;
        World world;

        i = start(&world, 2);
        world_observe(&world, i, STATUS_CYCLING_ROLE);
        world_tick(&world, SECONDS(36000));
        assert_int_equal(i->heals, 0);
        world_observe(&world, i, STATUS_BUSY_ROLE);
        world_tick(&world, SECONDS(36000));
        assert_int_equal(i->heals, 0);
        world_deinit(&world);
}

static void a_vm_that_never_speaks_is_reset(void **state)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);
        const InstanceRecord *i;
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        i = world_instance(&world, "d1/web_IN_0");
        world_tick(&world, SECONDS(180));
        assert_int_equal(i->rung, HEAL_RESET);
        world_deinit(&world);
}

static void an_operators_reboot_is_given_its_time(void **state)
{
        const InstanceRecord *i;
        FabricRequest reboot = {.kind = FABRIC_REBOOT};
        Record record;
        World world;

        i = start(&world, 1);
        reboot.instance = i->id;
        assert_int_equal(world_request(&world, reboot), 0);
        assert_int_equal(i->wanted[ACTION_REBOOT], 1);
        assert_int_equal(world_request(&world, reboot), FABRIC_OPERATION_CONFLICT);
        record_init(&record, RECORD_OBSERVED);
        memcpy(record.observed.host, i->host, sizeof(RecordName));
        record.observed.id = i->id;
        record.observed.incarnation = 1;
        record.observed.status = STATUS_STOPPING_VM;
        world_put(&world, &record);
        world_tick(&world, SECONDS(180 + 30 + 299)); /* boot, drain, stop */
        assert_int_equal(i->rung, HEAL_NONE);
        world_tick(&world, SECONDS(1));
        assert_int_equal(i->rung, HEAL_RESET);
        world_settle(&world);
        assert_int_equal(world_operation(&world, "op5")->kind, OPERATION_REBOOT);
        assert_int_equal(world_operation(&world, "op5")->state, OPERATION_SUCCEEDED);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(silence_climbs_rung_by_rung),
                cmocka_unit_test(one_host_replaces_in_place),
                cmocka_unit_test(deadlines_double_with_each_round),
                cmocka_unit_test(stable_again_forgets),
                cmocka_unit_test(a_cycling_role_is_left_to_its_agent),
                cmocka_unit_test(a_vm_that_never_speaks_is_reset),
                cmocka_unit_test(an_operators_reboot_is_given_its_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
