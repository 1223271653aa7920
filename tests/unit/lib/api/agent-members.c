/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/agent-members.h"

#include "lib/base/str.h"
#include "tests/unit/test.h"

static void every_message_has_a_word_of_its_own_and_a_speaker(void **state)
{
        for (AgentMessageType a = 0; a < AGENT_MESSAGE_TYPES; a++) {
                const AgentMessageShape *shape = agent_message_shape(a);

                assert_non_null(shape->word);
                assert_non_null(shape->members);
                assert_true(shape->speakers & (1U << AGENT_FROM_GUEST | 1U << AGENT_FROM_HOST));
                for (AgentMessageType b = 0; b < a; b++)
                        assert_string_not_equal(shape->word, agent_message_shape(b)->word);
        }
}

/* Whatever a guest sends is bounded: no member without a limit, no list of unknown entries. */
static void bounded(const Member *members)
{
        for (const Member *m = members; m->kind != MEMBER_END; m++) {
                assert_non_null(m->name);
                if (m->kind != MEMBER_BOOL && m->kind != MEMBER_OBJECT)
                        assert_true(m->max > 0);
                if (m->kind == MEMBER_LIST || m->kind == MEMBER_OBJECT)
                        bounded(m->members);
                if (m->kind == MEMBER_LIST || m->kind == MEMBER_TEXTS || m->kind == MEMBER_BYTES)
                        assert_true(m->count_offset > 0);
        }
}

static void every_member_is_bounded(void **state)
{
        for (AgentMessageType i = 0; i < AGENT_MESSAGE_TYPES; i++)
                bounded(agent_message_shape(i)->members);
        bounded(agent_config_members());
}

static void only_the_host_configures(void **state)
{
        assert_int_equal(agent_message_shape(AGENT_CONFIG)->speakers, 1U << AGENT_FROM_HOST);
        assert_int_equal(agent_message_shape(AGENT_HEARTBEAT)->speakers, 1U << AGENT_FROM_GUEST);
        assert_string_equal(agent_message_shape(AGENT_STOPPED)->word, "stopped");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_message_has_a_word_of_its_own_and_a_speaker),
                cmocka_unit_test(every_member_is_bounded),
                cmocka_unit_test(only_the_host_configures),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
