/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The bus name org.troupe.RoleEnvironment1 (lib/api/org.troupe.RoleEnvironment1.xml): what a role
 * can learn of itself and its deployment, and what it can say and ask for. */

#include <systemd/sd-bus.h>

#include "lib/api/agent-protocol.h"

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
 * a difference. The file is written by the caller, between the two, with role_facts_json().
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
