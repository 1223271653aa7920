/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/swap.h"

#include "tests/unit/fabric/world.h"

static void only_public_endpoints_count(void **state)
{
        DeploymentRecord a = world_deployment("d1", 1, 0), b = a;
        char message[256] = "";

        assert_false(swap_difference(&a, &b, message, sizeof(message)));
        memcpy(b.endpoints[0].name, "other", 6);
        b.endpoints[b.n_endpoints++] =
                (DeploymentEndpoint) {.kind = RECORD_ENDPOINT_INTERNAL, .port = 7};
        assert_false(swap_difference(&a, &b, message, sizeof(message)));
        b.endpoints[1].kind = RECORD_ENDPOINT_INPUT;
        assert_true(swap_difference(&a, &b, message, sizeof(message)));
        assert_string_equal(message, "production has 1 public endpoints, staging 2");
        b.n_endpoints = 1;
        b.endpoints[0].port = b.endpoints[0].port_last = 81;
        assert_true(swap_difference(&a, &b, message, sizeof(message)));
        assert_string_equal(message, "production has a http endpoint on port 80 where staging has "
                                     "a http endpoint on port 81");
        b = a;
        memcpy(b.endpoints[0].protocol, "tcp", 4);
        assert_true(swap_difference(&a, &b, message, sizeof(message)));
}

static void order_does_not_matter(void **state)
{
        DeploymentRecord a = world_deployment("d1", 1, 0), b = a;
        char message[64];

        a.endpoints[1] = a.endpoints[0];
        a.endpoints[1].port = 443;
        a.n_endpoints = b.n_endpoints = 2;
        b.endpoints[0] = a.endpoints[1];
        b.endpoints[1] = a.endpoints[0];
        assert_false(swap_difference(&a, &b, message, sizeof(message)));
}

static void swap_exchanges_slots_and_keeps_vips(void **state)
{
        DeploymentRecord a = world_deployment("d1", 1, 0), b = world_deployment("d2", 1, 0);
        FabricRequest swap = {.kind = FABRIC_SWAP, .service = "s"};
        RecordKey key = {.type = RECORD_SERVICE, .name = "s"};
        const ServiceRecord *service;
        World world;

        world_init(&world, 1, 1);
        assert_int_equal(world_request(&world, swap), FABRIC_NO_SUCH_SERVICE);
        world_deploy(&world, "s", SLOT_PRODUCTION, &a);
        assert_int_equal(world_request(&world, swap), FABRIC_NO_STAGING);
        world_deploy(&world, "s", SLOT_STAGING, &b);
        assert_int_equal(world_request(&world, swap), FABRIC_OPERATION_CONFLICT);
        world_settle(&world);
        service = &fabric_record(world.fabric, &key)->service;
        assert_int_equal(world_request(&world, swap), 0);
        assert_string_equal(service->slots[SLOT_PRODUCTION].deployment, "d2");
        assert_string_equal(service->slots[SLOT_STAGING].deployment, "d1");
        assert_int_equal(service->slots[SLOT_PRODUCTION].vip.bytes[3], 10);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_SUCCEEDED);
        assert_int_equal(world.plan->n_transactions, 1);
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_BUSY_ROLE);
        assert_int_equal(world_request(&world, swap), FABRIC_REFUSED_NOW);
        swap.force = true;
        assert_int_equal(world_request(&world, swap), 0);
        assert_string_equal(service->slots[SLOT_PRODUCTION].deployment, "d1");
        world_deinit(&world);
}

static void staging_moves_into_an_empty_production(void **state)
{
        DeploymentRecord a = world_deployment("d1", 1, 0);
        RecordKey key = {.type = RECORD_SERVICE, .name = "s"};
        const ServiceRecord *service;
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_STAGING, &a);
        world_settle(&world);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_SWAP, .service = "s"}), 0);
        service = &fabric_record(world.fabric, &key)->service;
        assert_string_equal(service->slots[SLOT_PRODUCTION].deployment, "d1");
        assert_string_equal(service->slots[SLOT_STAGING].deployment, "");
        assert_int_equal(service->slots[SLOT_PRODUCTION].vip.bytes[3], 11);
        world_deinit(&world);
}

static void say_rotation(World *world, const char *name, bool in_rotation)
{
        const InstanceRecord *instance = world_instance(world, name);
        RecordKey key = {.type = RECORD_OBSERVED, .instance = instance->id};
        Record observed;

        memcpy(key.name, instance->host, sizeof(RecordName));
        assert_int_equal(record_copy(fabric_record(world->fabric, &key), &observed), 0);
        observed.observed.in_rotation = in_rotation;
        world_put(world, &observed);
}

static void who_is_ready_and_does_not_answer_is_waited_for(void **state)
{
        DeploymentRecord a = world_deployment("d1", 1, 0), b = world_deployment("d2", 2, 0);
        FabricRequest swap = {.kind = FABRIC_SWAP, .service = "s"};
        RecordKey key = {.type = RECORD_SERVICE, .name = "s"};
        const ServiceRecord *service;
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &a);
        world_deploy(&world, "s", SLOT_STAGING, &b);
        world_settle(&world);
        say_rotation(&world, "d2/web_IN_1", false);
        service = &fabric_record(world.fabric, &key)->service;
        assert_int_equal(world_request(&world, swap), 0);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_RUNNING);
        assert_string_equal(service->slots[SLOT_PRODUCTION].deployment, "d1");
        /* one comes while another goes: both have to be there at once */
        say_rotation(&world, "d2/web_IN_0", false);
        say_rotation(&world, "d2/web_IN_1", true);
        assert_string_equal(service->slots[SLOT_PRODUCTION].deployment, "d1");
        say_rotation(&world, "d2/web_IN_0", true);
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_SUCCEEDED);
        assert_string_equal(service->slots[SLOT_PRODUCTION].deployment, "d2");
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_public_endpoints_count),
                cmocka_unit_test(order_does_not_matter),
                cmocka_unit_test(swap_exchanges_slots_and_keeps_vips),
                cmocka_unit_test(who_is_ready_and_does_not_answer_is_waited_for),
                cmocka_unit_test(staging_moves_into_an_empty_production),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
