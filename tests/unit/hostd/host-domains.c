/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/hostd/half.h"

#define NAME "troupe-" HALF_DEPLOYMENT "-web_IN_0-1"

static void a_vm_is_adopted_and_left_alone(void **state)
{
        World *world = *state;

        world_put_records(world, 1);
        world_make_ready(world, 1);
        world->half = host_half_free(world->half);
        assert_int_equal(world_domain(world, NAME), DOMAIN_RUNNING);
        world_start_half(world);
        WORLD_UNTIL(world, world_state(world, 1) == VM_RUNNING);
        assert_false(world->half->synced); /* watched over before any record is known */
        world_put_records(world, 1);
        world->observed = (ObservedRecord) {};
        world->n_update = 0;
        world_make_ready(world, 1);
        assert_int_equal(world_domain(world, NAME), DOMAIN_RUNNING);
}

static void a_vm_that_nothing_wants_any_more_is_removed(void **state)
{
        World *world = *state;
        _cleanup_free_ char *ephemeral = world_path(world, "ephemeral");

        world_put_records(world, 1);
        WORLD_UNTIL(world, world_state(world, 1) == VM_RUNNING);
        world->half = host_half_free(world->half);
        world_start_half(world);
        run_loop_for(world->event, 300);
        assert_int_equal(world_domain(world, NAME),
                         DOMAIN_RUNNING); /* perhaps it is wanted: not known yet */
        host_half_synced(world->half);
        WORLD_UNTIL(world, map_size(&world->half->instances) == 0);
        assert_int_equal(world_domain(world, NAME), DOMAIN_ABSENT);
        assert_int_equal(rmdir(ephemeral), 0);
}

static void a_domain_that_dies_is_made_anew(void **state)
{
        World *world = *state;
        char *message = NULL;

        world_put_records(world, 1);
        world_make_ready(world, 1);
        assert_int_equal(hypervisor_destroy(world->keeper, NAME, &message), 0);
        WORLD_UNTIL(world, world->observed.status == STATUS_CREATING_VM);
        assert_string_equal(world->observed.detail, "the VM ended by itself");
        WORLD_UNTIL(world, world_domain(world, NAME) == DOMAIN_RUNNING &&
                                   world_state(world, 1) == VM_RUNNING);
}

static void strays_are_removed(void **state)
{
        static const char xml[] =
                "<domain type='test'><name>troupe-d0badbad0-web_IN_3-9</name><memory>65536</memory>"
                "<os><type arch='x86_64'>hvm</type></os></domain>";
        World *world = *state;
        _cleanup_free_ char *disk =
                world_path(world, "ephemeral/troupe-d0badbad0-web_IN_3-9.root.qcow2");
        _cleanup_free_ char *socket = world_path(world, "agents/0badbad0.agent");
        char *message = NULL;

        world->half = host_half_free(world->half);
        world_write(world, "ephemeral/troupe-d0badbad0-web_IN_3-9.root.qcow2", "x");
        world_write(world, "agents/0badbad0.agent", "x");
        assert_int_equal(hypervisor_create(world->keeper, xml, &message), 0);
        world_start_half(world);
        assert_int_equal(access(disk, F_OK), -1);
        assert_int_equal(access(socket, F_OK), -1);
        host_half_synced(world->half);
        WORLD_UNTIL(world, world_domain(world, "troupe-d0badbad0-web_IN_3-9") == DOMAIN_ABSENT);
        WORLD_UNTIL(world, map_size(&world->half->instances) == 0);
}

static void an_intent_that_is_none_is_removed(void **state)
{
        World *world = *state;
        _cleanup_free_ char *path = world_path(world, "instances/troupe-d00000001-web_IN_0-1.json");

        world->half = host_half_free(world->half);
        world_write(world, "instances/troupe-d00000001-web_IN_0-1.json", "{\"instance\":");
        world_start_half(world);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(map_size(&world->half->instances), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_vm_is_adopted_and_left_alone, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(a_vm_that_nothing_wants_any_more_is_removed,
                                                world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(a_domain_that_dies_is_made_anew, world_setup,
                                                world_teardown),
                cmocka_unit_test_setup_teardown(strays_are_removed, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(an_intent_that_is_none_is_removed, world_setup,
                                                world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
