/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/drain.h"

#include "tests/unit/fabric/world.h"

/* A service of @webs and @workers, all Ready. */
static void start(World *world, unsigned n_hosts, uint32_t webs, uint32_t workers)
{
        DeploymentRecord d = world_deployment("d1", webs, workers);

        world_init(world, n_hosts, n_hosts);
        assert_int_equal(world_deploy(world, "s", SLOT_PRODUCTION, &d), 0);
        world_settle(world);
}

static void drain(World *world, const char *host)
{
        assert_int_equal(world_request(world, (FabricRequest) {.kind = FABRIC_DRAIN, .host = host}),
                         0);
}

static void uncordon(World *world, const char *host)
{
        assert_int_equal(
                world_request(world, (FabricRequest) {.kind = FABRIC_UNCORDON, .host = host}), 0);
}

static unsigned placed(World *world, const char *host)
{
        unsigned n = 0;

        MAP_FOREACH (entry, fabric_records(world->fabric, RECORD_INSTANCE))
                n += str_equal(((const Record *) entry->value)->instance.host, host);
        return n;
}

static unsigned stopping(World *world)
{
        unsigned n = 0;

        MAP_FOREACH (entry, fabric_records(world->fabric, RECORD_INSTANCE))
                n += ((const Record *) entry->value)->instance.power != POWER_RUNNING;
        return n;
}

static uint32_t surge(World *world, unsigned role)
{
        RecordKey key = {.type = RECORD_DEPLOYMENT, .name = "d1"};

        return fabric_record(world->fabric, &key)->deployment.roles[role].surge;
}

/* The role's instance numbers that are Ready. */
static unsigned ready(World *world, const char *role)
{
        unsigned n = 0;

        MAP_FOREACH (entry, fabric_records(world->fabric, RECORD_OBSERVED)) {
                const ObservedRecord *o = &((const Record *) entry->value)->observed;

                n += str_equal(o->id.role, role) && o->status == STATUS_READY_ROLE;
        }
        return n;
}

/* A host with room for so many instances, in a fault domain of its own. */
static void small_host(World *world, const char *name, uint64_t memory_gib)
{
        Record record;

        sample_host(name, name, 8, memory_gib * GIB, 100 * GIB, &record);
        world_request(world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
        world_alive(world, name, true);
}

static void a_web_role_is_never_below_its_count(void **state)
{
        World world;

        start(&world, 2, 1, 0);
        const char *from = world_instance(&world, "d1/web_IN_0")->host;
        const char *host = str_equal(from, "h0") ? "h0" : "h1";

        drain(&world, host);
        assert_int_equal(stopping(&world), 0);
        assert_int_equal(surge(&world, 0), 1);
        world_observe(&world, world_instance(&world, "d1/web_IN_1"), STATUS_STARTING_ROLE);
        assert_int_equal(stopping(&world), 0);
        world_observe(&world, world_instance(&world, "d1/web_IN_1"), STATUS_READY_ROLE);
        assert_int_equal(world_instance(&world, "d1/web_IN_0")->power, POWER_STOPPING);
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_STOPPED_VM);
        assert_string_not_equal(world_instance(&world, "d1/web_IN_0")->host, host);
        assert_int_equal(world_instance(&world, "d1/web_IN_1")->power, POWER_RUNNING);
        assert_int_equal(ready(&world, "web"), 1);
        world_observe(&world, world_instance(&world, "d1/web_IN_0"), STATUS_READY_ROLE);
        assert_int_equal(surge(&world, 0), 0);
        world_settle(&world);
        assert_null(world_instance(&world, "d1/web_IN_1"));
        assert_int_equal(world_operation(&world, world.operation)->state, OPERATION_SUCCEEDED);
        world_deinit(&world);
}

/* Ready is not enough: clients find it when it is in rotation. A probe that never answers does not
 * hold the drain up for ever. */
