/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What each message of the agent channel holds, and who may send it. */

#include "lib/api/agent-protocol.h"
#include "lib/api/members-json.h"

typedef struct AgentMessageShape {
        const char *word;      /* its "type" */
        unsigned speakers;     /* bits: 1 << AgentDirection */
        const Member *members; /* of AgentMessage */
} AgentMessageShape;

/** agent_message_shape() - The shape of a type; static */
const AgentMessageShape *agent_message_shape(AgentMessageType type);

/** agent_config_members() - The members of AgentConfig; static */
const Member *agent_config_members(void);
