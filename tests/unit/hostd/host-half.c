/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/host-half.h"

#include "tests/unit/hostd/half.h"

static void a_record_becomes_a_ready_instance_and_goes_without_a_trace(void **state)
{
        World *world = *state;
        InstanceRecord record = world_put_records(world, 1);
        _cleanup_free_ char *ephemeral = world_path(world, "ephemeral"),
                            *instances = world_path(world, "instances");
        AgentMessage stop;

        WORLD_UNTIL(world, world->n_observed > 0);
        assert_int_equal(world->observed.status, STATUS_CREATING_VM);
        world_make_ready(world, 1);
        assert_int_equal(world->observed.configuration_generation, 1);
        assert_string_equal(world->vip, "198.18.100.1");
        record.power = POWER_STOPPING;
        host_half_instance_put(world->half, &record);
        stop = world_agent_hears(world, AGENT_STOP);
        assert_true(stop.deadline_s > 0);
        assert_false(world->ready); /* out of rotation before it is told */
        world_agent_says(world, &(AgentMessage) {.type = AGENT_STOPPED});
        WORLD_UNTIL(world, world->observed.status == STATUS_STOPPED_VM);
        assert_int_equal(world->observed.incarnation, 1);
        assert_int_equal(world->n_gone, 0);
        host_half_instance_deleted(world->half, &record.id);
        WORLD_UNTIL(world, world->n_gone == 1);
        assert_int_equal(world_domain(world, "troupe-" HALF_DEPLOYMENT "-web_IN_0-1"),
                         DOMAIN_ABSENT);
        assert_int_equal(world->n_instances, 0);
        assert_int_equal(rmdir(ephemeral), 0); /* empty */
        assert_int_equal(rmdir(instances), 0);
}

static void nothing_is_done_before_all_records_are_known(void **state)
{
        World *world = *state;
        InstanceRecord record = test_instance(HALF_DEPLOYMENT, "web", 0, "h1");

        assert_int_equal(host_half_instance_put(world->half, &record), 0);
        run_loop_for(world->event, 300);
        assert_int_equal(map_size(&world->half->instances), 0);
        assert_int_equal(world->n_replace, 0);
        host_half_synced(world->half);
        WORLD_UNTIL(world, map_size(&world->half->instances) == 1 && world->n_replace == 1);
}

static void other_hosts_instances_are_not_ours(void **state)
{
        World *world = *state;
        InstanceRecord record = test_instance(HALF_DEPLOYMENT, "web", 0, "h2");

        host_half_synced(world->half);
        assert_int_equal(host_half_instance_put(world->half, &record), 0);
        run_loop_for(world->event, 200);
        assert_int_equal(map_size(&world->half->instances), 0);
        assert_int_equal(world->n_observed, 0);
}

static void the_state_of_the_host_is_told(void **state)
{
        World *world = *state;
        HostHalfState told;

        world_put_records(world, 1);
        WORLD_UNTIL(world, world_state(world, 1) == VM_RUNNING);
        host_half_state(world->half, &told);
        assert_true(told.libvirt && told.netd && told.kvm_known && !told.kvm);
        assert_string_equal(told.kvm_message, "there is none in this world");
        assert_int_equal(told.n_vms, 1);
        assert_null(told.problem);
}

static void shells_are_the_agents(void **state)
{
        World *world = *state;
        InstanceRecord record = world_put_records(world, 1);
        InstanceId other = {.deployment = "d00000002", .role = "web"};
        AgentMessage open = {.type = AGENT_SHELL_OPEN,
                             .shell = {.session = 7, .rows = 24, .columns = 80}};

        assert_int_equal(host_half_shell_send(world->half, &other, &open), -ENOENT);
        world_make_ready(world, 1);
        assert_int_equal(host_half_shell_send(world->half, &record.id, &open), 0);
        open = world_agent_hears(world, AGENT_SHELL_OPEN);
        assert_int_equal(open.shell.session, 7);
        agent_message_deinit(&open);
}

static void certificates_are_kept_until_they_are_taken_back(void **state)
{
        static const char digest[] = HALF_PACKAGE;
        World *world = *state;
        Record certificate;

        record_init(&certificate, RECORD_CERTIFICATE);
        memcpy(certificate.certificate.digest, digest, sizeof(digest));
        certificate.certificate.key = (char *) "one";
        assert_int_equal(host_half_certificate_put(world->half, &certificate), 0);
        certificate.certificate.key = (char *) "two";
        assert_int_equal(host_half_certificate_put(world->half, &certificate), 0);
        assert_string_equal(
                ((Record *) map_get(&world->half->certificates, digest))->certificate.key, "two");
        host_half_certificate_deleted(world->half, digest);
        assert_int_equal(map_size(&world->half->certificates), 0);
        host_half_certificate_deleted(world->half, digest);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        a_record_becomes_a_ready_instance_and_goes_without_a_trace, world_setup,
                        world_teardown),
                cmocka_unit_test_setup_teardown(nothing_is_done_before_all_records_are_known,
                                                world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(other_hosts_instances_are_not_ours, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(the_state_of_the_host_is_told, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(shells_are_the_agents, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(certificates_are_kept_until_they_are_taken_back,
                                                world_setup, world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
