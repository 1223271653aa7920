/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A deployment's properties, and its texts for those who may see them. */

#include "tests/unit/hostd/bus-world.h"

static void test_properties(void **state)
{
        BusWorld *world = *state;

        bus_world_write_service(world);
        bus_world_expect(world,
                         BUS_GET "/deployment/" BUS_DEPLOYMENT
                                 " org.troupe.Host1.Deployment Slot Vip Label State",
                         "s \"production\"\ns \"198.18.100.1\"\ns \"first\"\ns \"starting\"");
        /* two are wanted, one is Ready */
        bus_world_expect(world,
                         BUS_GET "/deployment/" BUS_DEPLOYMENT " org.troupe.Host1.Deployment Roles",
                         "a(ssuu) 1 \"web\" \"web\" 2 1");
        bus_world_expect(world,
                         "call org.troupe.Host1 /org/troupe/Host1/deployment/" BUS_DEPLOYMENT
                         " org.troupe.Host1.Deployment GetConfiguration",
                         "ss \"<a/>\" \"<b/>\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_properties),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
