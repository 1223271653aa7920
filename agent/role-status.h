/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which of Azure's statuses a role's run comes to. */

#include "agent/role-run.h"

/** role_status_init() - Begin in StartingVM, with the moves that are allowed */
void role_status_init(Sm *status);

/** role_status_of() - The status that the state of the run means at @now_ns */
AgentStatus role_status_of(const RoleRun *run, uint64_t now_ns);
