/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/hostd/half.h"

static void an_older_incarnation_is_ignored_also_after_a_restart(void **state)
{
        World *world = *state;

        world_put_records(world, 5);
        WORLD_UNTIL(world, world_state(world, 5) == VM_RUNNING);
        world_put_records(world, 4);
        run_loop_for(world->event, 200);
        assert_null(world_instance(world, 4));
        assert_int_equal(world_state(world, 5), VM_RUNNING);
        world->half = host_half_free(world->half);
        world_start_half(world);
        world_put_records(world, 4);
        WORLD_UNTIL(world, world_state(world, 5) == VM_GONE); /* nothing that counts wants it */
        run_loop_for(world->event, 200);
        assert_null(world_instance(world, 4));
}

static void two_incarnations_never_run_at_once(void **state)
{
        World *world = *state;

        world_put_records(world, 1);
        world_make_ready(world, 1);
        world_put_records(world, 2);
        WORLD_UNTIL(world, world_instance(world, 2) != NULL);
        while (world_state(world, 2) != VM_RUNNING) {
                if (world_state(world, 1) != VM_GONE)
                        assert_true(world_state(world, 2) == VM_NEW);
                assert_true(sd_event_run(world->event, 5000000) >= 0);
        }
        assert_int_equal(world_state(world, 1), VM_GONE);
        assert_int_equal(world_domain(world, "troupe-" HALF_DEPLOYMENT "-web_IN_0-1"),
                         DOMAIN_ABSENT);
}

static void a_configuration_change_reaches_the_agent(void **state)
{
        World *world = *state;
        DeploymentRecord deployment = test_deployment(HALF_DEPLOYMENT);
        _cleanup_free_ char *text = strdup(TEST_CONFIGURATION);
        AgentMessage config;

        world_put_records(world, 1);
        world_make_ready(world, 1);
        memcpy(strstr(text, "blue"), "pink", 4);
        deployment.configuration = text;
        deployment.configuration_generation = 2;
        assert_int_equal(host_half_deployment_put(world->half, &deployment), 0);
        config = world_agent_hears(world, AGENT_CONFIG);
        assert_string_equal(config.config.settings[0].value, "pink");
        assert_true(config.config.serial > 1);
        assert_int_equal(world->observed.configuration_generation, 1);
        world_agent_is(world, AGENT_READY_ROLE, config.config.serial);
        agent_message_deinit(&config);
        WORLD_UNTIL(world, world->observed.configuration_generation == 2);
}

static void a_configuration_that_says_the_same_is_in_force_at_once(void **state)
{
        World *world = *state;
        DeploymentRecord deployment = test_deployment(HALF_DEPLOYMENT);

        world_put_records(world, 1);
        world_make_ready(world, 1);
        deployment.configuration_generation = 2;
        assert_int_equal(host_half_deployment_put(world->half, &deployment), 0);
        WORLD_UNTIL(world, world->observed.configuration_generation == 2);
        assert_int_equal(world->observed.status, STATUS_READY_ROLE);
}

static void a_silent_agent_is_unresponsive(void **state)
{
        World *world = *state;
        ClusterRecord cluster = {.agent_silence_ms = 300, .drain_ms = 1000, .stop_ms = 1000};

        world_put_records(world, 1);
        world_make_ready(world, 1);
        host_half_cluster_put(world->half, &cluster);
        WORLD_UNTIL(world, world->observed.status == STATUS_UNRESPONSIVE_ROLE && !world->ready);
        cluster.agent_silence_ms = 30000;
        host_half_cluster_put(world->half, &cluster);
        world_agent_is(world, AGENT_READY_ROLE, 1);
        WORLD_UNTIL(world, world->observed.status == STATUS_READY_ROLE && world->ready);
}

static void a_reboot_is_done_once_and_told(void **state)
{
        World *world = *state;
        InstanceRecord record = world_put_records(world, 1);
        AgentMessage stop;

        world_make_ready(world, 1);
        record.wanted[ACTION_REBOOT] = 1;
        assert_int_equal(host_half_instance_put(world->half, &record), 0);
        stop = world_agent_hears(world, AGENT_STOP);
        agent_message_deinit(&stop);
        world_agent_says(world, &(AgentMessage) {.type = AGENT_STOPPED});
        WORLD_UNTIL(world, world->observed.done[ACTION_REBOOT] == 1);
        assert_int_equal(world_state(world, 1), VM_RUNNING);
        assert_int_equal(world->observed.status, STATUS_STARTING_VM);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        an_older_incarnation_is_ignored_also_after_a_restart, world_setup,
                        world_teardown),
                cmocka_unit_test_setup_teardown(two_incarnations_never_run_at_once, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(a_configuration_change_reaches_the_agent,
                                                world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(
                        a_configuration_that_says_the_same_is_in_force_at_once, world_setup,
                        world_teardown),
                cmocka_unit_test_setup_teardown(a_silent_agent_is_unresponsive, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(a_reboot_is_done_once_and_told, world_setup,
                                                world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
