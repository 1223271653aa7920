/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What a role can learn of itself and its deployment, three ways: environment variables, a JSON
 * file that is replaced atomically, and the bus name org.troupe.RoleEnvironment1
 * (lib/api/org.troupe.RoleEnvironment1.xml). */

#include <systemd/sd-bus.h>

#include "lib/api/agent-protocol.h"

#define ROLE_ENVIRONMENT_FILE "/run/troupe/role-environment.json"

typedef struct RoleEnvironment RoleEnvironment;

/* What a role asks for over the bus. Times are CLOCK_BOOTTIME. */
typedef struct RoleEnvironmentSink {
        void *userdata;
        void (*set_ready)(void *userdata);
        void (*set_busy)(void *userdata, uint64_t until_ns); /* UINT64_MAX: until SetReady */
        void (*request_recycle)(void *userdata, const char *reason);
        void (*progress)(void *userdata,
                         uint64_t deadline_ns); /* UINT64_MAX: not watched any more */
} RoleEnvironmentSink;

/**
 * role_environment_new() - Make it, with no configuration yet
 * @sink:            copied
 * @ret_environment: owned
 *
 * Return: 0; -ENOMEM.
 */
int role_environment_new(const RoleEnvironmentSink *sink, RoleEnvironment **ret_environment);

/** role_environment_free() - Let go of the bus and free; NULL is fine. Return: NULL */
RoleEnvironment *role_environment_free(RoleEnvironment *environment);
DEFINE_CLEANUP(RoleEnvironment *, role_environment_free)

/**
 * role_environment_attach() - Appear on a bus
 * @environment: environment
 * @bus:         referenced; NULL to leave
 *
 * Return: 0; a negative errno of sd-bus.
 */
int role_environment_attach(RoleEnvironment *environment, sd_bus *bus);

/**
 * role_environment_set_config() - Show another configuration
 * @environment: environment
 * @config:      copied in what is shown
 *
 * After the first one: sends Changing, then shows the new values, then sends Changed, when there is
 * a difference. The file is written by the caller, between the two, with role_environment_json().
 *
 * Return: 0; -ENOMEM.
 */
int role_environment_set_config(RoleEnvironment *environment, const AgentConfig *config);

/** role_environment_set_status() - Show another status, Azure's name; static text */
void role_environment_set_status(RoleEnvironment *environment, const char *status);

/** role_environment_stopping() - Send Stopping: the role has until @deadline_us (CLOCK_BOOTTIME) */
void role_environment_stopping(RoleEnvironment *environment, uint64_t deadline_us);

/** role_environment_status_check() - Send StatusCheck: a role that minds its status says it anew */
void role_environment_status_check(RoleEnvironment *environment);

/**
 * role_environment_json() - The text of ROLE_ENVIRONMENT_FILE
 * @config:   borrowed
 * @ret_json: owned, ends with a line break
 *
 * Return: 0; -ENOMEM; -EINVAL when a text is not UTF-8.
 */
int role_environment_json(const AgentConfig *config, char **ret_json);

/**
 * role_environment_variables() - The role's environment, as NAME=value texts
 * @config:   borrowed
 * @port:     $PORT of a web role with a program of its own, else 0
 * @ret_list: owned texts and array, NULL at the end; free with role_environment_variables_free()
 *
 * The platform's own names first (TROUPE_...), then the definition's, which win.
 *
 * Return: 0; -ENOMEM.
 */
int role_environment_variables(const AgentConfig *config, uint16_t port, char ***ret_list);

/** role_environment_variables_free() - Free such a list; NULL is fine */
void role_environment_variables_free(char **list);
