/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/instance.h"

#include "tests/unit/fabric/world.h"

static void nothing_starts_before_the_host_gives_its_word(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 0);
        FabricCount counts[] = {{"web", 1}};
        const InstanceRecord *i;
        Record observed;
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        i = world_instance(&world, "d1/web_IN_1");
        world_request(&world, (FabricRequest) {.kind = FABRIC_SCALE,
                                               .service = "s",
                                               .counts = counts,
                                               .n_counts = 1});
        world_observe(&world, i, STATUS_STOPPING_ROLE);
        assert_non_null(world_instance(&world, "d1/web_IN_1"));
        record_init(&observed, RECORD_OBSERVED);
        memcpy(observed.observed.host, i->host, sizeof(RecordName));
        observed.observed.id = i->id;
        world_delete(&world, record_key_of(&observed)); /* no record is not a word */
        assert_non_null(world_instance(&world, "d1/web_IN_1"));
        world_observe(&world, i, STATUS_STOPPED_VM);
        assert_null(world_instance(&world, "d1/web_IN_1"));
        world_deinit(&world);
}

static void a_word_about_an_older_incarnation_does_not_count(void **state)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);
        const InstanceRecord *i;
        InstanceRecord old;
        World world;

        world_init(&world, 2, 2);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        i = world_instance(&world, "d1/web_IN_0");
        old = *i;
        world_alive(&world, old.host, false);
        world_tick(&world, SECONDS(2));
        assert_int_equal(i->incarnation, 2);
        world_request(&world, (FabricRequest) {.kind = FABRIC_DELETE, .service = "s"});
        world_alive(&world, old.host, true);
        world_observe(&world, &old, STATUS_STOPPED_VM);
        assert_non_null(world_instance(&world, "d1/web_IN_0"));
        world_observe(&world, i, STATUS_STOPPED_VM);
        assert_null(world_instance(&world, "d1/web_IN_0"));
        world_deinit(&world);
}

static void what_a_lost_host_said_goes_with_its_instances(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 0);
        World world;

        world_init(&world, 2, 2);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        assert_int_equal(world_count(&world, RECORD_OBSERVED), 2);
        world_alive(&world, "h0", false);
        world_tick(&world, SECONDS(2));
        assert_int_equal(world_count(&world, RECORD_OBSERVED), 1);
        world_settle(&world);
        assert_int_equal(world_count(&world, RECORD_OBSERVED), 2);
        world_deinit(&world);
}

static void an_instance_on_a_dead_host_is_not_ready(void **state)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);
        InstanceId id = {"d1", "web", 0};
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_REBOOT, .instance = id}), 0);
        world_settle(&world);
        world_alive(&world, "h0", false);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_REBOOT, .instance = id}),
                FABRIC_REFUSED_NOW);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_starts_before_the_host_gives_its_word),
                cmocka_unit_test(a_word_about_an_older_incarnation_does_not_count),
                cmocka_unit_test(what_a_lost_host_said_goes_with_its_instances),
                cmocka_unit_test(an_instance_on_a_dead_host_is_not_ready),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
