/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/guest-os.h"

#include "tests/unit/fabric/world.h"

static void import(World *world, const char *version)
{
        Record record;

        sample_os(version, &record);
        assert_int_equal(
                world_request(world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &record}),
                0);
}

static FabricRefusal ask(World *world, FabricRequestKind kind, const char *version)
{
        Record record;

        sample_os(version, &record);
        return world_request(world, (FabricRequest) {.kind = kind, .record = &record});
}

static bool is_there(World *world, const char *version)
{
        return guest_os_find(world->fabric, "debian-13", version);
}

static void versions_are_ordered_as_people_count(void **state)
{
        assert_true(guest_os_compare("9", "10") < 0);
        assert_true(guest_os_compare("2026.11.2", "2026.9.30") > 0);
        assert_true(guest_os_compare("1", "1.1") < 0);
        assert_true(guest_os_compare("1.1", "1") > 0);
        assert_true(guest_os_compare("a", "b") < 0);
        assert_int_equal(guest_os_compare("1.02", "1.2"), 0);
}

static void the_newest_that_is_not_disabled(void **state)
{
        World world;

        world_init(&world, 1, 1);
        import(&world, "10");
        import(&world, "9");
        assert_string_equal(guest_os_newest(world.fabric, "debian-13")->version, "10");
        assert_int_equal(ask(&world, FABRIC_DISABLE_OS, "10"), 0);
        assert_string_equal(guest_os_newest(world.fabric, "debian-13")->version, "9");
        assert_null(guest_os_pick(world.fabric, "debian-13", "10"));
        assert_string_equal(guest_os_pick(world.fabric, "debian-13", "1")->version, "1");
        import(&world, "10"); /* registered again, as each host does now and then */
        assert_true(guest_os_is_disabled(world.fabric, "debian-13", "10"));
        assert_int_equal(ask(&world, FABRIC_ENABLE_OS, "10"), 0);
        assert_string_equal(guest_os_newest(world.fabric, "debian-13")->version, "10");
        assert_null(guest_os_newest(world.fabric, "other"));
        assert_int_equal(ask(&world, FABRIC_DISABLE_OS, "11"), FABRIC_NO_GUEST_OS);
        world_deinit(&world);
}

static void what_a_deployment_follows(void **state)
{
        DeploymentRecord d = {.os_family = "debian-13", .os_version = "*", .os_current = "2"};
        World world;

        world_init(&world, 1, 1);
        import(&world, "2");
        assert_null(guest_os_next(world.fabric, &d));
        import(&world, "3");
        assert_string_equal(guest_os_next(world.fabric, &d)->version, "3");
        snprintf(d.os_failed, sizeof(d.os_failed), "3");
        assert_null(guest_os_next(world.fabric, &d));
        import(&world, "4");
        assert_string_equal(guest_os_next(world.fabric, &d)->version, "4");
        snprintf(d.os_version, sizeof(d.os_version), "2"); /* pinned */
        assert_null(guest_os_next(world.fabric, &d));
        ask(&world, FABRIC_DISABLE_OS, "2");
        assert_string_equal(guest_os_next(world.fabric, &d)->version, "4");
        snprintf(d.os_current, sizeof(d.os_current), "4");
        ask(&world, FABRIC_ENABLE_OS, "2");
        assert_string_equal(guest_os_next(world.fabric, &d)->version, "2");
        snprintf(d.os_version, sizeof(d.os_version), "*");
        ask(&world, FABRIC_DISABLE_OS, "4"); /* back to what is older */
        assert_null(guest_os_next(world.fabric, &d));
        ask(&world, FABRIC_DISABLE_OS, "3"); /* which was tried */
        assert_string_equal(guest_os_next(world.fabric, &d)->version, "2");
        world_deinit(&world);
}

