/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The agent channel at its reader: bytes in, whole messages out. It finds its way back from the
 * middle of a message, and holds one message at most, whatever comes. */

#include "lib/api/agent-protocol.h"

enum {
        AGENT_STREAM_MESSAGE = 1,
        AGENT_STREAM_REFUSED = 2,
};

/* One direction of the channel at its reader. All zeroes but for @from is a valid empty stream. */
typedef struct AgentStream {
        AgentDirection from; /* who speaks */
        StrBuffer buffer;    /* of the message that has begun */
        bool inside;         /* a 0x1e was seen, and what followed is not too long */
        const char *problem; /* of the last refusal, static text */
        uint64_t n_refused;
} AgentStream;

/** agent_stream_deinit() - Free what the stream holds and forget what has begun: also to be called
 * when a connection has ended */
void agent_stream_deinit(AgentStream *stream);

/**
 * agent_stream_next() - Take bytes until a message is complete
 * @stream:      stream; holds at most one message's bytes
 * @data:        in: bytes as read; out: those not yet looked at
 * @length:      their number
 * @ret_message: owned, on AGENT_STREAM_MESSAGE only
 *
 * To be called until it returns 0. Bytes outside a frame are passed over.
 *
 * Return: 0 when all bytes were taken; AGENT_STREAM_MESSAGE; AGENT_STREAM_REFUSED when a message
 * was thrown away, and stream->problem says why; -ENOMEM, and that message is lost
 */
int agent_stream_next(AgentStream *stream, const char **data, size_t *length,
                      AgentMessage *ret_message);
