/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/walk.h"

#include "tests/unit/fabric/world.h"

/* Three web instances and a worker, all Ready. */
static void start(World *world)
{
        DeploymentRecord d = world_deployment("d1", 3, 1);

        world_init(world, 2, 2);
        assert_int_equal(world_deploy(world, "s", SLOT_PRODUCTION, &d), 0);
        world_settle(world);
}

static void ask(World *world, FabricRequestKind kind, const char *version)
{
        Record record;

        sample_os(version, &record);
        assert_int_equal(world_request(world, (FabricRequest) {.kind = kind, .record = &record}),
                         0);
}

static const DeploymentRecord *deployment(World *world)
{
        RecordKey key = {.type = RECORD_DEPLOYMENT, .name = "d1"};

        return &fabric_record(world->fabric, &key)->deployment;
}

/* How many instances are wanted with a version. */
static unsigned on(World *world, const char *version)
{
        unsigned n = 0;

        MAP_FOREACH (entry, fabric_records(world->fabric, RECORD_INSTANCE))
                n += str_equal(((const Record *) entry->value)->instance.os_version, version);
        return n;
}

static void observe(World *world, const char *id, InstanceStatus status)
{
        world_observe(world, world_instance(world, id), status);
}

static void a_domain_at_a_time(void **state)
{
        World world;

        start(&world);
        ask(&world, FABRIC_REGISTER, "2");
        assert_string_equal(deployment(&world)->os_next, "2");
        assert_string_equal(deployment(&world)->os_current, "1");
        assert_int_equal(on(&world, "2"), 2); /* of both roles */
        assert_int_equal(world_instance(&world, "d1/web_IN_0")->wanted[ACTION_REIMAGE], 1);
        observe(&world, "d1/web_IN_0", STATUS_READY_ROLE);
        assert_int_equal(on(&world, "2"), 2); /* the worker does not serve yet */
        observe(&world, "d1/worker_IN_0", STATUS_READY_ROLE);
        assert_int_equal(on(&world, "2"), 3);
        world_settle(&world);
        assert_int_equal(on(&world, "2"), 4);
        assert_string_equal(deployment(&world)->os_next, "");
        assert_string_equal(deployment(&world)->os_current, "2");
        assert_int_equal(world_operation(&world, "update-d1-1")->state, OPERATION_SUCCEEDED);
        assert_int_equal(world_operation(&world, "update-d1-1")->done, 4);
        world_deinit(&world);
}

static void who_does_not_become_ready_is_taken_back(void **state)
{
        World world;

        start(&world);
        ask(&world, FABRIC_REGISTER, "2");
        observe(&world, "d1/web_IN_0", STATUS_CYCLING_ROLE);
        observe(&world, "d1/worker_IN_0", STATUS_READY_ROLE);
        world_tick(&world, walk_patience_ms(world.fabric) * NSEC_PER_MSEC);
        assert_string_equal(deployment(&world)->os_failed, "2");
        assert_int_equal(on(&world, "2"), 0); /* all of the domain */
        assert_int_equal(world_operation(&world, "update-d1-1")->state, OPERATION_RUNNING);
        world_settle(&world);
        assert_int_equal(on(&world, "2"), 0);
        assert_int_equal(world_operation(&world, "update-d1-1")->state, OPERATION_FAILED);
        assert_string_equal(world_operation(&world, "update-d1-1")->error, "NotReady");
        assert_non_null(strstr(world_operation(&world, "update-d1-1")->message,
                               "reverted to guest OS debian-13 version 1: with version 2 "
                               "d1/web_IN_0 is CyclingRole"));
        ask(&world, FABRIC_REGISTER, "3");
        assert_string_equal(deployment(&world)->os_next, "3");
        world_settle(&world);
        assert_string_equal(deployment(&world)->os_current, "3");
        assert_string_equal(deployment(&world)->os_failed, "");
        world_deinit(&world);
}

