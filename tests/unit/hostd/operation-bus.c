/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An operation's properties as the caller sees them. */

#include "tests/unit/hostd/bus-world.h"

static void test_properties(void **state)
{
        BusWorld *world = *state;
        Record record;

        record_init(&record, RECORD_OPERATION);
        strcpy(record.operation.id, "o1");
        strcpy(record.operation.service, "shop");
        strcpy(record.operation.deployment, BUS_DEPLOYMENT);
        record.operation.kind = OPERATION_SCALE;
        record.operation.done = 1;
        record.operation.total = 4;
        bus_world_write(world, &record);
        bus_world_expect(world,
                         BUS_GET "/operation/o1 org.troupe.Host1.Operation Kind State Progress "
                                 "Target",
                         "s \"scale\"\ns \"running\"\nd 0.25\ns \"" BUS_DEPLOYMENT "\"");
        record.operation.state = OPERATION_SUCCEEDED;
        bus_world_write(world, &record);
        RUN_UNTIL(world->event,
                  store_named(world->store, RECORD_OPERATION, "o1")->operation.state ==
                          OPERATION_SUCCEEDED);
        bus_world_expect(world, BUS_GET "/operation/o1 org.troupe.Host1.Operation Progress", "d 1");
        bus_world_expect(world, BUS_GET "/operation/o2 org.troupe.Host1.Operation Kind", "nknown");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_properties),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
