/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host's properties: its state and what is placed on it. */

#include "tests/unit/hostd/bus-world.h"

static void test_properties(void **state)
{
        BusWorld *world = *state;
        Record record;

        bus_world_write_service(world);
        bus_world_expect(world,
                         BUS_GET "/host/h1 org.troupe.Host1.Host State Vcpus VcpusUsed Instances",
                         "s \"lost\"\nu 8\nu 2\nu 1");
        record_init(&record, RECORD_ALIVE);
        strcpy(record.alive.host, "h1");
        strcpy(record.alive.version, "20261125.1");
        bus_world_write(world, &record);
        bus_world_expect(world, BUS_GET "/host/h1 org.troupe.Host1.Host State Version",
                         "s \"up\"\ns \"20261125.1\"");
        record_init(&record, RECORD_HOST);
        record.host = store_named(world->store, RECORD_HOST, "h1")->host;
        record.host.cordoned = true;
        bus_world_write(world, &record);
        RUN_UNTIL(world->event, store_named(world->store, RECORD_HOST, "h1")->host.cordoned);
        bus_world_expect(world, BUS_GET "/host/h1 org.troupe.Host1.Host State", "s \"cordoned\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_properties),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
