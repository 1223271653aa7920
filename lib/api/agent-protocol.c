/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The agent channel's codec: a message is a JSON object with its type as the first member; which
 * others it has, and who may send it, is in the tables of agent-members.c. */

#include "lib/api/agent-protocol.h"

#include <string.h>

#include "lib/api/agent-members.h"
#include "lib/base/str.h"

const char *agent_message_type_to_string(AgentMessageType type)
{
        return type < AGENT_MESSAGE_TYPES ? agent_message_shape(type)->word : "unknown";
}

size_t agent_message_bytes_max(AgentDirection from)
{
        return from == AGENT_FROM_GUEST ? AGENT_FROM_GUEST_BYTES_MAX : AGENT_FROM_HOST_BYTES_MAX;
}

void agent_message_deinit(AgentMessage *message)
{
        assert(message->type < AGENT_MESSAGE_TYPES);
        members_free(agent_message_shape(message->type)->members, message);
        *message = (AgentMessage) {};
}

void agent_config_deinit(AgentConfig *config)
{
        members_free(agent_config_members(), config);
        *config = (AgentConfig) {};
}

int agent_message_encode(const AgentMessage *message, AgentDirection from, char **ret_data,
                         size_t *ret_length)
{
        sd_json_variant *object = NULL;
        _cleanup_free_ char *text = NULL;
        StrBuffer frame = {};
        int r;

        assert(message->type < AGENT_MESSAGE_TYPES);
        assert(agent_message_shape(message->type)->speakers & (1U << from));
        r = members_encode(agent_message_shape(message->type)->members, message,
                           agent_message_shape(message->type)->word, &object);
        if (r >= 0)
                r = sd_json_variant_format(object, 0, &text);
        sd_json_variant_unref(object);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        if (strlen(text) > agent_message_bytes_max(from))
                return -EMSGSIZE;

        str_buffer_append(&frame, "\x1e", 1);
        str_buffer_add(&frame, text);
        str_buffer_append(&frame, "\n", 1);
        *ret_length = frame.length;
        r = str_buffer_take(&frame, ret_data);
        str_buffer_deinit(&frame);
        return r;
}

static int decode_type(sd_json_variant *value, AgentDirection from, AgentMessageType *ret)
{
        sd_json_variant *word = sd_json_variant_by_key(value, "type");

        for (AgentMessageType i = 0; i < AGENT_MESSAGE_TYPES; i++)
                if (word && sd_json_variant_is_string(word) &&
                    str_equal(agent_message_shape(i)->word, sd_json_variant_string(word)) &&
                    (agent_message_shape(i)->speakers & (1U << from))) {
                        *ret = i;
                        return 0;
                }
        return AGENT_MESSAGE_REFUSED;
}

int agent_message_decode(const char *text, AgentDirection from, AgentMessage *ret_message,
                         const char **ret_problem)
{
        sd_json_variant *value = NULL;
        AgentMessage message = {};
        const char *problem = "not JSON";
        int r;

        r = strlen(text) > agent_message_bytes_max(from)
                    ? -EMSGSIZE
                    : sd_json_parse(text, 0, &value, NULL, NULL);
        if (r < 0) {
                r = r == -ENOMEM ? r : AGENT_MESSAGE_REFUSED;
        } else if (!sd_json_variant_is_object(value) ||
                   decode_type(value, from, &message.type) != 0) {
                problem = "type";
                r = AGENT_MESSAGE_REFUSED;
        } else {
                problem = NULL;
                r = members_decode(agent_message_shape(message.type)->members, value, &message,
                                   &problem);
                r = r == MEMBERS_REFUSED ? AGENT_MESSAGE_REFUSED : r;
        }
        sd_json_variant_unref(value);
        if (r != 0) {
                agent_message_deinit(&message);
                if (ret_problem)
                        *ret_problem = problem ?: "type";
                return r;
        }
        *ret_message = message;
        return 0;
}

/* ---- framing */
