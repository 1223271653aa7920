/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the manager-*.c files share. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "agent/channel.h"
#include "agent/guest-setup.h"
#include "agent/logs.h"
#include "agent/manager.h"
#include "agent/role-environment.h"
#include "agent/role-run.h"
#include "agent/saved.h"
#include "agent/shell.h"
#include "agent/units.h"

struct Manager {
        ManagerConfig config;
        sd_event *event;
        sd_event_source *heartbeat_timer, *run_timer, *bus_timer;
        Channel *channel;
        Units *units; /* NULL without a systemd: the agent then only speaks */
        Logs *logs;
        Shells *shells;
        RoleEnvironment *environment;
        sd_bus *bus;
        GuestSetup setup;
        AgentMessage role_config; /* AGENT_CONFIG; all zeroes for none */
        RoleRun run;
        Saved saved;
        char boot_id[64], os_version[64];
        char sent_detail[256]; /* in the last heartbeat */
        AgentStatus sent_status;
};

/** manager_config() - The configuration in force; NULL for none yet */
const AgentConfig *manager_config(const Manager *manager);

/* ---- manager-host.c */

/** manager_send() - Send a message to the host. Return: 0; -ENOBUFS; a negative errno, logged */
int manager_send(Manager *manager, const AgentMessage *message);

/** manager_borrow() - A literal as a message's member; encoding does not change it */
char *manager_borrow(const char *text);

/** manager_say_hello() - Say who the agent is and which configuration it has */
void manager_say_hello(Manager *manager);

/** manager_heartbeat() - Say how the role is, now */
void manager_heartbeat(Manager *manager);

/** manager_on_message() - A message from the host: channel_new()'s handler */
void manager_on_message(void *userdata, AgentMessage *message);

/** manager_on_log() - Lines of the role for the host: logs_new()'s handler. Return: 0; -ENOBUFS
 * when the rest of the queue is for what must get through; a negative errno */
int manager_on_log(void *userdata, const AgentMessage *message);

/** manager_on_shell() - A shell's words for the host: shells_new()'s handler */
void manager_on_shell(void *userdata, const AgentMessage *message);

/* ---- manager-role.c */

/* What the run asks for; its userdata is the manager. */
extern const RoleRunOps manager_run_ops;

/** manager_role_sink() - Where what the role says on the bus goes: to the manager's run */
RoleEnvironmentSink manager_role_sink(Manager *manager);

/** manager_units_sink() - Where what happens to units goes: to the manager's run */
UnitsSink manager_units_sink(Manager *manager);

/** manager_arm_run_timer() - Wait for when role_run_tick() is due */
void manager_arm_run_timer(Manager *manager);

/** manager_kill() - Signal a unit; nothing where there is no systemd */
void manager_kill(void *userdata, const char *unit, bool all, int signal);
