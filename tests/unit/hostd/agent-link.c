/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/agent-link.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "tests/unit/loop.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        sd_event *event;
        AgentLink *link;
        char dir[32];
        char *path;
        int listener;
        int guest; /* the far end */
        unsigned n_connected;
        unsigned n_taken;
        unsigned n_messages;
        AgentMessageType last;
} Fixture;

static void on_message(void *userdata, const AgentMessage *message)
{
        Fixture *fixture = userdata;

        fixture->n_messages++;
        fixture->last = message->type;
}

static void on_connected(void *userdata)
{
        ((Fixture *) userdata)->n_connected++;
}

static void on_taken(void *userdata)
{
        ((Fixture *) userdata)->n_taken++;
}

static void listen_as_qemu(Fixture *fixture)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
        fixture->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fixture->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fixture->listener, 1), 0);
}

static void run_until(Fixture *fixture, const unsigned *counter, unsigned wanted)
{
        RUN_UNTIL(fixture->event, *counter >= wanted);
}

static int setup(void **state)
{
        static Fixture fixture;

        fixture = (Fixture) {.dir = "/tmp/troupe-link-XXXXXX", .listener = -1, .guest = -1};
        assert_non_null(mkdtemp(fixture.dir));
        fixture.path = str_printf("%s/socket", fixture.dir);
        assert_int_equal(sd_event_new(&fixture.event), 0);
        assert_int_equal(
                agent_link_new(fixture.event, fixture.path,
                               &(AgentLinkSink) {&fixture, on_message, on_connected, on_taken},
                               &fixture.link),
                0);
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;

        agent_link_free(fixture->link);
        sd_event_unref(fixture->event);
        fd_close(fixture->listener);
        fd_close(fixture->guest);
        unlink(fixture->path);
        free(fixture->path);
        rmdir(fixture->dir);
        return 0;
}

static void connect_both(Fixture *fixture)
{
        listen_as_qemu(fixture);
        run_until(fixture, &fixture->n_connected, 1);
        fixture->guest = accept(fixture->listener, NULL, NULL);
        assert_true(fixture->guest >= 0);
}

static void say(Fixture *fixture, const AgentMessage *message)
{
        char *data;
        size_t length;

        assert_int_equal(agent_message_encode(message, AGENT_FROM_GUEST, &data, &length), 0);
        assert_int_equal(send(fixture->guest, data, length, MSG_NOSIGNAL), length);
        free(data);
}

static void it_connects_when_there_is_someone(void **state)
{
        Fixture *fixture = *state;

        run_loop_for(fixture->event, 300);
        assert_int_equal(fixture->n_connected, 0);
        assert_int_equal(agent_link_send(fixture->link, &(AgentMessage) {.type = AGENT_RECYCLE}),
                         -ENOTCONN);
        connect_both(fixture);
        assert_true(agent_link_is_connected(fixture->link));
}

static void messages_go_both_ways_and_garbage_does_not(void **state)
{
        static const char garbage[] = "\x1e{\"type\":\"stop\"}\n\x1e{{{\n garbage \x1e";
        Fixture *fixture = *state;
        const char *problem;
        char data[4096];

        connect_both(fixture);
        assert_int_equal(send(fixture->guest, garbage, strlen(garbage), MSG_NOSIGNAL),
                         strlen(garbage));
        say(fixture, &(AgentMessage) {.type = AGENT_STOPPED});
        run_until(fixture, &fixture->n_messages, 1);
        assert_int_equal(fixture->last, AGENT_STOPPED);
        assert_true(agent_link_refused(fixture->link, &problem) >= 2);
        assert_non_null(problem);
        assert_int_equal(agent_link_send(fixture->link, &(AgentMessage) {.type = AGENT_RECYCLE}),
                         0);
        run_until(fixture, &fixture->n_taken, 1);
        assert_true(recv(fixture->guest, data, sizeof(data), MSG_DONTWAIT) > 0);
        assert_non_null(memmem(data, sizeof(data), "recycle", 7));
}

static void it_comes_back_after_a_break(void **state)
{
        Fixture *fixture = *state;

        connect_both(fixture);
        fixture->guest = fd_close(fixture->guest);
        run_until(fixture, &fixture->n_connected, 2);
        fixture->guest = accept(fixture->listener, NULL, NULL);
        say(fixture, &(AgentMessage) {.type = AGENT_STOPPED});
        run_until(fixture, &fixture->n_messages, 1);
}

/* Sends as much of it as there is room for, for a second. Gives how many messages may have been
 * read, by the time that it took. */
static unsigned flood(Fixture *fixture, const char *text)
{
        uint64_t begun_ns = clock_boottime_ns();

        while (clock_boottime_ns() < begun_ns + NSEC_PER_SEC) {
                for (int i = 0; i < 200; i++)
                        if (send(fixture->guest, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) <
                            0)
                                break;
                assert_true(sd_event_run(fixture->event, 1000) >= 0);
        }
        return (unsigned) (LINK_MESSAGES_BURST +
                           (clock_boottime_ns() - begun_ns) * LINK_MESSAGES_PER_S / NSEC_PER_SEC +
                           1);
}

static void a_flood_is_read_no_faster_than_allowed(void **state)
{
        Fixture *fixture = *state;
        unsigned most;

        connect_both(fixture);
        most = flood(fixture, "\x1e{\"type\":\"pong\",\"token\":1}\n");
        assert_in_range(fixture->n_messages, LINK_MESSAGES_BURST, most);
}

static void what_costs_the_host_more_costs_the_guest_more(void **state)
{
        Fixture *fixture = *state;
        unsigned before, most;

        connect_both(fixture);
        most = flood(fixture, "\x1e{\"type\":\"stopped\"}\n");
        assert_in_range(fixture->n_messages, LINK_MESSAGES_BURST / LINK_DEAR, most / LINK_DEAR);
        before = fixture->n_messages;
        run_until(fixture, &fixture->n_messages, before + 5); /* the rest is not lost */
}

static void a_guest_that_does_not_read_is_bounded(void **state)
{
        AgentMessage message = {.type = AGENT_SHELL_DATA};
        uint8_t data[AGENT_SHELL_DATA_BYTES_MAX] = {};
        Fixture *fixture = *state;
        size_t waiting;
        int r = 0;

        connect_both(fixture);
        message.shell.data = data;
        message.shell.n_data = sizeof(data);
        for (int i = 0; i < 10000 && r == 0; i++)
                r = agent_link_send(fixture->link, &message);
        assert_int_equal(r, -ENOBUFS);
        waiting = agent_link_waiting(fixture->link);
        RUN_UNTIL(fixture->event, agent_link_waiting(fixture->link) < waiting);
        assert_true(agent_link_waiting(fixture->link) > 0);
        assert_int_equal(fixture->n_taken, 0);
        while (agent_link_waiting(fixture->link) > 0) {
                char taken[65536];

                assert_true(recv(fixture->guest, taken, sizeof(taken), MSG_DONTWAIT) > 0);
                assert_true(sd_event_run(fixture->event, 1000) >= 0);
        }
        assert_int_equal(fixture->n_taken, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(it_connects_when_there_is_someone, setup, teardown),
                cmocka_unit_test_setup_teardown(messages_go_both_ways_and_garbage_does_not, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(it_comes_back_after_a_break, setup, teardown),
                cmocka_unit_test_setup_teardown(a_flood_is_read_no_faster_than_allowed, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_costs_the_host_more_costs_the_guest_more,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(a_guest_that_does_not_read_is_bounded, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
