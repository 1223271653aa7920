/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams over the bus: refused for services that are not there. */

#include "tests/unit/hostd/bus-world.h"

static void test_refusals(void **state)
{
        BusWorld *world = *state;

        bus_world_expect(world, BUS_CALL "ReadLogs sssub none '' '' 10 false",
                         "there is no service \"none\"");
        events_note(world->events, "test", NULL, "something");
        bus_world_expect(world, BUS_CALL "ReadEvents sub '' 10 false", "h ");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
