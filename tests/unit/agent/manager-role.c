/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Starting roles for real is tests/guest. */

#include "tests/unit/agent/host.h"

static void ends_are_told_to_the_host(void **state)
{
        const UnitEnd end = {.name = "u", .cause = "signal", .signal = 11, .ran_ns = 2000000};
        AgentMessage message;
        Host host;

        host_begin(&host);
        manager_run_ops.exited(host.manager, "role", &end, true, 5000000);
        message = host_awaits(&host, AGENT_EXIT);
        assert_string_equal(message.exit.source, "role");
        assert_string_equal(message.exit.cause, "signal");
        assert_int_equal(message.exit.signal, 11);
        assert_int_equal(message.exit.ran_ms, 2);
        assert_int_equal(message.exit.restart_ms, 5);
        assert_true(message.exit.restarts);
        agent_message_deinit(&message);
        manager_run_ops.stopped(host.manager);
        message = host_awaits(&host, AGENT_STOPPED);
        agent_message_deinit(&message);
        host_end(&host);
}

/* Without a configuration and without a systemd anything may come, late or early. */
static void an_idle_run_hears_and_does_nothing(void **state)
{
        RoleEnvironmentSink role;
        UnitsSink units;
        Host host;

        host_begin(&host);
        role = manager_role_sink(host.manager);
        units = manager_units_sink(host.manager);
        role.set_ready(role.userdata);
        role.set_busy(role.userdata, UINT64_MAX);
        role.request_recycle(role.userdata, "because");
        role.progress(role.userdata, 1);
        units.started(units.userdata, "other.service");
        manager_kill(host.manager, "other.service", true, 9);
        manager_run_ops.release(host.manager, "other.service");
        assert_int_equal(role_run_status(&host.manager->run), AGENT_STARTING_VM);
        host_end(&host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ends_are_told_to_the_host),
                cmocka_unit_test(an_idle_run_hears_and_does_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
