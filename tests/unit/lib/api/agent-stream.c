/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/agent-stream.h"

#include <string.h>

#include "tests/unit/test.h"

/* Feeds bytes in pieces of @step; returns messages seen. */
static unsigned feed(AgentStream *stream, const char *data, size_t length, size_t step)
{
        unsigned seen = 0;

        while (length > 0) {
                size_t left = MIN(step, length);
                const char *at = data;

                data += left, length -= left;
                for (;;) {
                        AgentMessage message;
                        int r = agent_stream_next(stream, &at, &left, &message);

                        assert_true(r >= 0);
                        if (r == 0)
                                break;
                        if (r == AGENT_STREAM_MESSAGE) {
                                assert_int_equal(message.type, AGENT_PONG);
                                seen++;
                                agent_message_deinit(&message);
                        }
                }
        }
        return seen;
}

#define PONG "\x1e{\"type\":\"pong\",\"token\":1}\n"

static void stream_finds_its_way_back(void **state)
{
        static const char data[] = "ng\",\"token\":1}\nnoise" PONG PONG "\x1e{\"type\":\"po" PONG
                                   "\x1e\n\x1e\x1e{}\n" PONG "\x1e{\"ty\0pe\":1}\n" PONG;

        for (size_t step = 1; step < sizeof(data); step++) {
                AgentStream stream = {.from = AGENT_FROM_GUEST};

                assert_int_equal(feed(&stream, data, sizeof(data) - 1, step), 5);
                assert_int_equal(stream.n_refused, 5);
                agent_stream_deinit(&stream);
        }
}

static void stream_holds_one_message_at_most(void **state)
{
        AgentStream stream = {.from = AGENT_FROM_GUEST};
        char chunk[4096];

        memset(chunk, '[', sizeof(chunk));
        feed(&stream, "\x1e", 1, 1);
        for (unsigned i = 0; i < 1024; i++) {
                feed(&stream, chunk, sizeof(chunk), sizeof(chunk));
                assert_true(stream.buffer.allocated <= 2 * AGENT_FROM_GUEST_BYTES_MAX);
        }
        assert_int_equal(stream.n_refused, 1);
        assert_string_equal(stream.problem, "too long");
        assert_int_equal(feed(&stream, PONG, sizeof(PONG) - 1, 1), 1);
        agent_stream_deinit(&stream);
}

static void deep_nesting_is_refused(void **state)
{
        AgentStream stream = {.from = AGENT_FROM_GUEST};
        char *text = malloc(60000);

        memset(text, '[', 60000);
        text[0] = '\x1e', text[59999] = '\n';
        feed(&stream, text, 60000, 60000);
        assert_int_equal(stream.n_refused, 1);
        free(text);
        agent_stream_deinit(&stream);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stream_finds_its_way_back),
                cmocka_unit_test(stream_holds_one_message_at_most),
                cmocka_unit_test(deep_nesting_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
