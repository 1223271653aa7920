/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Frames. Between two messages any bytes may be lost or come twice (a restart of either side, a
 * restored guest): 0x1e begins a message wherever it is seen, '\n' ends it, and neither is in one.
 */

#include "lib/api/agent-stream.h"

#include <string.h>

#include "lib/base/str.h"

#define FRAME_BEGIN '\x1e'
#define FRAME_END   '\n'

/* A kept buffer larger than this is freed after its message. */
#define STREAM_KEEP_BYTES (4 * KIB)

void agent_stream_deinit(AgentStream *stream)
{
        AgentDirection from = stream->from;

        str_buffer_deinit(&stream->buffer);
        *stream = (AgentStream) {.from = from};
}

static int stream_refuse(AgentStream *stream, const char *problem)
{
        stream->problem = problem;
        stream->n_refused++;
        return AGENT_STREAM_REFUSED;
}

/* Makes the buffer empty, and keeps its memory when that is little. */
static void stream_empty(AgentStream *stream, bool inside)
{
        stream->inside = inside;
        if (stream->buffer.failed || stream->buffer.allocated > STREAM_KEEP_BYTES)
                str_buffer_deinit(&stream->buffer);
        stream->buffer.length = 0;
        if (stream->buffer.data)
                stream->buffer.data[0] = '\0';
}

static int stream_finish(AgentStream *stream, AgentMessage *ret_message)
{
        const char *text = stream->buffer.data ?: "", *problem = "not JSON";
        int r;

        if (stream->buffer.failed)
                r = -ENOMEM;
        else if (memchr(text, 0, stream->buffer.length))
                r = AGENT_MESSAGE_REFUSED;
        else
                r = agent_message_decode(text, stream->from, ret_message, &problem);
        stream_empty(stream, false);
        if (r == AGENT_MESSAGE_REFUSED)
                return stream_refuse(stream, problem);
        return r < 0 ? r : AGENT_STREAM_MESSAGE;
}

int agent_stream_next(AgentStream *stream, const char **data, size_t *length,
                      AgentMessage *ret_message)
{
        while (*length > 0) {
                const char *begin = *data, *at;
                size_t n;

                if (*begin == FRAME_BEGIN || *begin == FRAME_END) {
                        bool was_inside = stream->inside;

                        (*data)++, (*length)--;
                        if (*begin == FRAME_END && was_inside)
                                return stream_finish(stream, ret_message);
                        stream_empty(stream, *begin == FRAME_BEGIN);
                        if (was_inside)
                                return stream_refuse(stream, "cut off");
                        continue;
                }
                for (at = begin, n = 0; n < *length && *at != FRAME_BEGIN && *at != FRAME_END; n++)
                        at++;
                *data += n, *length -= n;
                if (!stream->inside)
                        continue;
                if (stream->buffer.length + n > agent_message_bytes_max(stream->from)) {
                        stream_empty(stream, false);
                        return stream_refuse(stream, "too long");
                }
                str_buffer_append(&stream->buffer, begin, n);
        }
        return 0;
}