static void a_surge_instance_has_to_be_in_rotation(void **state)
{
        RecordKey key = {.type = RECORD_OBSERVED};
        Record record;
        World world;

        start(&world, 1, 1, 0);
        world_host(&world, "h1", "r1");
        drain(&world, "h0");
        world_observe(&world, world_instance(&world, "d1/web_IN_1"), STATUS_STARTING_ROLE);
        key.instance = world_instance(&world, "d1/web_IN_1")->id;
        snprintf(key.name, sizeof(key.name), "h1");
        record_init(&record, RECORD_OBSERVED);
        record.observed = fabric_record(world.fabric, &key)->observed;
        record.observed.status = STATUS_READY_ROLE;
        record.observed.in_rotation = false;
        world_put(&world, &record);
        assert_int_equal(stopping(&world), 0);
        assert_true(world.plan->wake_ns <= world.now_ns + SECONDS(30));
        world_tick(&world, SECONDS(29));
        assert_int_equal(stopping(&world), 0);
        world_tick(&world, SECONDS(1));
        assert_int_equal(stopping(&world), 1);
        world_deinit(&world);
}

static void the_only_worker_is_stopped_first(void **state)
{
        World world;

        start(&world, 1, 0, 1);
        world_host(&world, "h1", "r1");
        drain(&world, "h0");
        assert_int_equal(surge(&world, 1), 0);
        assert_int_equal(stopping(&world), 1);
        world_settle(&world);
        assert_int_equal(placed(&world, "h1"), 1);
        world_deinit(&world);
}

static void a_domain_at_a_time(void **state)
{
        World world;

        start(&world, 2, 12, 0); /* h0: two of each of three or more domains */
        drain(&world, "h0");
        for (unsigned guard = 0; placed(&world, "h0") > 0 && guard < 100; guard++) {
                uint64_t domains = 0;

                MAP_FOREACH (entry, fabric_records(world.fabric, RECORD_INSTANCE)) {
                        const InstanceRecord *i = &((const Record *) entry->value)->instance;
                        RecordKey key = {.type = RECORD_OBSERVED, .instance = i->id};
                        const Record *o;

                        memcpy(key.name, i->host, sizeof(RecordName));
                        o = fabric_record(world.fabric, &key);
                        if (i->id.number < 12 &&
                            (!o || o->observed.incarnation != i->incarnation ||
                             o->observed.status != STATUS_READY_ROLE || i->power != POWER_RUNNING))
                                domains |= UINT64_C(1) << i->upgrade_domain;
                }
                assert_true((domains & (domains - 1)) == 0);
                assert_true(ready(&world, "web") >= 12 - 3);
                world_settle_one(&world);
        }
        assert_int_equal(placed(&world, "h0"), 0);
        world_settle(&world);
        assert_int_equal(ready(&world, "web"), 12);
        world_deinit(&world);
}

/* Room for the replacements but not for surge instances beside them: stopped first. */
static void without_room_for_both_there_is_no_surge(void **state)
{
        World world;

        start(&world, 2, 30, 0); /* of 16 on each */
        drain(&world, "h0");
        assert_int_equal(surge(&world, 0), 0);
        assert_int_equal(stopping(&world), 1);
        world_settle(&world);
        assert_non_null(strstr(world_operation(&world, world.operation)->message, "room: "));
        assert_int_equal(ready(&world, "web"), 30);
        world_deinit(&world);
}

static void nothing_that_fits_nowhere_is_stopped(void **state)
{
        World world;

        start(&world, 1, 2, 0);
        drain(&world, "h0");
        world_settle(&world);
        assert_int_equal(stopping(&world), 0);
        assert_non_null(strstr(world_operation(&world, world.operation)->message, "room: 2"));
        uncordon(&world, "h0");
        assert_int_equal(world_operation(&world, "op5")->state, OPERATION_FAILED);
        world_deinit(&world);
}

static void an_uncordon_lets_the_surge_go(void **state)
{
        World world;

        start(&world, 2, 4, 0);
        drain(&world, "h0");
        assert_int_equal(surge(&world, 0), 1);
        uncordon(&world, "h0");
        assert_int_equal(surge(&world, 0), 0);
        world_settle(&world);
        assert_int_equal(placed(&world, "h0"), 2);
        assert_int_equal(world_count(&world, RECORD_INSTANCE), 4);
        world_deinit(&world);
}

