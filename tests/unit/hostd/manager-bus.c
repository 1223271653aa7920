/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Manager's methods: looking up, and errors that have names and say what to do. */

#include "tests/unit/hostd/bus-world.h"

static void test_look_up(void **state)
{
        BusWorld *world = *state;

        bus_world_write_service(world);
        bus_world_expect(world, BUS_CALL "ListServices",
                         "a(so) 1 \"shop\" \"/org/troupe/Host1/service/shop\"");
        bus_world_expect(world, BUS_CALL "ListHosts", "a(ssso) 1 \"h1\" \"fd1\" \"lost\"");
        bus_world_expect(world, BUS_CALL "GetInstance sss shop production web_IN_0",
                         "o \"/org/troupe/Host1/instance/d00000001_2fweb_5fIN_5f0\"");
        bus_world_expect(world, BUS_CALL "GetDeployment ss shop production",
                         "o \"/org/troupe/Host1/deployment/" BUS_DEPLOYMENT "\"");
        bus_world_expect(world, BUS_CALL "GetService s shop",
                         "o \"/org/troupe/Host1/service/shop\"");
        bus_world_expect(world, BUS_GET " org.troupe.Host1.Manager HostName State",
                         "s \"h1\"\ns \"running\"");
}

static void test_refusals(void **state)
{
        BusWorld *world = *state;

        bus_world_write_service(world);
        bus_world_expect(world, BUS_CALL "GetService s none", "there is no service \"none\"");
        bus_world_expect(world, BUS_CALL "GetDeployment ss shop staging",
                         "nothing in its staging slot");
        bus_world_expect(world, BUS_CALL "GetDeployment ss shop attic", "is not a slot");
        bus_world_expect(world, BUS_CALL "GetInstance sss shop production web_IN_1",
                         "has no instance \"web_IN_1\"");
        bus_world_expect(world, BUS_CALL "GetInstance sss shop production ../../x",
                         "has no instance");
        bus_world_expect(world, BUS_CALL "Scale 'ssa{su}' shop production 1 cache 2",
                         "has no role \"cache\"");
        bus_world_expect(world, BUS_CALL "Scale 'ssa{su}' shop production 1 web 1001",
                         "at most 1000");
        bus_world_expect(world, BUS_CALL "Swap s shop", "has no leader yet");
        bus_world_expect(world, BUS_CALL "CordonHost s h9", "there is no host \"h9\"");
        bus_world_expect(world, BUS_CALL "UpdateHosts ass 1 h9 ''", "there is no host \"h9\"");
        bus_world_expect(world, BUS_CALL "UpdateHosts ass 0 ftp://x/",
                         "is not an address to update from");
        bus_world_expect(world, BUS_CALL "ResizeShell sqq shell9 1 1", "there is no shell");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_look_up),
                BUS_TEST(test_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
