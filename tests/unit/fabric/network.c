/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/network.h"

#include "tests/unit/fabric/world.h"

static void check_address(const IpAddress *address, const char *expected)
{
        char text[IP_TEXT_MAX];

        assert_string_equal(ip_format(address, text), expected);
}

static void lowest_free_of_everything(void **state)
{
        DeploymentRecord a = world_deployment("d1", 1, 1), b = world_deployment("d2", 1, 0);
        RecordKey key = {.type = RECORD_DEPLOYMENT, .name = "d2"};
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "one", SLOT_PRODUCTION, &a);
        world_deploy(&world, "two", SLOT_STAGING, &b);
        check_address(&world_instance(&world, "d1/web_IN_0")->address, "10.64.1.4");
        check_address(&world_instance(&world, "d1/worker_IN_0")->address, "10.64.1.5");
        check_address(&world_instance(&world, "d2/web_IN_0")->address, "10.64.2.4");
        assert_int_equal(fabric_record(world.fabric, &key)->deployment.vni, 4098);
        world_request(&world, (FabricRequest) {.kind = FABRIC_DELETE, .service = "one"});
        world_settle(&world);
        a = world_deployment("d3", 1, 0);
        world_host(&world, "h1", "r1");
        /* the package went with its last deployment but one: d2 still has it */
        assert_int_equal(world_deploy(&world, "three", SLOT_PRODUCTION, &a), 0);
        check_address(&world_instance(&world, "d3/web_IN_0")->address, "10.64.1.4");
        key = (RecordKey) {.type = RECORD_SERVICE, .name = "three"};
        check_address(&fabric_record(world.fabric, &key)->service.slots[0].vip, "198.18.0.10");
        world_deinit(&world);
}

static void vips_run_out(void **state)
{
        World world;

        world_init(&world, 1, 1);
        for (unsigned i = 0; i < 5; i++) {
                char id[16], service[16];
                DeploymentRecord d;

                snprintf(id, sizeof(id), "d%u", i);
                snprintf(service, sizeof(service), "s%u", i);
                d = world_deployment(id, 0, 0);
                assert_int_equal(world_deploy(&world, service, SLOT_PRODUCTION, &d),
                                 i < 4 ? FABRIC_NO_REFUSAL : FABRIC_NO_VIP);
        }
        assert_int_equal(world_count(&world, RECORD_SERVICE), 4);
        assert_int_equal(world_count(&world, RECORD_DEPLOYMENT), 4);
        world_deinit(&world);
}

static void capacity_is_what_the_prefix_leaves(void **state)
{
        IpAddress four, six;

        assert_int_equal(ip_parse("10.64.0.0", &four), 0);
        assert_int_equal(ip_parse("fd00::", &six), 0);
        assert_int_equal(network_capacity(&four, 24), 251);
        assert_int_equal(network_capacity(&four, 30), 0);
        assert_int_equal(network_capacity(&four, 29), 3);
        assert_int_equal(network_capacity(&six, 64), NETWORK_ADDRESSES_MAX - 4);
        assert_int_equal(network_capacity(&(IpAddress) {}, 24), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lowest_free_of_everything),
                cmocka_unit_test(vips_run_out),
                cmocka_unit_test(capacity_is_what_the_prefix_leaves),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