/* The surge instance's own host is drained, or lost: another is made once it is out. */
static void a_surge_instance_can_lose_its_host(void **state)
{
        RecordName host;
        World world;

        start(&world, 3, 3, 0);
        drain(&world, "h0");
        memcpy(host, world_instance(&world, "d1/web_IN_3")->host, sizeof(host));
        world_alive(&world, host, false);
        world_tick(&world, SECONDS(2));
        world_settle(&world);
        assert_int_equal(placed(&world, "h0"), 0);
        assert_int_equal(placed(&world, host), 0);
        assert_int_equal(world_count(&world, RECORD_INSTANCE), 3);
        world_deinit(&world);
}

/* Both are lost at once, and there is room for one: it is the role's own. */
static void what_is_lost_comes_before_a_surge_instance(void **state)
{
        RecordKey alive = {.type = RECORD_ALIVE, .name = "h1"};
        DeploymentRecord d = world_deployment("d1", 2, 0);
        const char *other;
        World world;

        world_init(&world, 1, 1);
        small_host(&world, "h1", 3);
        world_deploy(&world, "shop", SLOT_PRODUCTION, &d);
        world_settle(&world);
        assert_int_equal(placed(&world, "h1"), 1);
        other = str_equal(world_instance(&world, "d1/web_IN_0")->host, "h1") ? "d1/web_IN_0"
                                                                             : "d1/web_IN_1";
        drain(&world, "h0");
        assert_string_equal(world_instance(&world, "d1/web_IN_2")->host, "h1");
        small_host(&world, "h2", 1);
        world_step(&world,
                   (FabricEvent) {.type = FABRIC_RECORD_DELETED, .key = alive, .more = true});
        world_tick(&world, SECONDS(2));
        assert_string_equal(world_instance(&world, other)->host, "h2");
        world_deinit(&world);
}

static void two_hosts_share_one_domain(void **state)
{
        World world;

        start(&world, 4, 4, 0);
        drain(&world, "h0");
        drain(&world, "h1");
        world_observe(&world, world_instance(&world, "d1/web_IN_4"), STATUS_READY_ROLE);
        assert_int_equal(stopping(&world), 1);
        world_settle(&world);
        assert_int_equal(placed(&world, "h0") + placed(&world, "h1"), 0);
        assert_int_equal(world_count(&world, RECORD_INSTANCE), 4);
        world_deinit(&world);
}

/* A surge instance that does not become Ready is waited for as long as a boot and a start take. */
static void a_surge_instance_that_never_serves(void **state)
{
        World world;

        start(&world, 2, 2, 0);
        drain(&world, "h0");
        world_observe(&world, world_instance(&world, "d1/web_IN_2"), STATUS_CYCLING_ROLE);
        world_tick(&world, SECONDS(179 + 900));
        assert_int_equal(stopping(&world), 0);
        assert_non_null(strstr(world_operation(&world, world.operation)->message,
                               "d1/web_IN_2 is CyclingRole"));
        world_tick(&world, SECONDS(1));
        assert_int_equal(stopping(&world), 1);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_web_role_is_never_below_its_count),
                cmocka_unit_test(a_surge_instance_has_to_be_in_rotation),
                cmocka_unit_test(the_only_worker_is_stopped_first),
                cmocka_unit_test(a_domain_at_a_time),
                cmocka_unit_test(without_room_for_both_there_is_no_surge),
                cmocka_unit_test(nothing_that_fits_nowhere_is_stopped),
                cmocka_unit_test(an_uncordon_lets_the_surge_go),
                cmocka_unit_test(a_surge_instance_can_lose_its_host),
                cmocka_unit_test(what_is_lost_comes_before_a_surge_instance),
                cmocka_unit_test(two_hosts_share_one_domain),
                cmocka_unit_test(a_surge_instance_that_never_serves),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
