/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/request.h"

#include "tests/unit/fabric/world.h"

static void everything_unknown_is_refused_by_name(void **state)
{
        FabricCount counts[] = {{"db", 1}};
        DeploymentRecord d = world_deployment("d1", 1, 0), other;
        InstanceId id = {"d1", "web", 7};
        World world;

        world_init(&world, 1, 1);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_SCALE, .service = "s"}),
                FABRIC_NO_SUCH_SERVICE);
        other = d;
        other.package[0] = 'f';
        assert_int_equal(world_deploy(&world, "s", SLOT_STAGING, &other), FABRIC_NO_SUCH_PACKAGE);
        other = d;
        memcpy(other.os_version, "2", 2);
        assert_int_equal(world_deploy(&world, "s", SLOT_STAGING, &other), FABRIC_NO_GUEST_OS);
        assert_int_equal(world_deploy(&world, "s", SLOT_STAGING, &d), 0);
        assert_int_equal(world_deploy(&world, "s", SLOT_STAGING, &d), FABRIC_SLOT_OCCUPIED);
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), FABRIC_REFUSED_NOW);
        world_settle(&world);
        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_DELETE,
                                                                .service = "s",
                                                                .slot = SLOT_PRODUCTION}),
                         FABRIC_NO_SUCH_DEPLOYMENT);
        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_SCALE,
                                                                .service = "s",
                                                                .slot = SLOT_STAGING,
                                                                .counts = counts,
                                                                .n_counts = 1}),
                         FABRIC_NO_SUCH_ROLE);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_REIMAGE, .instance = id}),
                FABRIC_NO_SUCH_INSTANCE);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_DRAIN, .host = "h7"}),
                FABRIC_NO_SUCH_HOST);
        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_DELETE_SERVICE,
                                                                .service = "t"}),
                         FABRIC_NO_SUCH_SERVICE);
        world_deinit(&world);
}

static void a_refused_deployment_leaves_nothing(void **state)
{
        DeploymentRecord d = world_deployment("d1", 12, 12);
        FabricCount counts[] = {{"web", 17}};
        FabricRequest scale = {
                .kind = FABRIC_SCALE, .service = "s", .counts = counts, .n_counts = 1};
        World world;

        world_init(&world, 1, 1);
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), FABRIC_NO_ROOM);
        assert_int_equal(world.plan->n_transactions, 0);
        assert_int_equal(world_count(&world, RECORD_SERVICE), 0);
        d = world_deployment("d1", 200, 100);
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), FABRIC_COUNT_INVALID);
        d = world_deployment("d1", 1001, 0);
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), FABRIC_COUNT_INVALID);
        d = world_deployment("d1", 14, 1);
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), 0);
        world_settle(&world);
        assert_int_equal(world_request(&world, scale), FABRIC_NO_ROOM);
        assert_null(world_instance(&world, "d1/web_IN_14"));
        counts[0].count = 13;
        assert_int_equal(world_request(&world, scale), 0);
        counts[0].count = 12;
        assert_int_equal(world_request(&world, scale), FABRIC_OPERATION_CONFLICT);
        world_deinit(&world);
}

static void configure_ends_when_every_role_has_it(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 0);
        RecordKey key = {.type = RECORD_DEPLOYMENT, .name = "d1"};
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_CONFIGURE,
                                                                .service = "s",
                                                                .configuration = "<new/>"}),
                         0);
        assert_string_equal(fabric_record(world.fabric, &key)->deployment.configuration, "<new/>");
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_READY_ROLE);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_RUNNING);
        assert_int_equal(world_operation(&world, world.operation)->done, 1);
        world_observe(&world, world_instance(&world, "d1/web_IN_1"), STATUS_READY_ROLE);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_SUCCEEDED);
        world_deinit(&world);
}

