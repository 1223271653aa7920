/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/logs.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/loop.h"
#include "tests/unit/test.h"

static char text[200000];
static uint64_t dropped, messages, passed; /* passed: lines */
static int refuse;

static int on_send(void *userdata, const AgentMessage *message)
{
        _cleanup_free_ char *data = NULL;
        AgentMessage back;
        size_t length;

        /* whatever was printed must be a message that the host takes */
        assert_int_equal(agent_message_encode(message, AGENT_FROM_GUEST, &data, &length), 0);
        data[length - 1] = '\0';
        assert_int_equal(agent_message_decode(data + 1, AGENT_FROM_GUEST, &back, NULL), 0);
        agent_message_deinit(&back);
        if (refuse)
                return refuse;
        messages++;
        dropped += message->log.dropped;
        for (const char *c = message->log.text; *c; c++)
                passed += *c == '\n';
        passed += !str_empty(message->log.text); /* the last one's is cut off */
        if (strlen(text) + strlen(message->log.text) + 2 < sizeof(text)) {
                strcat(text, message->log.text);
                strcat(text, "|");
        }
        return 0;
}

static sd_event *event;
static Logs *logs;

static int setup(void **state)
{
        text[0] = '\0';
        dropped = passed = messages = 0;
        refuse = 0;
        assert_true(sd_event_new(&event) >= 0);
        return logs_new(event, on_send, NULL, &logs);
}

static int teardown(void **state)
{
        logs = logs_free(logs);
        event = sd_event_unref(event);
        return 0;
}

static void run_all(void)
{
        while (sd_event_run(event, 0) > 0)
                ;
}

static void print(int fd, const char *data, size_t length)
{
        while (length > 0) {
                size_t n = MIN(length, (size_t) 32768);

                assert_int_equal(file_write_all(fd, data, n), 0);
                run_all();
                data += n, length -= n;
        }
}

static void lines_come_whole(void **state)
{
        int fd;

        assert_int_equal(logs_open(logs, "role", AGENT_LOG_OUT, &fd), 0);
        print(fd, "one\ntw", 6);
        assert_string_equal(text, "one|");
        print(fd, "o\n\nthree", 8);
        assert_string_equal(text, "one|two\n|");
        close(fd);
        run_all();
        assert_string_equal(text, "one|two\n|three|");
}

static void odd_bytes_become_text(void **state)
{
        static const char odd[] = "a\0b\033[31m\xff\xc3\xa4\xc3\r\n";
        int fd;

        assert_int_equal(logs_open(logs, "role", AGENT_LOG_ERR, &fd), 0);
        print(fd, odd, sizeof(odd) - 1);
        assert_string_equal(text, "a?b?[31m?\xc3\xa4? |");
        close(fd);
}

static void every_two_bytes_become_utf8(void **state)
{
        for (unsigned i = 0; i < 0x10000; i++) {
                char bytes[] = {(char) (i >> 8), (char) i, '\x80', '\x80', 0};
                AgentMessage message = {.type = AGENT_LOG};
                _cleanup_free_ char *data = NULL;
                char source[] = "x";
                size_t length;

                logs_clean(bytes, 4);
                message.log.source = source;
                message.log.text = bytes;
                assert_int_equal(agent_message_encode(&message, AGENT_FROM_GUEST, &data, &length),
                                 0);
        }
}

static void long_lines_are_cut(void **state)
{
        char line[50000];
        int fd;

        memset(line, 'x', sizeof(line));
        assert_int_equal(logs_open(logs, "role", AGENT_LOG_OUT, &fd), 0);
        print(fd, line, sizeof(line));
        close(fd);
        run_all();
        assert_true(strlen(text) >= 50000);
        assert_true(messages >= 50000 / AGENT_LOG_TEXT_BYTES_MAX);
}

static void flood_is_bounded_and_counted(void **state)
{
        char block[30000];
        uint64_t begun_ns = clock_boottime_ns(), lines = 0;
        int fd;

        for (size_t i = 0; i < sizeof(block); i++)
                block[i] = i % 100 == 99 ? '\n' : 'y';
        assert_int_equal(logs_open(logs, "role", AGENT_LOG_OUT, &fd), 0);
        for (unsigned i = 0; i < 100; i++) {
                print(fd, block, sizeof(block));
                lines += sizeof(block) / 100;
        }
        close(fd);
        run_all();
        assert_true(passed <= LOGS_BURST_LINES + (clock_boottime_ns() - begun_ns) *
                                                         LOGS_LINES_PER_S / NSEC_PER_SEC);
        RUN_UNTIL(event, dropped + passed >= lines); /* a second later all is accounted for */
        assert_int_equal(dropped + passed, lines);
}

static void lost_message_counts_as_dropped(void **state)
{
        refuse = -ENOBUFS;
        logs_say(logs, "lost %d", 1);
        refuse = 0;
        logs_say(logs, "said");
        assert_string_equal(text, "said|");
        assert_int_equal(dropped, 1);
}

static void number_of_pipes_is_bounded(void **state)
{
        int fds[LOGS_PIPES_MAX], more;

        for (unsigned i = 0; i < LOGS_PIPES_MAX; i++)
                assert_int_equal(logs_open(logs, "role", AGENT_LOG_OUT, &fds[i]), 0);
        assert_int_equal(logs_open(logs, "role", AGENT_LOG_OUT, &more), -EMFILE);
        for (unsigned i = 0; i < LOGS_PIPES_MAX; i++)
                close(fds[i]);
        run_all();
        assert_int_equal(logs_open(logs, "role", AGENT_LOG_OUT, &more), 0);
        close(more);
}

static void kept_pipe_goes_on(void **state)
{
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        assert_int_equal(logs_adopt(logs, fds[0], "log.err.task-1"), 0);
        print(fds[1], "x\n", 2);
        assert_string_equal(text, "x|");
        close(fds[1]);
        assert_int_equal(pipe(fds), 0);
        assert_int_equal(logs_adopt(logs, fds[0], "other"), -EINVAL);
        close(fds[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(lines_come_whole),
                TEST(odd_bytes_become_text),
                TEST(every_two_bytes_become_utf8),
                TEST(long_lines_are_cut),
                TEST(flood_is_bounded_and_counted),
                TEST(lost_message_counts_as_dropped),
                TEST(number_of_pipes_is_bounded),
                TEST(kept_pipe_goes_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
