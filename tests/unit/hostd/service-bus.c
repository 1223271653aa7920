/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A service's properties as the caller sees them. */

#include "tests/unit/hostd/bus-world.h"

static void test_properties(void **state)
{
        BusWorld *world = *state;
        const IpAddress *vip = NULL;

        bus_world_write_service(world);
        bus_world_expect(
                world,
                BUS_GET "/service/shop org.troupe.Host1.Service ProductionVip StagingVip "
                        "ProductionDeployment StagingDeployment Operation",
                "s \"198.18.100.1\"\ns \"\"\no \"/org/troupe/Host1/deployment/" BUS_DEPLOYMENT
                "\"\no \"/\"\no \"/\"");
        assert_int_equal(
                service_bus_slot(
                        world->host1,
                        &store_named(world->store, RECORD_DEPLOYMENT, BUS_DEPLOYMENT)->deployment,
                        &vip),
                SLOT_PRODUCTION);
        assert_int_equal(vip->bytes[0], 198);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_properties),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
