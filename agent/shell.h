/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Shell sessions: a root shell on a terminal of its own for each, carried over the agent channel
 * with credit in both directions, so that neither a flood of output nor a stopped reader grows
 * anything here.
 *
 * SIGCHLD must be blocked in the process, as sd_event_add_child() wants it. */

#include <systemd/sd-event.h>

#include "lib/api/agent-protocol.h"

typedef struct Shells Shells;

/* Sends a message to the host; borrowed for the call. */
typedef void ShellSend(void *userdata, const AgentMessage *message);

/**
 * shells_new() - Make an empty set of sessions
 * @event:      loop
 * @send:       how to speak to the host; called from the loop and from within the functions below
 * @userdata:   for @send
 * @ret_shells: owned
 *
 * Return: 0; -ENOMEM.
 */
int shells_new(sd_event *event, ShellSend *send, void *userdata, Shells **ret_shells);

/** shells_free() - End all sessions (SIGHUP to their terminals) and free; NULL is fine. Return:
 * NULL */
Shells *shells_free(Shells *shells);
DEFINE_CLEANUP(Shells *, shells_free)

/**
 * shells_handle() - Carry out a message of a shell
 * @shells:  sessions
 * @message: AGENT_SHELL_OPEN, _DATA, _CREDIT, _RESIZE or _CLOSE
 *
 * What cannot be done is answered with shell-closed (or shell-opened with a detail), never
 * returned. A host that sends more than its credit loses the session.
 */
void shells_handle(Shells *shells, const AgentMessage *message);

/** shells_close_all() - The channel is gone: hang up every session, and say nothing */
void shells_close_all(Shells *shells);

/** shells_count() - How many sessions there are */
size_t shells_count(const Shells *shells);
