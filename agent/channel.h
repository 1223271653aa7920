/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The agent's end of the channel to hostd: a virtio-serial port, or in tests any stream socket.
 * Messages in whole, messages out in order, with a bounded queue between. */

#include <systemd/sd-event.h>

#include "lib/api/agent-protocol.h"

/* Bytes that wait for the host to read them. */
#define CHANNEL_QUEUE_BYTES_MAX (512 * KIB)

typedef struct Channel Channel;

/* A message from the host; borrowed for the call. */
typedef void ChannelHandler(void *userdata, AgentMessage *message);

/**
 * channel_find_port() - Find the device of a virtio-serial port
 * @sysfs:    "/sys/class/virtio-ports"
 * @name:     of the port
 * @ret_path: owned, below /dev
 *
 * Return: 0; -ENOENT when there is no such port; -ENOMEM.
 */
int channel_find_port(const char *sysfs, const char *name, char **ret_path);

/**
 * channel_new() - Begin to listen to the host
 * @event:       loop
 * @fd:          port, non-blocking; the channel's from now on, also on failure
 * @handler:     called for each message
 * @userdata:    for @handler
 * @ret_channel: owned
 *
 * Return: 0; -ENOMEM; the errno of epoll.
 */
int channel_new(sd_event *event, int fd, ChannelHandler *handler, void *userdata,
                Channel **ret_channel);

/** channel_free() - Close the port and free; NULL is fine. Return: NULL */
Channel *channel_free(Channel *channel);
DEFINE_CLEANUP(Channel *, channel_free)

/**
 * channel_send() - Put a message into the queue and send what can be sent
 * @channel: channel
 * @message: borrowed
 *
 * While no host is connected the port swallows what is sent.
 *
 * Return: 0; -ENOBUFS when the host does not read and the queue is full, and the message is lost;
 * an error of agent_message_encode().
 */
int channel_send(Channel *channel, const AgentMessage *message);

/** channel_room() - How many bytes the queue can still take */
size_t channel_room(const Channel *channel);

/** channel_refused() - How many messages of the host could not be read */
uint64_t channel_refused(const Channel *channel);
