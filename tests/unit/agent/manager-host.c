/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/agent/example.h"
#include "tests/unit/agent/host.h"

static void a_ping_is_answered(void **state)
{
        AgentMessage message;
        Host host;

        host_begin(&host);
        host_says(&host, &(AgentMessage) {.type = AGENT_PING, .token = 77});
        message = host_awaits(&host, AGENT_PONG);
        assert_int_equal(message.token, 77);
        agent_message_deinit(&message);
        host_end(&host);
}

/* Another hostd asks who the agent is: it says so, and how the role is. */
static void a_hello_is_answered_with_all_that_is_known(void **state)
{
        AgentMessage message;
        Host host;

        host_begin(&host);
        message = host_awaits(&host, AGENT_HEARTBEAT);
        agent_message_deinit(&message);
        host_says(&host, &(AgentMessage) {.type = AGENT_HELLO,
                                          .hello = {.protocol = AGENT_PROTOCOL_VERSION,
                                                    .agent_version = "1"}});
        message = host_awaits(&host, AGENT_HELLO);
        agent_message_deinit(&message);
        message = host_hears(&host);
        assert_int_equal(message.type, AGENT_HEARTBEAT);
        agent_message_deinit(&message);
        host_end(&host);
}

static void a_configuration_without_a_serial_is_refused(void **state)
{
        AgentMessage message = {.type = AGENT_CONFIG, .config = example()};
        Host host;

        message.config.hostname = "web-0";
        host_begin(&host);
        host_says(&host, &message);
        message = host_awaits(&host, AGENT_CONFIG_ACK);
        assert_int_equal(message.config_ack.outcome, AGENT_CONFIG_REFUSED);
        assert_null(manager_config(host.manager));
        agent_message_deinit(&message);
        host_end(&host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_ping_is_answered),
                cmocka_unit_test(a_hello_is_answered_with_all_that_is_known),
                cmocka_unit_test(a_configuration_without_a_serial_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
