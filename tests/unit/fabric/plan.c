/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/plan.h"

#include "tests/unit/fabric/world.h"

static void long_texts_part_transactions(void **state)
{
        DeploymentRecord d = world_deployment("d1", 90, 0);
        char *text = malloc(RECORD_TEXT_MAX);
        size_t bytes = 0;
        World world;

        memset(text, 'x', RECORD_TEXT_MAX - 1);
        text[RECORD_TEXT_MAX - 1] = '\0';
        d.definition = text;
        world_init(&world, 10, 2);
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), 0);
        assert_int_equal(world.plan->n_transactions, 2);
        for (size_t i = 0; i < world.plan->n_transactions; i++)
                bytes += world.plan->transactions[i].n_writes;
        assert_int_equal(bytes, 93);
        free(text);
        world_deinit(&world);
}

static void each_guard_stands_once_in_each_transaction(void **state)
{
        DeploymentRecord d = world_deployment("d1", 150, 0);
        World world;

        world_init(&world, 30, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        for (unsigned i = 0; i < 25; i++) {
                char host[8];

                snprintf(host, sizeof(host), "h%u", i);
                world_alive(&world, host, false);
        }
        world_tick(&world, SECONDS(2));
        assert_true(world.plan->n_transactions >= 1);
        for (size_t i = 0; i < world.plan->n_transactions; i++) {
                const FabricTransaction *t = &world.plan->transactions[i];

                assert_in_range(t->n_losses, 1, 25);
                for (size_t a = 0; a < t->n_losses; a++)
                        for (size_t b = 0; b < a; b++)
                                assert_string_not_equal(t->losses[a].host, t->losses[b].host);
        }
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(long_texts_part_transactions),
                cmocka_unit_test(each_guard_stands_once_in_each_transaction),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