/* Those that do not come back do not keep operators from doing something about it. */
static void taking_back_does_not_hold_others_up_for_ever(void **state)
{
        World world;

        start(&world);
        ask(&world, FABRIC_REGISTER, "2");
        for (unsigned i = 0; i < 2; i++) {
                observe(&world, "d1/web_IN_0", STATUS_CYCLING_ROLE);
                observe(&world, "d1/worker_IN_0", STATUS_READY_ROLE);
                world_tick(&world, walk_patience_ms(world.fabric) * NSEC_PER_MSEC);
        }
        assert_int_equal(world_operation(&world, "update-d1-1")->state, OPERATION_FAILED);
        assert_non_null(
                strstr(world_operation(&world, "update-d1-1")->message, "not all are back"));
        assert_int_equal(on(&world, "2"), 0);
        world_deinit(&world);
}

static void without_blame_it_stands_still(void **state)
{
        World world;
        char host[RECORD_NAME_MAX + 1];

        start(&world);
        snprintf(host, sizeof(host), "%s", world_instance(&world, "d1/web_IN_1")->host);
        world_request(&world, (FabricRequest) {.kind = FABRIC_CORDON, .host = "h0"});
        world_request(&world, (FabricRequest) {.kind = FABRIC_CORDON, .host = "h1"});
        ask(&world, FABRIC_REGISTER, "2");
        world_alive(&world, host, false); /* and there is no room for what was on it */
        world_settle(&world);
        world_tick(&world, SECONDS(10));
        world_tick(&world, walk_patience_ms(world.fabric) * NSEC_PER_MSEC);
        assert_int_equal(world_operation(&world, "update-d1-1")->state, OPERATION_FAILED);
        assert_string_equal(deployment(&world)->os_next, "2");
        assert_string_equal(deployment(&world)->os_failed, "");
        world_alive(&world, host, true);
        world_settle(&world);
        assert_string_equal(deployment(&world)->os_current, "2");
        assert_int_equal(world_operation(&world, "update-d1-2")->state, OPERATION_SUCCEEDED);
        world_deinit(&world);
}

static void what_is_disabled_is_left(void **state)
{
        World world;

        start(&world);
        ask(&world, FABRIC_REGISTER, "2");
        world_settle(&world);
        ask(&world, FABRIC_DISABLE_OS, "2");
        assert_string_equal(deployment(&world)->os_next, "1");
        world_settle(&world);
        assert_int_equal(on(&world, "1"), 4);
        ask(&world, FABRIC_ENABLE_OS, "2");
        ask(&world, FABRIC_DISABLE_OS, "2"); /* in the middle */
        assert_string_equal(deployment(&world)->os_next, "");
        world_settle(&world);
        assert_int_equal(on(&world, "1"), 4);
        assert_string_equal(deployment(&world)->os_failed, "");
        world_deinit(&world);
}

static void the_brake_stops_it(void **state)
{
        World world;
        Record record;
        DeploymentRecord d = world_deployment("d1", 2, 0);

        world_init(&world, 1, 1);
        fabric_free(world.fabric);
        assert_int_equal(fabric_new(&world.fabric), 0);
        sample_cluster("198.18.0.13", &record);
        record.cluster.braked = true;
        record.cluster.brake_percent = 0;
        world_put(&world, &record);
        world_step(&world, (FabricEvent) {.type = FABRIC_SYNCED});
        for (unsigned i = 0; i < 3; i++) {
                char name[16];

                snprintf(name, sizeof(name), "h%u", i);
                world_host(&world, name, name);
        }
        sample_package(&record);
        world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
        ask(&world, FABRIC_REGISTER, "1");
        assert_int_equal(world_deploy(&world, "s", SLOT_PRODUCTION, &d), 0);
        world_settle(&world);
        world_alive(&world, "h1", false);
        world_alive(&world, "h2", false);
        assert_true(fabric_braked(world.fabric));
        ask(&world, FABRIC_REGISTER, "2");
        assert_string_equal(deployment(&world)->os_next, "");
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_domain_at_a_time),
                cmocka_unit_test(who_does_not_become_ready_is_taken_back),
                cmocka_unit_test(taking_back_does_not_hold_others_up_for_ever),
                cmocka_unit_test(without_blame_it_stands_still),
                cmocka_unit_test(what_is_disabled_is_left),
                cmocka_unit_test(the_brake_stops_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
