/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What role-resume.c needs of role-run.c to go on in the middle. */

#include "agent/role-run.h"

/** run_make_tasks() - Take the programs of a configuration's startup tasks.
 * Return: 0; -E2BIG; -ENOMEM */
int run_make_tasks(RoleRun *run, const AgentConfig *config);

/** run_begin() - Start everything from the beginning */
void run_begin(RoleRun *run, uint64_t now_ns);

/** run_advance_tasks() - Start tasks up to the first that is to be waited for; then the programs */
void run_advance_tasks(RoleRun *run, uint64_t now_ns);

/** run_advance_stop() - Go on with the stop as far as it can: first nginx with the requests it has,
 * then the role */
void run_advance_stop(RoleRun *run, uint64_t now_ns);

/** run_settle() - Compute the status, and tell that something has changed: ends every entry point
 */
void run_settle(RoleRun *run, uint64_t now_ns);
