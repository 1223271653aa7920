/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/operation.h"

#include "tests/unit/fabric/world.h"

static void one_that_stands_still_fails_and_says_where(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 0);
        const OperationRecord *operation;
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        operation = world_operation(&world, "op4");
        assert_string_equal(operation->message,
                            "0 of 2 instances as wanted; d1/web_IN_0 is CreatingVM");
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_CYCLING_ROLE);
        world_tick(&world, SECONDS(1700));
        world_observe(&world, world_instance(&world, "d1/web_IN_1"), STATUS_READY_ROLE);
        assert_int_equal(operation->done, 1);
        world_tick(&world, SECONDS(1799));
        assert_int_equal(operation->state, OPERATION_RUNNING);
        world_tick(&world, SECONDS(1));
        assert_int_equal(operation->state, OPERATION_FAILED);
        assert_string_equal(operation->error, "NotReady");
        assert_string_equal(operation->message, "no progress for 1800 s: 1 of 2 instances as "
                                                "wanted; d1/web_IN_0 is CyclingRole");
        assert_int_equal(operation->done, 1);
        assert_non_null(world_instance(&world, "d1/web_IN_1")); /* what runs goes on */
        world_tick(&world, SECONDS(600));
        assert_false(world_has_operation(&world, "op4"));
        world_deinit(&world);
}

static void one_on_a_removed_instance_fails(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 0);
        FabricCount counts[] = {{"web", 1}};
        FabricRequest reboot = {.kind = FABRIC_REBOOT, .instance = {"d1", "web", 1}};
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        assert_int_equal(world_request(&world, reboot), 0);
        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_SCALE,
                                                                .service = "s",
                                                                .counts = counts,
                                                                .n_counts = 1}),
                         FABRIC_OPERATION_CONFLICT);
        reboot.instance.number = 0; /* another instance is another matter */
        assert_int_equal(world_request(&world, reboot), 0);
        world_request(&world, (FabricRequest) {.kind = FABRIC_DELETE, .service = "s"});
        assert_int_equal(world_operation(&world, "op5")->state, OPERATION_FAILED);
        assert_string_equal(world_operation(&world, "op5")->error, "OperationConflict");
        world_deinit(&world);
}

static void progress_never_falls(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 0);
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_READY_ROLE);
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_BUSY_ROLE);
        assert_int_equal(world_operation(&world, "op4")->done, 1);
        assert_int_equal(world_operation(&world, "op4")->state, OPERATION_RUNNING);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_that_stands_still_fails_and_says_where),
                cmocka_unit_test(one_on_a_removed_instance_fails),
                cmocka_unit_test(progress_never_falls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
