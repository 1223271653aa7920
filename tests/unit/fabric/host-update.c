/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/host-update.h"

#include "tests/unit/fabric/update-world.h"

static void begin(World *world)
{
        update_init(world, 3, 3);
        assert_int_equal(update_request(world, "h1"), FABRIC_NO_REFUSAL);
        assert_true(update_is_told(world, "h1"));
        assert_true(update_host(world, "h1")->cordoned);
        assert_string_equal(update_host(world, "h1")->update.version, "1");
}

static HostUpdateReport report_of(World *world)
{
        HostUpdateReport report = {};

        memcpy(report.operation, world->operation, sizeof(RecordName));
        return report;
}

static void it_is_done_when_it_is_back_and_healthy(void **state)
{
        HostUpdateReport report;
        World world;

        begin(&world);
        report = report_of(&world);
        world_alive(&world, "h1", false);
        update_alive(&world, "h1", "b", "2", (HostUpdateReport) {});
        assert_string_equal(world_operation(&world, world.operation)->message,
                            "0 of 1 hosts; 'h1' is back with version 2, and not healthy yet");
        report.healthy = true;
        update_alive(&world, "h1", "b", "2", report);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_SUCCEEDED);
        assert_false(update_host(&world, "h1")->cordoned);
        assert_string_equal(update_host(&world, "h1")->update.operation, "");
        world_deinit(&world);
}

static void the_old_version_again_is_a_failure(void **state)
{
        World world;

        begin(&world);
        update_restart(&world, "h1", "1");
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_FAILED);
        assert_true(update_host(&world, "h1")->cordoned);
        assert_false(update_host(&world, "h1")->draining);
        world_deinit(&world);
}

static void what_cannot_be_fetched_is_told(void **state)
{
        HostUpdateReport report;
        World world;

        begin(&world);
        report = report_of(&world);
        snprintf(report.problem, sizeof(report.problem), "it is not signed");
        update_alive(&world, "h1", "a", "1", report);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_FAILED);
        assert_false(update_host(&world, "h1")->cordoned);
        assert_string_equal(world_operation(&world, world.operation)->message,
                            "host 'h1' could not be updated, and stays as it is: it is not signed");
        world_deinit(&world);
}

static void what_is_current_is_done(void **state)
{
        HostUpdateReport report;
        World world;

        begin(&world);
        report = report_of(&world);
        report.current = true;
        update_alive(&world, "h1", "a", "1", report);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_SUCCEEDED);
        assert_false(update_host(&world, "h1")->cordoned);
        world_deinit(&world);
}

/* What an earlier operation left in the alive record says nothing of this one. */
static void what_is_said_of_another_does_not_count(void **state)
{
        HostUpdateReport report = {.current = true, .healthy = true};
        World world;

        begin(&world);
        snprintf(report.operation, sizeof(report.operation), "earlier");
        update_alive(&world, "h1", "a", "1", report);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_RUNNING);
        update_alive(&world, "h1", "b", "2", report);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_RUNNING);
        world_deinit(&world);
}

static void a_drained_host_stays_drained(void **state)
{
        World world;

        update_init(&world, 3, 3);
        world_request(&world, (FabricRequest) {.kind = FABRIC_DRAIN, .host = "h1"});
        assert_int_equal(update_request(&world, "h1"), FABRIC_NO_REFUSAL);
        update_restart(&world, "h1", "2");
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_SUCCEEDED);
        assert_true(update_host(&world, "h1")->cordoned);
        assert_true(update_host(&world, "h1")->draining);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_done_when_it_is_back_and_healthy),
                cmocka_unit_test(the_old_version_again_is_a_failure),
                cmocka_unit_test(what_cannot_be_fetched_is_told),
                cmocka_unit_test(what_is_current_is_done),
                cmocka_unit_test(what_is_said_of_another_does_not_count),
                cmocka_unit_test(a_drained_host_stays_drained),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