static void configure_asks_for_a_guest_os(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 0),
                         asked = {.os_family = "debian-13", .os_version = "0"};
        FabricRequest configure = {.kind = FABRIC_CONFIGURE,
                                   .service = "s",
                                   .configuration = "<new/>",
                                   .deployment = &asked};
        Record os;
        World world;

        sample_os("0", &os);
        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        assert_int_equal(world_request(&world, configure), FABRIC_NO_GUEST_OS);
        snprintf(asked.os_family, sizeof(asked.os_family), "debian-14");
        snprintf(asked.os_version, sizeof(asked.os_version), "1");
        assert_int_equal(world_request(&world, configure), FABRIC_NO_GUEST_OS);
        assert_int_equal(world.plan->n_transactions, 0);
        snprintf(asked.os_family, sizeof(asked.os_family), "debian-13");
        snprintf(asked.os_version, sizeof(asked.os_version), "0");
        world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &os});
        assert_int_equal(world_request(&world, configure), 0);
        assert_string_equal(world_instance(&world, "d1/web_IN_0")->os_version, "1");
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_READY_ROLE);
        world_observe(&world, world_instance(&world, "d1/web_IN_1"), STATUS_READY_ROLE);
        assert_string_equal(world_operation(&world, world.operation)->message,
                            "done; its instances are walked to guest OS debian-13 version 0 next, "
                            "as operation update-d1-1");
        assert_string_equal(world_instance(&world, "d1/web_IN_0")->os_version, "0");
        assert_string_equal(world_instance(&world, "d1/web_IN_1")->os_version, "1");
        world_settle(&world);
        assert_string_equal(world_instance(&world, "d1/web_IN_1")->os_version, "0");
        assert_int_equal(world_operation(&world, "update-d1-1")->state, OPERATION_SUCCEEDED);
        world_deinit(&world);
}

static void delete_service_takes_both_slots(void **state)
{
        DeploymentRecord a = world_deployment("d1", 2, 0), b = world_deployment("d2", 1, 1);
        FabricRequest delete = {.kind = FABRIC_DELETE_SERVICE, .service = "s"};
        World world;

        world_init(&world, 2, 2);
        world_deploy(&world, "s", SLOT_PRODUCTION, &a);
        world_deploy(&world, "s", SLOT_STAGING, &b);
        assert_int_equal(world_request(&world, delete), 0);
        assert_int_equal(world_operation(&world, "op5")->state, OPERATION_FAILED);
        assert_int_equal(world_operation(&world, "op7")->total, 4);
        assert_int_equal(world_request(&world, delete), FABRIC_OPERATION_CONFLICT);
        world_settle(&world);
        assert_int_equal(world_operation(&world, "op7")->state, OPERATION_SUCCEEDED);
        assert_int_equal(world_count(&world, RECORD_SERVICE), 0);
        assert_int_equal(world_count(&world, RECORD_DEPLOYMENT), 0);
        world_deinit(&world);
}

/* Found by the simulator: the deletion of a service that was deployed to again never ended. */
static void a_service_that_is_being_deleted_takes_nothing_in(void **state)
{
        DeploymentRecord a = world_deployment("d1", 2, 0), b = world_deployment("d2", 1, 1);
        World world;

        world_init(&world, 2, 2);
        world_deploy(&world, "s", SLOT_PRODUCTION, &a);
        world_request(&world, (FabricRequest) {.kind = FABRIC_DELETE_SERVICE, .service = "s"});
        assert_int_equal(world_deploy(&world, "s", SLOT_STAGING, &b), FABRIC_OPERATION_CONFLICT);
        world_settle(&world);
        assert_int_equal(world_deploy(&world, "s", SLOT_STAGING, &b), FABRIC_NO_SUCH_PACKAGE);
        world_deinit(&world);
}

static void the_newest_guest_os_is_taken(void **state)
{
        static const char *const versions[] = {"9", "10.2", "10.10", "10.9"};
        DeploymentRecord d = world_deployment("d1", 1, 0);
        World world;

        world_init(&world, 1, 1);
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
                Record os;

                record_init(&os, RECORD_OS);
                snprintf(os.os.family, sizeof(RecordVersion), "debian-13");
                snprintf(os.os.version, sizeof(RecordVersion), "%s", versions[i]);
                world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &os});
        }
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        assert_string_equal(world_instance(&world, "d1/web_IN_0")->os_version, "10.10");
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_unknown_is_refused_by_name),
                cmocka_unit_test(a_refused_deployment_leaves_nothing),
                cmocka_unit_test(configure_asks_for_a_guest_os),
                cmocka_unit_test(configure_ends_when_every_role_has_it),
                cmocka_unit_test(delete_service_takes_both_slots),
                cmocka_unit_test(a_service_that_is_being_deleted_takes_nothing_in),
                cmocka_unit_test(the_newest_guest_os_is_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
