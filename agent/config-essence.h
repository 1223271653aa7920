/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which changes of a configuration a running role can be told of, and which need it to start anew.
 */

#include "lib/api/agent-protocol.h"

/**
 * config_essence_equal() - Whether a running role can go on with another configuration
 * @a: borrowed
 * @b: borrowed
 *
 * Settings, topology, slot, domains, network, certificates, sites, and what only the next start
 * reads (environment variables), may differ. What is run and as whom may not.
 *
 * Return: true when it can.
 */
bool config_essence_equal(const AgentConfig *a, const AgentConfig *b);
