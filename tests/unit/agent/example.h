/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The configuration of an instance of a web role, of two. */

#include "lib/api/agent-protocol.h"

static AgentEndpoint endpoints[] = {{"http", "input", "http", 80, 80, 80, NULL}};
static AgentInstance instances[] = {{"web_IN_0", "10.64.1.4", 0, 0, endpoints, 1},
                                    {"web_IN_1", "10.64.1.5", 1, 0, endpoints, 1}};
static AgentRole roles[] = {{"web", instances, 2}};
static AgentPair settings[] = {{"Colour", "blue"}, {"Size", "4"}};
static AgentPair variables[] = {{"GREETING", "hello \"you\""}};
static AgentResource resources[] = {{"cache", 100, true}};

static inline AgentConfig example(void)
{
        return (AgentConfig) {.service = "shop",
                              .slot = "staging",
                              .deployment = "d0a1b2c3d",
                              .role = "web",
                              .instance = "web_IN_0",
                              .incarnation = 3,
                              .upgrade_domain = 2,
                              .network = {.address = "10.64.1.4", .prefix = 24},
                              .settings = settings,
                              .n_settings = 2,
                              .environment = variables,
                              .n_environment = 1,
                              .resources = resources,
                              .n_resources = 1,
                              .topology = roles,
                              .n_topology = 1};
}
