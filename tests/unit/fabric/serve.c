/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/serve.h"

#include "fabric/instance.h"
#include "tests/unit/fabric/world.h"

/* Two web instances and a worker, all Ready. */
static void start(World *world)
{
        DeploymentRecord d = world_deployment("d1", 2, 1);

        world_init(world, 2, 2);
        assert_int_equal(world_deploy(world, "s", SLOT_PRODUCTION, &d), 0);
        world_settle(world);
}

static Instance *instance(World *world, const char *id)
{
        InstanceId parsed;

        assert_int_equal(instance_id_parse(id, &parsed), 0);
        return instance_of(world->fabric, &parsed);
}

/* As its host says it, but not in rotation. */
static void leave_rotation(World *world, const char *id)
{
        RecordKey key = {.type = RECORD_OBSERVED};
        Record record;

        assert_int_equal(instance_id_parse(id, &key.instance), 0);
        memcpy(key.name, world_instance(world, id)->host, sizeof(RecordName));
        memcpy(&record, fabric_record(world->fabric, &key), record_size(RECORD_OBSERVED));
        record.observed.in_rotation = false;
        world_put(world, &record);
}

static void who_is_ready_and_in_rotation_serves(void **state)
{
        World world;

        start(&world);
        assert_true(serve_check(world.fabric, instance(&world, "d1/web_IN_0")));
        assert_false(serve_is_moving(world.fabric, instance(&world, "d1/web_IN_0")));
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_STARTING_ROLE);
        assert_false(serve_check(world.fabric, instance(&world, "d1/web_IN_0")));
        assert_true(serve_is_moving(world.fabric, instance(&world, "d1/web_IN_0")));
        world_deinit(&world);
}

static void rotation_is_waited_for_a_while(void **state)
{
        World world;
        Instance *web;

        start(&world);
        leave_rotation(&world, "d1/web_IN_0");
        leave_rotation(&world, "d1/worker_IN_0");
        web = instance(&world, "d1/web_IN_0");
        assert_true(serve_check(world.fabric, instance(&world, "d1/worker_IN_0")));
        assert_false(serve_check(world.fabric, web));
        assert_int_equal(web->timer.at_ns, world.now_ns + SERVE_ROTATION_MS * NSEC_PER_MSEC);
        world_tick(&world, SECONDS(SERVE_ROTATION_MS / 1000));
        assert_true(serve_check(world.fabric, web));
        world_deinit(&world);
}

static void who_is_asked_more_does_not_serve(void **state)
{
        World world;
        FabricRequest reboot = {.kind = FABRIC_REBOOT};

        start(&world);
        assert_int_equal(instance_id_parse("d1/web_IN_0", &reboot.instance), 0);
        assert_int_equal(world_request(&world, reboot), 0);
        assert_false(serve_check(world.fabric, instance(&world, "d1/web_IN_0")));
        assert_true(serve_is_moving(world.fabric, instance(&world, "d1/web_IN_0")));
        world_settle(&world);
        assert_true(serve_check(world.fabric, instance(&world, "d1/web_IN_0")));
        world_deinit(&world);
}

static void what_is_broken_by_itself_is_not_moving(void **state)
{
        static const InstanceStatus broken[] = {STATUS_CYCLING_ROLE, STATUS_UNRESPONSIVE_ROLE,
                                                STATUS_FAILED_STARTING_VM};
        World world;

        start(&world);
        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                world_observe(&world, world_instance(&world, "d1/web_IN_0"), broken[i]);
                assert_false(serve_check(world.fabric, instance(&world, "d1/web_IN_0")));
                assert_false(serve_is_moving(world.fabric, instance(&world, "d1/web_IN_0")));
        }
        world_deinit(&world);
}

/* It is down by our own doing, and will be walked back. */
static void what_is_broken_by_a_walk_is_moving(void **state)
{
        World world;
        Record record;

        start(&world);
        sample_os("2", &record);
        world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_CYCLING_ROLE);
        assert_true(serve_is_moving(world.fabric, instance(&world, "d1/web_IN_0")));
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_FAILED_STARTING_VM);
        assert_true(serve_is_moving(world.fabric, instance(&world, "d1/web_IN_0")));
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_is_ready_and_in_rotation_serves),
                cmocka_unit_test(rotation_is_waited_for_a_while),
                cmocka_unit_test(who_is_asked_more_does_not_serve),
                cmocka_unit_test(what_is_broken_by_itself_is_not_moving),
                cmocka_unit_test(what_is_broken_by_a_walk_is_moving),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
