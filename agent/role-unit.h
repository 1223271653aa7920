/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What each program of a role is as a unit: startup tasks, the role itself, nginx, and mkfs for
 * local storage that has no filesystem yet. */

#include "agent/units.h"
#include "lib/api/agent-protocol.h"

/**
 * role_unit_fill() - Say how to run a program of a role
 * @source:   "task-N", "role", "nginx" or "mkfs"
 * @config:   borrowed as long as the unit's specification is used
 * @device:   what mkfs formats; borrowed likewise
 * @spec:     command, user, directory, limits and environment are filled in
 *
 * Return: 0; -EINVAL when there is no such task; -ENOMEM. Afterwards, also on failure,
 * role_unit_clear() is to be called.
 */
int role_unit_fill(const char *source, const AgentConfig *config, const char *device,
                   UnitSpec *spec);

/** role_unit_clear() - Free what role_unit_fill() has made */
void role_unit_clear(UnitSpec *spec);
