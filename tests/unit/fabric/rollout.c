/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/rollout.h"

#include "tests/unit/fabric/update-world.h"

static unsigned count_told(World *world, unsigned n_hosts)
{
        unsigned n = 0;

        for (unsigned i = 0; i < n_hosts; i++) {
                char host[16];

                snprintf(host, sizeof(host), "h%u", i);
                n += update_is_told(world, host);
        }
        return n;
}

static void a_domain_goes_together(void **state)
{
        World world;

        update_init(&world, 6, 3);
        assert_int_equal(update_request(&world, ""), FABRIC_NO_REFUSAL);
        assert_int_equal(count_told(&world, 6), 2);
        assert_true(update_is_told(&world, "h0"));
        assert_true(update_is_told(&world, "h3"));
        update_restart(&world, "h0", "2");
        assert_int_equal(count_told(&world, 6), 1); /* h3 is waited for */
        update_restart(&world, "h3", "2");
        assert_int_equal(count_told(&world, 6), 2);
        world_deinit(&world);
}

static void with_two_domains_hosts_go_one_by_one(void **state)
{
        World world;

        update_init(&world, 4, 2);
        assert_int_equal(update_request(&world, ""), FABRIC_NO_REFUSAL);
        for (unsigned i = 0; i < 4; i++) {
                char host[16];

                assert_int_equal(count_told(&world, 4), 1);
                snprintf(host, sizeof(host), "h%u", i);
                assert_true(update_is_told(&world, host));
                update_restart(&world, host, "2");
        }
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_SUCCEEDED);
        assert_int_equal(world_operation(&world, world.operation)->done, 4);
        world_deinit(&world);
}

static void whoever_came_last_goes_by_name(void **state)
{
        World world;

        update_init(&world, 2, 2);
        world_host(&world, "a", "r1");
        update_alive(&world, "a", "a", "1", (HostUpdateReport) {});
        assert_int_equal(update_request(&world, ""), FABRIC_NO_REFUSAL);
        assert_true(update_is_told(&world, "a"));
        assert_false(update_is_told(&world, "h0"));
        world_deinit(&world);
}

static void a_big_domain_s_hosts_follow_one_another(void **state)
{
        World world;

        update_init(&world, 330, 3);
        assert_int_equal(update_request(&world, ""), FABRIC_NO_REFUSAL);
        assert_int_equal(count_told(&world, 330), 100);
        for (unsigned i = 0; i < 330; i += 3) {
                char host[16];

                snprintf(host, sizeof(host), "h%u", i);
                if (!update_is_told(&world, host))
                        continue;
                update_restart(&world, host, "2");
                break;
        }
        assert_int_equal(count_told(&world, 330), 100);
        world_deinit(&world);
}

/* The second of a domain fails: the first, which restarts, is waited for; the others are not begun.
 */
static void the_first_failure_ends_it(void **state)
{
        World world;

        update_init(&world, 6, 3);
        assert_int_equal(update_request(&world, ""), FABRIC_NO_REFUSAL);
        update_restart(&world, "h3", "1");
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_RUNNING);
        assert_string_equal(update_host(&world, "h1")->update.operation, "");
        assert_true(update_is_told(&world, "h0"));
        update_restart(&world, "h0", "2");
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_FAILED);
        assert_non_null(strstr(world_operation(&world, world.operation)->message,
                               "h3' came back with version 1 as before"));
        assert_non_null(strstr(world_operation(&world, world.operation)->message,
                               "; 4 of 6 hosts were not begun with"));
        assert_true(update_host(&world, "h3")->cordoned);
        assert_false(update_host(&world, "h0")->cordoned);
        world_deinit(&world);
}

static void one_that_does_not_come_back_is_given_up(void **state)
{
        World world;

        update_init(&world, 3, 3);
        assert_int_equal(update_request(&world, ""), FABRIC_NO_REFUSAL);
        world_alive(&world, "h0", false);
        world_tick(&world, SECONDS(1799));
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_RUNNING);
        world_tick(&world, SECONDS(2));
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_FAILED);
        assert_true(update_host(&world, "h0")->cordoned);
        assert_false(update_host(&world, "h1")->cordoned);
        world_deinit(&world);
}

static void what_cannot_be_done_is_refused(void **state)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);
        const char *host;
        World world;

        update_init(&world, 2, 2);
        assert_int_equal(update_request(&world, "h0,h9"), FABRIC_NO_SUCH_HOST);
        assert_int_equal(update_request(&world, "h0,h1,h0"), FABRIC_REFUSED_NOW);
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), 0);
        host = world_instance(&world, "d1/web_IN_0")->host;
        world_alive(&world, str_equal(host, "h0") ? "h1" : "h0", false);
        assert_int_equal(update_request(&world, ""), FABRIC_REFUSED_NOW);   /* one is lost */
        assert_int_equal(update_request(&world, host), FABRIC_REFUSED_NOW); /* nowhere to go */
        world_deinit(&world);
}

static void hands_off_what_is_updated(void **state)
{
        World world;

        update_init(&world, 3, 3);
        assert_int_equal(update_request(&world, ""), FABRIC_NO_REFUSAL);
        assert_int_equal(update_request(&world, "h2"), FABRIC_OPERATION_CONFLICT);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_UNCORDON, .host = "h0"}),
                FABRIC_OPERATION_CONFLICT);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_DRAIN, .host = "h1"}),
                FABRIC_OPERATION_CONFLICT);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_REMOVE_HOST, .host = "h0"}),
                FABRIC_OPERATION_CONFLICT);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_domain_goes_together),
                cmocka_unit_test(with_two_domains_hosts_go_one_by_one),
                cmocka_unit_test(whoever_came_last_goes_by_name),
                cmocka_unit_test(a_big_domain_s_hosts_follow_one_another),
                cmocka_unit_test(the_first_failure_ends_it),
                cmocka_unit_test(one_that_does_not_come_back_is_given_up),
                cmocka_unit_test(what_cannot_be_done_is_refused),
                cmocka_unit_test(hands_off_what_is_updated),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
