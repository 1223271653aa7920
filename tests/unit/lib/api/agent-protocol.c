/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/agent-protocol.h"

#include <string.h>

#include "lib/base/hash.h"
#include "tests/unit/test.h"

/* A literal as the member of a message that does not change it. */
#define T(text) ((char *) (uintptr_t) (text))

/* What a decoder says of a text by a guest. */
static int by_guest(const char *text)
{
        AgentMessage message = {};
        const char *problem = NULL;
        int r = agent_message_decode(text, AGENT_FROM_GUEST, &message, &problem);

        if (r == 0)
                agent_message_deinit(&message);
        else
                assert_non_null(problem);
        return r;
}

static void config_comes_back_as_it_was(void **state)
{
        AgentPair variable = {T("A"), T("b\n\"c\"")}, setting = {T("Queue"), T("tcp://x")};
        AgentTask task = {.command = T("./setup"),
                          .elevated = true,
                          .type = AGENT_TASK_FOREGROUND,
                          .environment = &variable,
                          .n_environment = 1};
        AgentEndpoint endpoint = {T("http"), T("input"), T("http"), 8080, 8080, 80, NULL};
        AgentInstance instances[2] = {{T("web_IN_0"), T("10.64.0.2"), 0, 0, &endpoint, 1},
                                      {T("web_IN_1"), T("10.64.0.3"), 1, 1, NULL, 0}};
        AgentRole role = {T("web"), instances, 2};
        char *dns[] = {T("10.0.0.1"), T("10.0.0.2")};
        AgentMessage back, message = {.type = AGENT_CONFIG,
                                      .config = {.serial = UINT64_MAX,
                                                 .service = T("shop"),
                                                 .slot = T("staging"),
                                                 .deployment = T("d0123abcd"),
                                                 .role = T("web"),
                                                 .instance = T("web_IN_0"),
                                                 .incarnation = 3,
                                                 .kind = AGENT_ROLE_WORKER,
                                                 .hostname = T("web-0"),
                                                 .network = {.address = T("10.64.0.2"),
                                                             .prefix = 24,
                                                             .dns = dns,
                                                             .n_dns = 2},
                                                 .ready_on_start = true,
                                                 .tasks = &task,
                                                 .n_tasks = 1,
                                                 .settings = &setting,
                                                 .n_settings = 1,
                                                 .topology = &role,
                                                 .n_topology = 1}};
        _cleanup_free_ char *data = NULL;
        size_t length = 0;

        assert_int_equal(agent_message_encode(&message, AGENT_FROM_HOST, &data, &length), 0);
        assert_int_equal(data[0], '\x1e');
        assert_int_equal(data[length - 1], '\n');
        data[length - 1] = '\0';
        assert_int_equal(agent_message_decode(data + 1, AGENT_FROM_HOST, &back, NULL), 0);
        assert_true(back.config.serial == UINT64_MAX);
        assert_int_equal(back.config.kind, AGENT_ROLE_WORKER);
        assert_null(back.config.entry_point);
        assert_string_equal(back.config.tasks[0].environment[0].value, "b\n\"c\"");
        assert_int_equal(back.config.tasks[0].type, AGENT_TASK_FOREGROUND);
        assert_string_equal(back.config.topology[0].instances[1].address, "10.64.0.3");
        assert_int_equal(back.config.topology[0].instances[0].endpoints[0].public_port, 80);
        assert_string_equal(back.config.network.dns[1], "10.0.0.2");
        assert_true(back.config.ready_on_start);
        agent_message_deinit(&back);
}

static void shell_bytes_come_back_as_they_were(void **state)
{
        uint8_t bytes[256];
        AgentMessage back, message = {.type = AGENT_SHELL_DATA,
                                      .shell = {.session = 7, .data = bytes, .n_data = 256}};
        _cleanup_free_ char *data = NULL;
        size_t length;

        for (unsigned i = 0; i < 256; i++)
                bytes[i] = (uint8_t) i;
        assert_int_equal(agent_message_encode(&message, AGENT_FROM_GUEST, &data, &length), 0);
        data[length - 1] = '\0';
        assert_int_equal(agent_message_decode(data + 1, AGENT_FROM_GUEST, &back, NULL), 0);
        assert_int_equal(back.shell.n_data, 256);
        assert_memory_equal(back.shell.data, bytes, 256);
        agent_message_deinit(&back);
}

