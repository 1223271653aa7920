/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/hostd/half.h"

static void a_vm_starts_only_once_its_network_is_there(void **state)
{
        World *world = *state;

        world->deaf = true;
        world_put_records(world, 1);
        WORLD_UNTIL(world, world_state(world, 1) == VM_PLUGGING);
        run_loop_for(world->event, 300);
        assert_int_equal(world_state(world, 1), VM_PLUGGING);
        world->deaf = false;
        WORLD_UNTIL(world, world_state(world, 1) == VM_RUNNING);
        assert_int_equal(world->n_instances, 1);
}

static void a_swap_is_one_update(void **state)
{
        World *world = *state;
        ServiceRecord service = {.name = "shop"};

        world_put_records(world, 1);
        world_make_ready(world, 1);
        world->n_update = 0;
        strcpy(service.slots[SLOT_STAGING].deployment, HALF_DEPLOYMENT);
        ip_parse("198.18.100.2", &service.slots[SLOT_STAGING].vip);
        ip_parse("198.18.100.1", &service.slots[SLOT_PRODUCTION].vip);
        assert_int_equal(host_half_service_put(world->half, &service), 0);
        WORLD_UNTIL(world, strcmp(world->vip, "198.18.100.2") == 0);
        run_loop_for(world->event, 200);
        assert_int_equal(world->n_update, 1);
        assert_true(world->ready);
}

static void a_drain_lasts_as_long_as_connections_do(void **state)
{
        World *world = *state;
        InstanceRecord record = world_put_records(world, 1);
        AgentMessage stop;

        world_make_ready(world, 1);
        world->connections = 3;
        record.power = POWER_STOPPING;
        assert_int_equal(host_half_instance_put(world->half, &record), 0);
        WORLD_UNTIL(world, world_state(world, 1) == VM_DRAINING && !world->ready);
        run_loop_for(world->event, 1200);
        assert_int_equal(world_state(world, 1), VM_DRAINING);
        world->connections = 0;
        stop = world_agent_hears(world, AGENT_STOP);
        agent_message_deinit(&stop);
        assert_int_equal(world_state(world, 1), VM_STOPPING);
        assert_int_equal(world->n_cut, 0); /* there is nothing left to cut */
}

static void what_outlives_the_drain_is_cut(void **state)
{
        World *world = *state;
        ClusterRecord cluster = {.drain_ms = 700, .stop_ms = 60000, .agent_silence_ms = 30000};
        InstanceRecord record = world_put_records(world, 1);
        uint64_t start;
        AgentMessage stop;

        world_make_ready(world, 1);
        host_half_cluster_put(world->half, &cluster);
        world->connections = 3;
        record.power = POWER_STOPPING;
        start = clock_boottime_ns();
        assert_int_equal(host_half_instance_put(world->half, &record), 0);
        WORLD_UNTIL(world, world_state(world, 1) == VM_DRAINING);
        assert_int_equal(world->n_cut, 0);
        WORLD_UNTIL(world, world->n_cut == 1);
        assert_true(clock_boottime_ns() - start >= 700 * NSEC_PER_MSEC);
        stop = world_agent_hears(world, AGENT_STOP);
        agent_message_deinit(&stop);
        assert_int_equal(world_state(world, 1), VM_STOPPING);
}

static void a_new_hostd_takes_nobody_out_of_rotation_that_it_does_not_know(void **state)
{
        World *world = *state;
        unsigned n_unready;

        world_put_records(world, 1);
        world_make_ready(world, 1);
        world->half = host_half_free(world->half);
        n_unready = world->n_unready;
        world_start_half(world);
        world_put_records(world, 1); /* the records are there before libvirt has answered */
        world_make_ready(world, 1);
        run_loop_for(world->event, 200);
        assert_int_equal(world->n_unready, n_unready);
}

static void an_old_incarnation_s_host_has_no_say(void **state)
{
        World *world = *state;
        InstanceRecord record = world_put_records(world, 2);
        ObservedRecord now = {.id = record.id, .incarnation = 2, .status = STATUS_READY_ROLE},
                       old = {.id = record.id, .incarnation = 1, .status = STATUS_STOPPED_VM};

        for (int i = 1; i <= 2; i++) {
                HostRecord host = {};

                snprintf(host.name, sizeof(host.name), "h%d", i);
                assert_int_equal(host_half_host_put(world->half, &host), 0);
                assert_int_equal(host_half_alive_put(world->half, host.name), 0);
        }
        strcpy(now.host, "h1");
        now.in_rotation = true;
        strcpy(old.host, "h2");
        assert_int_equal(host_half_observed_put(world->half, &now), 0);
        WORLD_UNTIL(world, world->n_weights == 1);
        assert_int_equal(host_half_observed_put(world->half, &old), 0);
        run_loop_for(world->event, 300);
        host_half_observed_deleted(world->half, "h2", &old.id);
        run_loop_for(world->event, 300);
        assert_int_equal(world->n_weights, 1);
        host_half_observed_deleted(world->half, "h1", &now.id);
        WORLD_UNTIL(world, world->n_weights == 0);
}

static void rotation_is_netds_word(void **state)
{
        World *world = *state;

        world_put_records(world, 1);
        world_make_ready(world, 1);
        assert_false(world->observed.in_rotation);
        assert_true(sd_bus_emit_signal(world->netd_bus, NET1_PATH, NET1_INTERFACE,
                                       "RotationChanged", "ssbs", HALF_DEPLOYMENT "/web/Http",
                                       HALF_DEPLOYMENT "/web_IN_0", 1, "") >= 0);
        WORLD_UNTIL(world, world->observed.in_rotation);
        assert_true(sd_bus_emit_signal(world->netd_bus, NET1_PATH, NET1_INTERFACE,
                                       "RotationChanged", "ssbs", HALF_DEPLOYMENT "/web/Http",
                                       HALF_DEPLOYMENT "/web_IN_0", 0, "probe") >= 0);
        WORLD_UNTIL(world, !world->observed.in_rotation);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_vm_starts_only_once_its_network_is_there,
                                                world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(a_swap_is_one_update, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(a_drain_lasts_as_long_as_connections_do,
                                                world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(what_outlives_the_drain_is_cut, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(
                        a_new_hostd_takes_nobody_out_of_rotation_that_it_does_not_know, world_setup,
                        world_teardown),
                cmocka_unit_test_setup_teardown(an_old_incarnation_s_host_has_no_say, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(rotation_is_netds_word, world_setup,
                                                world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
