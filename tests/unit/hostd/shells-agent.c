/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shells of an agent that is killed: the next one knows nothing of them. */

#include "tests/unit/bus-pair.h"
#include "tests/unit/hostd/half.h"

static const InstanceId id = {.deployment = HALF_DEPLOYMENT, .role = "web"};

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        World *world = userdata;

        if (!sd_bus_message_is_method_call(message, NULL, "OpenShell"))
                return 0;
        assert_int_equal(shells_open(world->shells, message, &id, 24, 80), 0);
        return 1;
}

static int on_opened(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        int fd;

        assert_true(sd_bus_message_read(message, "h", &fd) > 0);
        *(int *) userdata = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        return 0;
}

/* Asks for one; gives its session, and the caller's end once the agent has opened it. */
static uint64_t ask(World *world, BusPair *bus, int *fd)
{
        AgentMessage open;
        uint64_t session;

        *fd = -1;
        assert_true(sd_bus_call_method_async(bus->client, NULL, "org.troupe.Host1",
                                             "/org/troupe/Host1", "org.troupe.Host1.Manager",
                                             "OpenShell", on_opened, fd, "") >= 0);
        open = world_agent_hears(world, AGENT_SHELL_OPEN);
        session = open.shell.session;
        agent_message_deinit(&open);
        return session;
}

static void opened(World *world, uint64_t session)
{
        world_agent_says(
                world, &(AgentMessage) {.type = AGENT_SHELL_OPENED, .shell = {.session = session}});
}

static void a_new_agent_has_none_of_the_last_ones(void **state)
{
        int first_fd, second_fd;
        World *world = *state;
        uint64_t session;
        BusPair bus;
        char byte;

        world_put_records(world, 1);
        world_make_ready(world, 1);
        assert_int_equal(shells_new(world->event, &world->shells), 0);
        shells_set_half(world->shells, world->half);
        bus_pair_begin(&bus, world->event, on_call, world);
        opened(world, ask(world, &bus, &first_fd));
        RUN_UNTIL(world->event, first_fd >= 0);
        assert_int_equal(recv(first_fd, &byte, 1, MSG_DONTWAIT), -1);
        session = ask(world, &bus, &second_fd);
        world_agent_says(world, &(AgentMessage) {.type = AGENT_HELLO,
                                                 .hello = {.protocol = AGENT_PROTOCOL_VERSION,
                                                           .agent_version = (char[]) {"1"},
                                                           .boot_id = (char[]) {"b1"}}});
        RUN_UNTIL(world->event, recv(first_fd, &byte, 1, MSG_DONTWAIT) == 0);
        /* one that was asked for meanwhile may be the new one's */
        opened(world, session);
        RUN_UNTIL(world->event, second_fd >= 0);
        assert_int_equal(recv(second_fd, &byte, 1, MSG_DONTWAIT), -1);
        close(first_fd);
        close(second_fd);
        bus_pair_end(&bus);
        world->shells = shells_free(world->shells);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_new_agent_has_none_of_the_last_ones, world_setup,
                                                world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