static void hostile_guest_is_refused(void **state)
{
        static const char *const texts[] = {
                "",
                "[]",
                "null",
                "{",
                "{}",
                "{\"type\":7}",
                "{\"type\":\"config\"}",
                "{\"type\":\"stop\",\"deadline_s\":1}",
                "{\"type\":\"pong\"}",
                "{\"type\":\"pong\",\"token\":-1}",
                "{\"type\":\"pong\",\"token\":1.5}",
                "{\"type\":\"pong\",\"token\":\"1\"}",
                "{\"type\":\"pong\",\"token\":99999999999999999999}",
                "{\"type\":\"log\",\"stream\":\"x\",\"source\":\"r\",\"text\":\"\",\"dropped\":0}",
                "{\"type\":\"log\",\"stream\":\"out\",\"source\":\"r\\n\",\"text\":\"\","
                "\"dropped\":0}",
                "{\"type\":\"log\",\"stream\":\"out\",\"source\":\"r\",\"text\":\"\\u001b\","
                "\"dropped\":0}",
                "{\"type\":\"log\",\"stream\":\"out\",\"source\":\"r\",\"text\":\"\\u0000\","
                "\"dropped\":0}",
                "{\"type\":\"shell-data\",\"session\":1,\"data\":\"%%%\"}",
                "{\"type\":\"shell-data\",\"session\":1,\"data\":[1]}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                assert_int_equal(by_guest(texts[i]), AGENT_MESSAGE_REFUSED);
        assert_int_equal(by_guest("{\"type\":\"pong\",\"token\":1}"), 0);
        assert_int_equal(by_guest("{\"type\":\"pong\",\"token\":1,\"later\":[{}]}"), 0);
}

static void bounds_hold(void **state)
{
        AgentMessage message = {.type = AGENT_LOG, .log = {.source = T("role")}};
        char text[AGENT_LOG_TEXT_BYTES_MAX + 2];
        _cleanup_free_ char *data = NULL, *shell = NULL;
        size_t length;

        memset(text, 'x', sizeof(text));
        text[AGENT_LOG_TEXT_BYTES_MAX] = '\0';
        message.log.text = text;
        assert_int_equal(agent_message_encode(&message, AGENT_FROM_GUEST, &data, &length), 0);
        data[length - 1] = '\0';
        assert_int_equal(by_guest(data + 1), 0);

        free(TAKE_PTR(data));
        text[AGENT_LOG_TEXT_BYTES_MAX] = 'x', text[AGENT_LOG_TEXT_BYTES_MAX + 1] = '\0';
        assert_int_equal(agent_message_encode(&message, AGENT_FROM_GUEST, &data, &length), 0);
        data[length - 1] = '\0';
        assert_int_equal(by_guest(data + 1), AGENT_MESSAGE_REFUSED);

        shell = calloc(1, AGENT_FROM_GUEST_BYTES_MAX);
        message = (AgentMessage) {
                .type = AGENT_SHELL_DATA,
                .shell = {.data = (uint8_t *) shell, .n_data = AGENT_FROM_GUEST_BYTES_MAX}};
        free(TAKE_PTR(data));
        assert_int_equal(agent_message_encode(&message, AGENT_FROM_GUEST, &data, &length),
                         -EMSGSIZE);
}

static void not_utf8_is_an_error(void **state)
{
        AgentMessage message = {.type = AGENT_LOG,
                                .log = {.source = T("role"), .text = T("\xff\xfe")}};
        char *data = NULL;
        size_t length;

        assert_int_equal(agent_message_encode(&message, AGENT_FROM_GUEST, &data, &length), -EINVAL);
}

static void every_status_has_azures_name(void **state)
{
        for (AgentStatus i = 0; i < AGENT_STATUSES; i++)
                assert_non_null(agent_status_to_string(i));
        assert_string_equal(agent_status_to_string(AGENT_READY_ROLE), "ReadyRole");
        assert_string_equal(agent_status_to_string(AGENT_STATUSES), "Unknown");
        assert_string_equal(agent_message_type_to_string(AGENT_CONFIG_ACK), "config-ack");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(config_comes_back_as_it_was),
                cmocka_unit_test(shell_bytes_come_back_as_they_were),
                cmocka_unit_test(hostile_guest_is_refused),
                cmocka_unit_test(bounds_hold),
                cmocka_unit_test(not_utf8_is_an_error),
                cmocka_unit_test(every_status_has_azures_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
