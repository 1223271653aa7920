/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The host's end of one guest's agent channel: connects to the socket that QEMU listens on, again
 * and again until it is there, reads messages and writes ours. The guest is hostile: it is read no
 * faster than LINK_BYTES_PER_S and LINK_MESSAGES_PER_S (what it writes beyond that waits in QEMU,
 * and in the guest), at most one message and one read are held, and what it does not take off our
 * hands is bounded by LINK_QUEUE_MAX. What makes the host build a configuration, or write to the
 * cluster's state, counts as LINK_DEAR messages: an honest agent says such things a few times a
 * minute. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "lib/api/agent-protocol.h"
#include "lib/base/macros.h"

#define LINK_BYTES_PER_S    (256 * KIB)
#define LINK_BYTES_BURST    MIB
#define LINK_MESSAGES_PER_S 200U
#define LINK_MESSAGES_BURST 1000U
#define LINK_DEAR           10 /* hello, heartbeat, config-ack, exit, stopped */
#define LINK_QUEUE_MAX      (8 * MIB)
#define LINK_RETRY_NS       (200 * NSEC_PER_MSEC)

typedef struct AgentLink AgentLink;

typedef struct AgentLinkSink {
        void *userdata;
        /* @message is borrowed for the call, in which the link may be written to but not freed */
        void (*message)(void *userdata, const AgentMessage *message);
        /* a connection to QEMU was made: nothing yet tells that there is an agent behind it */
        void (*connected)(void *userdata);
        /* the guest has taken all that was queued for it */
        void (*taken)(void *userdata);
} AgentLinkSink;

/**
 * agent_link_new() - Begin to connect to a guest's agent
 * @event:    loop
 * @path:     socket, copied
 * @sink:     copied
 * @ret_link: owned
 *
 * Return: 0; a negative errno.
 */
int agent_link_new(sd_event *event, const char *path, const AgentLinkSink *sink,
                   AgentLink **ret_link);

/**
 * agent_link_free() - Close the connection
 *
 * Return: NULL.
 */
AgentLink *agent_link_free(AgentLink *link);
DEFINE_CLEANUP(AgentLink *, agent_link_free)

/**
 * agent_link_send() - Queue a message for the agent
 *
 * Return: 0; -ENOTCONN; -ENOBUFS when the guest does not read, and then the message is dropped;
 * -EMSGSIZE, -EINVAL as agent_message_encode(); -ENOMEM.
 */
int agent_link_send(AgentLink *link, const AgentMessage *message);

/** agent_link_waiting() - How many bytes the guest has yet to take */
size_t agent_link_waiting(const AgentLink *link);

/** agent_link_is_connected() - Whether there is a connection to QEMU */
bool agent_link_is_connected(const AgentLink *link);

/** agent_link_refused() - How many messages of the guest were thrown away, and why the last, or
 * NULL */
uint64_t agent_link_refused(const AgentLink *link, const char **ret_problem);
