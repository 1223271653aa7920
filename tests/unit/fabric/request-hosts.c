/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/request.h"

#include "tests/unit/fabric/world.h"

static void what_cannot_be_is_refused_by_name(void **state)
{
        World world;

        world_init(&world, 1, 1);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_CORDON, .host = "h7"}),
                FABRIC_NO_SUCH_HOST);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_REMOVE_HOST, .host = "h0"}),
                FABRIC_REFUSED_NOW); /* alive, and not drained */
        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_RELEASE_BRAKE}),
                         FABRIC_REFUSED_NOW);
        world_deinit(&world);
}

static void a_cordon_is_taken_back(void **state)
{
        RecordKey key = {.type = RECORD_HOST, .name = "h0"};
        World world;

        world_init(&world, 1, 1);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_CORDON, .host = "h0"}), 0);
        assert_true(fabric_record(world.fabric, &key)->host.cordoned);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_UNCORDON, .host = "h0"}), 0);
        assert_false(fabric_record(world.fabric, &key)->host.cordoned);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_cannot_be_is_refused_by_name),
                cmocka_unit_test(a_cordon_is_taken_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
