/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Role output on its way into the host's journal, each entry with the fields TROUPE_SERVICE,
 * TROUPE_DEPLOYMENT, TROUPE_ROLE, TROUPE_INSTANCE (`web_IN_0`), TROUPE_STREAM (`out`, `err`,
 * `agent`) and TROUPE_SOURCE. The journal may block, so it is written to by a Worker; what waits
 * for that is bounded by ROLE_LOG_WAITING_MAX, for all guests together, and what one guest may have
 * of it by ROLE_LOG_BYTES_PER_S. What is thrown away is counted and said. */

#include "hostd/worker.h"
#include "lib/api/agent-protocol.h"
#include "lib/api/records.h"

#define ROLE_LOG_WAITING_MAX (2 * MIB)
#define ROLE_LOG_BYTES_PER_S (64 * KIB)
#define ROLE_LOG_BYTES_BURST (512 * KIB)

typedef struct RoleLog RoleLog;

/**
 * role_log_new() - Make the log
 * @worker:  writes to the journal
 * @ret_log: owned
 *
 * Return: 0; -ENOMEM.
 */
int role_log_new(Worker *worker, RoleLog **ret_log);

/**
 * role_log_free() - Free it; to be called when its Worker has ended
 *
 * Return: NULL.
 */
RoleLog *role_log_free(RoleLog *log);

/**
 * role_log_message() - Put an agent's message into the journal
 * @log:      log
 * @service:  whose role it is
 * @instance: instance
 * @message:  AGENT_LOG or AGENT_EXIT
 */
void role_log_message(RoleLog *log, const char *service, const InstanceId *instance,
                      const AgentMessage *message);

/** role_log_dropped() - How many messages of an instance were thrown away since that was last said
 */
uint64_t role_log_dropped(const RoleLog *log, const InstanceId *instance);

/** role_log_forget() - Forget an instance's rate */
void role_log_forget(RoleLog *log, const InstanceId *instance);
