/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What a role can learn of itself and its deployment: as environment variables and as a JSON file
 * that is replaced atomically. The same facts are on the bus (role-environment.h). */

#include <systemd/sd-json.h>

#include "lib/api/agent-protocol.h"

#define ROLE_ENVIRONMENT_FILE "/run/troupe/role-environment.json"

/**
 * role_facts_build() - The facts as a JSON object
 * @config: borrowed
 * @ret:    owned
 *
 * Return: 0; -ENOMEM; -EINVAL when a text is not UTF-8.
 */
int role_facts_build(const AgentConfig *config, sd_json_variant **ret);

/**
 * role_facts_json() - The text of ROLE_ENVIRONMENT_FILE
 * @config:   borrowed
 * @ret_json: owned, ends with a line break
 *
 * Return: 0; -ENOMEM; -EINVAL when a text is not UTF-8.
 */
int role_facts_json(const AgentConfig *config, char **ret_json);

/**
 * role_facts_variables() - The role's environment, as NAME=value texts
 * @config:   borrowed
 * @port:     $PORT of a web role with a program of its own, else 0
 * @ret_list: owned texts and array, NULL at the end; free with role_facts_variables_free()
 *
 * The platform's own names first (TROUPE_...), then the definition's, which win.
 *
 * Return: 0; -ENOMEM.
 */
int role_facts_variables(const AgentConfig *config, uint16_t port, char ***ret_list);

/** role_facts_variables_free() - Free such a list; NULL is fine */
void role_facts_variables_free(char **list);
