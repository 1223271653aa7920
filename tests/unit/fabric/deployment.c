/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/deployment.h"

#include "tests/unit/fabric/world.h"

static void upgrade_domains_are_numbers_modulo_the_count(void **state)
{
        DeploymentRecord d = world_deployment("d1", 14, 0);
        unsigned n[5] = {};
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        MAP_FOREACH (entry, fabric_records(world.fabric, RECORD_INSTANCE))
                n[((const Record *) entry->value)->instance.upgrade_domain]++;
        assert_int_equal(n[0], 3);
        assert_int_equal(n[3], 3);
        assert_int_equal(n[4], 2);
        world_deinit(&world);
}

static void a_large_deployment_is_cut_into_transactions(void **state)
{
        DeploymentRecord d = world_deployment("d1", 240, 0);
        World world;

        world_init(&world, 20, 5);
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), 0);
        assert_int_equal(world.plan->n_transactions, 3);
        for (size_t i = 0; i < 3; i++) /* what is wanted stands in the first */
                assert_int_equal(world.plan->transactions[0].writes[i].key.type != RECORD_INSTANCE,
                                 1);
        world_deinit(&world);
}

static void what_waits_is_placed_when_there_is_room(void **state)
{
        DeploymentRecord d = world_deployment("d1", 16, 0);
        World world;

        world_init(&world, 2, 2);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        d = world_deployment("d2", 16, 0);
        world_deploy(&world, "t", SLOT_PRODUCTION, &d);
        world_settle(&world); /* now both hosts are full */
        world_alive(&world, "h1", false);
        world_tick(&world, SECONDS(2));
        assert_int_equal(world.plan->n_transactions, 1); /* a VIP is moved, no instance can be */
        assert_int_equal(world.plan->transactions[0].n_writes, 1);
        assert_int_equal(world.plan->transactions[0].writes[0].key.type, RECORD_SERVICE);
        world_host(&world, "h2", "r2");
        world_settle(&world);
        MAP_FOREACH (entry, fabric_records(world.fabric, RECORD_INSTANCE))
                assert_string_not_equal(((const Record *) entry->value)->instance.host, "h1");
        world_deinit(&world);
}

static void numbers_used_again_go_on_with_their_incarnations(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 0);
        FabricCount counts[] = {{"web", 1}};
        FabricRequest scale = {
                .kind = FABRIC_SCALE, .service = "s", .counts = counts, .n_counts = 1};
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        world_request(&world, scale);
        world_settle(&world);
        assert_null(world_instance(&world, "d1/web_IN_1"));
        counts[0].count = 2;
        world_request(&world, scale);
        assert_int_equal(world_instance(&world, "d1/web_IN_1")->incarnation, 2);
        world_deinit(&world);
}

static void a_package_that_nobody_deploys_is_dropped(void **state)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);
        World world;

        world_init(&world, 1, 1);
        world_tick(&world, SECONDS(3599));
        assert_int_equal(world_count(&world, RECORD_PACKAGE), 1);
        world_tick(&world, SECONDS(1));
        assert_int_equal(world_count(&world, RECORD_PACKAGE), 0);
        world_deinit(&world);

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_tick(&world, SECONDS(100000));
        assert_int_equal(world_count(&world, RECORD_PACKAGE), 1);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(upgrade_domains_are_numbers_modulo_the_count),
                cmocka_unit_test(a_large_deployment_is_cut_into_transactions),
                cmocka_unit_test(what_waits_is_placed_when_there_is_room),
                cmocka_unit_test(numbers_used_again_go_on_with_their_incarnations),
                cmocka_unit_test(a_package_that_nobody_deploys_is_dropped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
