/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/agent/host.h"

static void says_hello_when_it_has_started(void **state)
{
        AgentMessage message;
        Host host;

        host_begin(&host);
        message = host_hears(&host);
        assert_int_equal(message.type, AGENT_HELLO);
        assert_int_equal(message.hello.protocol, AGENT_PROTOCOL_VERSION);
        assert_int_equal(message.hello.serial, 0);
        agent_message_deinit(&message);
        message = host_hears(&host);
        assert_int_equal(message.type, AGENT_HEARTBEAT);
        assert_int_equal(message.heartbeat.status, AGENT_STARTING_VM);
        agent_message_deinit(&message);
        host_end(&host);
}

static void no_port_is_an_error(void **state)
{
        ManagerConfig config = {.port = "/nonexistent", .runtime = "/tmp"};
        Manager *manager = NULL;

        assert_int_equal(manager_new(&config, &manager), 0);
        assert_int_equal(manager_startup(manager), -ENOENT);
        manager_free(manager);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(says_hello_when_it_has_started),
                cmocka_unit_test(no_port_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
