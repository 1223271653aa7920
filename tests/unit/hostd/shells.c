/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shells that cannot be: no such instance, no such shell. What an agent says of sessions that it
 * was not asked for is passed over. */

#include "tests/unit/hostd/bus-world.h"

static void test_nothing_there(void **state)
{
        BusWorld *world = *state;
        InstanceId id = {.deployment = BUS_DEPLOYMENT, .role = "web"};
        uint8_t data[] = "x";

        assert_int_equal(shells_resize(world->shells, ":1.7", "shell1", 10, 10), -ENOENT);
        shells_message(world->shells, &id,
                       &(AgentMessage) {.type = AGENT_SHELL_DATA,
                                        .shell = {.session = 1, .data = data, .n_data = 1}});
        shells_message(world->shells, &id,
                       &(AgentMessage) {.type = AGENT_SHELL_CLOSED, .shell = {.session = 9}});
        shells_instance_lost(world->shells, &id, "gone");
        bus_world_write_service(world);
        bus_world_expect(world, BUS_CALL "OpenShell sssqq shop production web_IN_0 0 0",
                         "is not connected");
        /* it left nothing open: the same again, as often as one likes */
        for (unsigned i = 0; i < 3; i++)
                bus_world_expect(world, BUS_CALL "OpenShell sssqq shop production web_IN_0 0 0",
                                 "is not connected");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_nothing_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