static void what_is_asked_for(void **state)
{
        DeploymentRecord d = {
                .os_family = "debian-13", .os_version = "2", .os_current = "2", .os_failed = "3"};
        World world;

        world_init(&world, 1, 1);
        import(&world, "2");
        import(&world, "3");
        guest_os_ask(world.fabric, &d, "2"); /* as before */
        assert_string_equal(d.os_failed, "3");
        guest_os_ask(world.fabric, &d, "1");
        assert_string_equal(guest_os_next(world.fabric, &d)->version, "1"); /* an older one */
        assert_string_equal(d.os_next, "");
        guest_os_ask(world.fabric, &d, "*");
        assert_string_equal(guest_os_next(world.fabric, &d)->version, "3"); /* once more */
        snprintf(d.os_next, sizeof(d.os_next), "3"); /* and that walk stands still */
        guest_os_ask(world.fabric, &d, "1");
        assert_string_equal(d.os_next, "1");
        guest_os_ask(world.fabric, &d, "2");
        assert_string_equal(d.os_next, ""); /* back */
        world_deinit(&world);
}

static void what_nothing_uses_goes_after_a_while(void **state)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);
        World world;

        world_init(&world, 1, 1);
        import(&world, "2");
        snprintf(d.os_version, sizeof(d.os_version), "2");
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), 0);
        import(&world, "3");
        world_tick(&world, SECONDS(GUEST_OS_KEEP_MS / 1000 - 1));
        assert_true(is_there(&world, "1"));
        world_tick(&world, SECONDS(1));
        assert_false(is_there(&world, "1"));
        assert_true(is_there(&world, "2")); /* used */
        assert_true(is_there(&world, "3")); /* the newest */
        world_request(&world, (FabricRequest) {.kind = FABRIC_DELETE_SERVICE, .service = "s"});
        world_settle(&world);
        world_tick(&world, SECONDS(GUEST_OS_KEEP_MS / 1000));
        assert_false(is_there(&world, "2"));
        world_deinit(&world);
}

/* It would come back with the next look at the host's image. */
static void what_a_host_image_brings_stays(void **state)
{
        World world;
        Record record;

        world_init(&world, 1, 1);
        sample_os("0", &record);
        record.os.imported = false;
        snprintf(record.os.holders[record.os.n_holders++], sizeof(RecordName), "h0");
        world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
        world_tick(&world, SECONDS(GUEST_OS_KEEP_MS / 1000));
        assert_true(is_there(&world, "0"));
        assert_int_equal(ask(&world, FABRIC_UNREGISTER, "0"), FABRIC_REFUSED_NOW);
        world_request(&world,
                      (FabricRequest) {.kind = FABRIC_UNHOLD, .record = &record, .host = "h0"});
        world_tick(&world, SECONDS(GUEST_OS_KEEP_MS / 1000));
        assert_false(is_there(&world, "0"));
        world_deinit(&world);
}

static void only_what_is_not_used_is_removed(void **state)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);
        World world;

        world_init(&world, 1, 1);
        import(&world, "2");
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), 0);
        assert_int_equal(ask(&world, FABRIC_UNREGISTER, "2"), FABRIC_REFUSED_NOW);
        assert_int_equal(ask(&world, FABRIC_UNREGISTER, "1"), 0);
        assert_int_equal(ask(&world, FABRIC_UNREGISTER, "1"), FABRIC_NO_GUEST_OS);
        assert_false(is_there(&world, "1"));
        world_tick(&world, SECONDS(GUEST_OS_KEEP_MS / 1000)); /* its timer went with it */
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_are_ordered_as_people_count),
                cmocka_unit_test(the_newest_that_is_not_disabled),
                cmocka_unit_test(what_a_deployment_follows),
                cmocka_unit_test(what_is_asked_for),
                cmocka_unit_test(what_nothing_uses_goes_after_a_while),
                cmocka_unit_test(what_a_host_image_brings_stays),
                cmocka_unit_test(only_what_is_not_used_is_removed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
