/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the role and its tasks print: read from a pipe for each program and stream, cut into lines,
 * made into text that the protocol allows, and handed on within a rate. What is beyond the rate is
 * counted and thrown away; the role is never blocked. The pipes' reading ends are also kept by the
 * guest's systemd (its file descriptor store), so that neither a line nor the role is lost with the
 * agent. */

#include <systemd/sd-event.h>

#include "lib/api/agent-protocol.h"

#define LOGS_PIPES_MAX        64
#define LOGS_LINE_BYTES_MAX   (8 * KIB) /* longer ones are cut into several */
#define LOGS_BYTES_PER_S      (128 * KIB)
#define LOGS_BURST_BYTES      (512 * KIB)
#define LOGS_LINES_PER_S      500
#define LOGS_BURST_LINES      2000
#define LOGS_SOURCE_BYTES_MAX 32

typedef struct Logs Logs;

/* Hands a log message on; borrowed for the call. Return: 0, or negative when it was lost. */
typedef int LogsSend(void *userdata, const AgentMessage *message);

/**
 * logs_new() - Make it, with no pipes
 * @event:    loop
 * @send:     where messages go
 * @userdata: for @send
 * @ret_logs: owned
 *
 * Return: 0; -ENOMEM.
 */
int logs_new(sd_event *event, LogsSend *send, void *userdata, Logs **ret_logs);

/** logs_free() - Close the reading ends and free; NULL is fine. Return: NULL */
Logs *logs_free(Logs *logs);
DEFINE_CLEANUP(Logs *, logs_free)

/**
 * logs_open() - Make a pipe for a program's stream
 * @logs:         logs
 * @source:       "role", "task-0"; letters, digits and '-'
 * @stream:       AGENT_LOG_OUT or AGENT_LOG_ERR
 * @ret_write_fd: the writing end, owned; the pipe is forgotten when its last copy is closed
 *
 * Return: 0; -EMFILE when there are LOGS_PIPES_MAX; -ENOMEM; an errno of pipe2().
 */
int logs_open(Logs *logs, const char *source, AgentLogStream stream, int *ret_write_fd);

/**
 * logs_adopt() - Go on with a pipe that an earlier agent left with systemd
 * @logs: logs
 * @fd:   its reading end; taken over, also on failure
 * @name: its name in the store
 *
 * Return: 0; -EINVAL when the name is none of ours; as logs_open().
 */
int logs_adopt(Logs *logs, int fd, const char *name);

/**
 * logs_say() - A line of the agent's own about the role
 * @logs:   logs
 * @format: as printf
 */
void logs_say(Logs *logs, const char *format, ...) _printf_(2, 3);

/**
 * logs_clean() - Make any bytes into text that AgentLog.text may hold
 * @text:   changed in place: control characters and what is not UTF-8 become '?'
 * @length: number of bytes
 */
void logs_clean(char *text, size_t length);
