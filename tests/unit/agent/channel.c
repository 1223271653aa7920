/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/channel.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/test.h"

static unsigned pings;

static void on_message(void *userdata, AgentMessage *message)
{
        assert_int_equal(message->type, AGENT_PING);
        pings++;
}

static void run_all(sd_event *event)
{
        while (sd_event_run(event, 0) > 0)
                ;
}

static void setup(sd_event **event, Channel **channel, int *host)
{
        int pair[2];

        pings = 0;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                         0);
        assert_int_equal(sd_event_new(event), 0);
        assert_int_equal(channel_new(*event, pair[0], on_message, NULL, channel), 0);
        *host = pair[1];
}

static void hears_every_message(void **state)
{
        static const char ping[] = "garbage\x1e{\"type\":\"ping\",\"token\":1}\n";
        _cleanup_(channel_freep) Channel *channel = NULL;
        sd_event *event = NULL;
        int host;

        setup(&event, &channel, &host);
        for (unsigned i = 0; i < 4000; i++) {
                if (i % 100 == 0)
                        run_all(event);
                assert_int_equal(write(host, ping, sizeof(ping) - 1), sizeof(ping) - 1);
        }
        run_all(event);
        assert_int_equal(pings, 4000);
        assert_int_equal(channel_refused(channel), 0);
        close(host);
        run_all(event);
        channel = channel_free(channel);
        sd_event_unref(event);
}

static void queue_is_bounded_and_drains(void **state)
{
        _cleanup_(channel_freep) Channel *channel = NULL;
        AgentMessage pong = {.type = AGENT_PONG, .token = 1};
        sd_event *event = NULL;
        size_t sent = 0, got = 0;
        char data[65536];
        int host, r;

        setup(&event, &channel, &host);
        while ((r = channel_send(channel, &pong)) == 0)
                assert_true(++sent < 1000000);
        assert_int_equal(r, -ENOBUFS);
        assert_true(channel_room(channel) < 64);
        for (;;) {
                ssize_t n = read(host, data, sizeof(data));

                if (n <= 0)
                        break;
                for (ssize_t i = 0; i < n; i++)
                        got += data[i] == '\x1e';
                run_all(event);
        }
        assert_int_equal(got, sent);
        assert_int_equal(channel_room(channel), CHANNEL_QUEUE_BYTES_MAX);
        close(host);
        channel = channel_free(channel);
        sd_event_unref(event);
}

static void port_is_found_by_name(void **state)
{
        char dir[] = "/tmp/troupe-ports-XXXXXX", path[128];
        _cleanup_free_ char *found = NULL;
        FILE *file;

        assert_non_null(mkdtemp(dir));
        assert_int_equal(channel_find_port(dir, "a.b", &found), -ENOENT);
        snprintf(path, sizeof(path), "%s/vport1p2", dir);
        assert_int_equal(mkdir(path, 0755), 0);
        snprintf(path, sizeof(path), "%s/vport1p2/name", dir);
        file = fopen(path, "we");
        fputs("a.b\n", file);
        fclose(file);
        assert_int_equal(channel_find_port(dir, "a", &found), -ENOENT);
        assert_int_equal(channel_find_port(dir, "a.b", &found), 0);
        assert_string_equal(found, "/dev/vport1p2");
        unlink(path);
        snprintf(path, sizeof(path), "%s/vport1p2", dir);
        rmdir(path);
        rmdir(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hears_every_message),
                cmocka_unit_test(queue_is_bounded_and_drains),
                cmocka_unit_test(port_is_found_by_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
