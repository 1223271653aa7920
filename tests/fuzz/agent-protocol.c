/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Any bytes from the other end of the agent channel. The first byte says which end and in what
 * pieces they come. What is accepted must be written as a message that is accepted again, and the
 * reader must find the next good message whatever came before. */

#include <string.h>

#include "lib/api/agent-stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
        if (!good)
                __builtin_trap();
}

/* A message that was taken is written and taken again. */
static void send_again(AgentMessage *message, AgentDirection from)
{
        _cleanup_free_ char *frame = NULL;
        AgentMessage again;
        size_t length;
        int r = agent_message_encode(message, from, &frame, &length);

        if (r == -EMSGSIZE) /* "\u0061" is shorter, "\n" may be longer than it was */
                return;
        expect(r == 0);
        frame[length - 1] = '\0';
        expect(agent_message_decode(frame + 1, from, &again, NULL) == 0);
        expect(again.type == message->type);
        agent_message_deinit(&again);
}

static unsigned feed(AgentStream *stream, const char *data, size_t size, size_t step)
{
        unsigned n = 0;

        while (size > 0) {
                size_t left = size < step ? size : step;
                const char *at = data;
                AgentMessage message;
                int r;

                data += left, size -= left;
                while ((r = agent_stream_next(stream, &at, &left, &message)) != 0) {
                        expect(r == AGENT_STREAM_MESSAGE || r == AGENT_STREAM_REFUSED);
                        if (r != AGENT_STREAM_MESSAGE)
                                continue;
                        n++;
                        send_again(&message, stream->from);
                        agent_message_deinit(&message);
                }
        }
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char ping[] = "\x1e{\"type\":\"hello\",\"protocol\":1,\"agent_version\":\"1\","
                                   "\"incarnation\":0,\"serial\":0}\n";
        AgentStream stream = {};

        if (size == 0)
                return 0;
        stream.from = data[0] & 1 ? AGENT_FROM_HOST : AGENT_FROM_GUEST;
        feed(&stream, (const char *) data + 1, size - 1, 1U + (data[0] >> 1));
        feed(&stream, "\n", 1, 1);
        expect(feed(&stream, ping, sizeof(ping) - 1, 1) == 1);
        agent_stream_deinit(&stream);
        return 0;
}
