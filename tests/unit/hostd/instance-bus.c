/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An instance's properties: what its host says, but not about an earlier incarnation. */

#include "tests/unit/hostd/bus-world.h"

static void test_properties(void **state)
{
        BusWorld *world = *state;
        InstanceId id = {.deployment = BUS_DEPLOYMENT, .role = "web"};
        const char *path = BUS_GET "/instance/d00000001_2fweb_5fIN_5f0 org.troupe.Host1.Instance "
                                   "Status InRotation Incarnation Service Address";
        Record record;

        bus_world_write_service(world);
        bus_world_expect(world, path, "s \"ReadyRole\"\nb true\nt 3\ns \"shop\"\ns \"10.64.1.4\"");
        record_init(&record, RECORD_INSTANCE);
        record.instance = *store_instance(world->store, &id);
        record.instance.incarnation = 4;
        bus_world_write(world, &record);
        RUN_UNTIL(world->event, store_instance(world->store, &id)->incarnation == 4);
        bus_world_expect(world, path, "s \"CreatingVM\"\nb false\nt 4");
        bus_world_expect(world,
                         "call org.troupe.Host1 /org/troupe/Host1/instance/"
                         "d00000001_2fweb_5fIN_5f0 org.troupe.Host1.Instance Reboot",
                         "no leader");
        bus_world_expect(world,
                         "call org.troupe.Host1 /org/troupe/Host1/instance/"
                         "d00000001_2fweb_5fIN_5f0 org.troupe.Host1.Instance OpenShell qq 0 0",
                         "agent of d00000001/web_IN_0 is not connected");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_properties),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
