/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Shells in instances: between a socket that the caller of OpenShell holds and an agent's shell
 * session, with the window of each direction kept, so that neither side's speed grows hostd. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "hostd/host-half.h"
#include "lib/api/agent-protocol.h"
#include "lib/api/records.h"

#define SHELLS_MAX 64

typedef struct Shells Shells;

/** shells_new() - Make an empty set; 0 or -ENOMEM */
int shells_new(sd_event *event, Shells **ret_shells);

/** shells_free() - End all shells */
Shells *shells_free(Shells *shells);
DEFINE_CLEANUP(Shells *, shells_free)

/** shells_set_half() - Through which half agents are reached; borrowed */
void shells_set_half(Shells *shells, HostHalf *half);

/** shells_set_bus() - On which connection openers are told; NULL: shells whose opener waits end */
void shells_set_bus(Shells *shells, sd_bus *bus);

/**
 * shells_open() - Ask an agent for a shell and answer the call when it is there
 * @shells:   shells
 * @message:  the call: answered with (h stream, s shell) or an error
 * @instance: instance
 * @rows:     of the terminal
 * @columns:  of the terminal
 *
 * Return: 0; -ENOENT, -ENOTCONN: no agent; -EMFILE: SHELLS_MAX are open; negative errno.
 */
int shells_open(Shells *shells, sd_bus_message *message, const InstanceId *instance, unsigned rows,
                unsigned columns);

/**
 * shells_resize() - A shell's terminal has another size
 * @shells:  shells
 * @sender:  bus name of the caller
 * @name:    of the shell
 * @rows:    of the terminal
 * @columns: of the terminal
 *
 * Return: 0; -ENOENT: no such shell; -EACCES: it is another's.
 */
int shells_resize(Shells *shells, const char *sender, const char *name, unsigned rows,
                  unsigned columns);

/**
 * shells_message() - An agent said something about a shell, or hello
 * @shells:   shells
 * @instance: it is of
 * @message:  what it said; with AGENT_HELLO it begins anew, and has no shell that was open
 */
void shells_message(Shells *shells, const InstanceId *instance, const AgentMessage *message);

/** shells_instance_lost() - An instance's guest does not run any more: its shells have ended */
void shells_instance_lost(Shells *shells, const InstanceId *instance, const char *reason);
