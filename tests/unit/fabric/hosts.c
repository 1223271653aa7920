/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/hosts.h"

#include "tests/unit/fabric/world.h"

/* How many instances the records place on a host. */
static unsigned placed(World *world, const char *host)
{
        unsigned n = 0;

        MAP_FOREACH (entry, fabric_records(world->fabric, RECORD_INSTANCE))
                n += strcmp(((const Record *) entry->value)->instance.host, host) == 0;
        return n;
}

static void start(World *world, unsigned n_hosts, unsigned n_domains, unsigned webs)
{
        DeploymentRecord d = world_deployment("d1", webs, 0);

        world_init(world, n_hosts, n_domains);
        assert_int_equal(world_deploy(world, "s", SLOT_PRODUCTION, &d), 0);
        world_settle(world);
}

static void a_lost_host_is_replaced_after_the_delay_and_guarded(void **state)
{
        const FabricTransaction *t;
        World world;

        start(&world, 3, 3, 3);
        world_alive(&world, "h1", false);
        assert_int_equal(world.plan->wake_ns, world.now_ns + SECONDS(2));
        world_tick(&world, SECONDS(2) - 1);
        assert_int_equal(placed(&world, "h1"), 1);
        world_tick(&world, 1);
        assert_int_equal(placed(&world, "h1"), 0);
        assert_int_equal(world.plan->n_transactions, 1);
        t = &world.plan->transactions[0];
        assert_int_equal(t->n_losses, 1);
        assert_string_equal(t->losses[0].host, "h1");
        assert_true(t->losses[0].absent);
        assert_int_equal(t->losses[0].renewal, 0);
        world_deinit(&world);
}

static void silence(World *world, const char *host, int64_t renewal, uint64_t since_ns)
{
        FabricEvent event = {.type = FABRIC_SILENT, .renewal = renewal, .since_ns = since_ns};

        snprintf(event.key.name, sizeof(event.key.name), "%s", host);
        world_step(world, event);
}

/* etcd's new leader has given the lease its whole time again: the alive key is still there. */
static void a_silent_host_is_replaced_by_the_age_of_its_last_renewal(void **state)
{
        const FabricTransaction *t;
        uint64_t since_ns, wake_ns;
        World world;

        start(&world, 3, 3, 3);
        since_ns = world.now_ns;
        world_tick(&world, SECONDS(10) - 1);
        wake_ns = world.plan->wake_ns;
        silence(&world, "h1", 77, since_ns); /* too early to say so */
        assert_int_equal(world.plan->wake_ns, wake_ns);
        world_tick(&world, 1);
        silence(&world, "h1", 77, since_ns);
        assert_int_equal(world.plan->wake_ns, since_ns + SECONDS(12));
        world_alive(&world, "h1", false); /* the lease ends at last: that takes nothing back */
        silence(&world, "h1", 77, since_ns);
        world_tick(&world, SECONDS(2) - 1);
        assert_int_equal(placed(&world, "h1"), 1);
        world_tick(&world, 1);
        assert_int_equal(placed(&world, "h1"), 0);
        t = &world.plan->transactions[0];
        assert_int_equal(t->n_losses, 1);
        assert_int_equal(t->losses[0].renewal, 77);
        assert_false(t->losses[0].absent);
        world_deinit(&world);
}

/* The lease has ended D ago, whenever the last renewal was: the transaction names that one, too. */
static void the_end_of_the_lease_counts_when_it_is_sooner(void **state)
{
        const FabricTransaction *t;
        World world;

        start(&world, 3, 3, 3);
        world_alive(&world, "h1", false);
        silence(&world, "h1", 77, world.now_ns);
        world_tick(&world, SECONDS(2));
        assert_int_equal(placed(&world, "h1"), 0);
        t = &world.plan->transactions[0];
        assert_int_equal(t->losses[0].renewal, 77);
        assert_true(t->losses[0].absent);
        world_deinit(&world);
}

/* It came back and was lost again before this leader's watch told so: D is not counted from the
 * first loss (docs/adr/0122, 6). */
static void a_renewal_after_the_loss_counts_by_its_own_age(void **state)
{
        uint64_t since_ns;
        World world;

        start(&world, 3, 3, 3);
        world_alive(&world, "h1", false);
        world_tick(&world, SECONDS(1));
        since_ns = world.now_ns;
        silence(&world, "h1", 78, since_ns);
        assert_int_equal(world.plan->wake_ns, since_ns + SECONDS(12));
        world_tick(&world, SECONDS(12));
        assert_int_equal(placed(&world, "h1"), 0);
        assert_false(world.plan->transactions[0].losses[0].absent);
        world_deinit(&world);
}

static void a_host_that_comes_back_in_time_keeps_all(void **state)
{
        World world;

        start(&world, 3, 3, 3);
        world_alive(&world, "h1", false);
        world_tick(&world, SECONDS(1));
        world_alive(&world, "h1", true);
        world_tick(&world, SECONDS(100));
        assert_int_equal(placed(&world, "h1"), 1);
        world_deinit(&world);
}

static void one_host_waits_for_itself(void **state)
{
        World world;

        start(&world, 1, 1, 2);
        world_alive(&world, "h0", false);
        world_tick(&world, SECONDS(100));
        assert_int_equal(placed(&world, "h0"), 2);
        assert_int_equal(world_instance(&world, "d1/web_IN_0")->incarnation, 1);
        world_alive(&world, "h0", true);
        assert_int_equal(world_instance(&world, "d1/web_IN_0")->incarnation, 1);
        world_deinit(&world);
}

static void the_brake_stops_healing_until_hosts_return(void **state)
{
        World world;

        start(&world, 4, 4, 4);
        world_alive(&world, "h0", false);
        world_tick(&world, SECONDS(1));
        assert_false(fabric_braked(world.fabric));
        world_alive(&world, "h1", false);
        assert_true(fabric_braked(world.fabric));
        world_tick(&world, SECONDS(600));
        assert_int_equal(placed(&world, "h0") + placed(&world, "h1"), 2);
        world_alive(&world, "h0", true);
        assert_false(fabric_braked(world.fabric)); /* one domain only: healing goes on */
        assert_int_equal(placed(&world, "h1"), 0);
        world_deinit(&world);
}

static void one_fault_domain_never_trips_it(void **state)
{
        World world;

        start(&world, 4, 2, 4);
        world_alive(&world, "h0", false);
        world_alive(&world, "h2", false);
        assert_false(fabric_braked(world.fabric));
        world_tick(&world, SECONDS(2));
        assert_int_equal(placed(&world, "h0") + placed(&world, "h2"), 0);
        world_deinit(&world);
}

static void losses_far_apart_do_not_trip_it(void **state)
{
        World world;

        start(&world, 4, 4, 4);
        world_alive(&world, "h0", false);
        world_tick(&world, SECONDS(61));
        world_alive(&world, "h1", false);
        assert_false(fabric_braked(world.fabric));
        world_deinit(&world);
}

static void an_operator_releases_the_brake(void **state)
{
        FabricRequest release = {.kind = FABRIC_RELEASE_BRAKE};
        World world;

        start(&world, 4, 4, 4);
        assert_int_equal(world_request(&world, release), FABRIC_REFUSED_NOW);
        world_alive(&world, "h0", false);
        world_alive(&world, "h1", false);
        world_tick(&world, SECONDS(10));
        assert_int_equal(placed(&world, "h0"), 1);
        assert_int_equal(world_request(&world, release), 0);
        assert_int_equal(placed(&world, "h0") + placed(&world, "h1"), 0);
        world_alive(&world, "h0", true);
        assert_false(fabric_braked(world.fabric));
        world_deinit(&world);
}

static void a_cordoned_host_gets_nothing_new(void **state)
{
        DeploymentRecord d = world_deployment("d2", 2, 0);
        World world;

        start(&world, 2, 2, 2);
        world_request(&world, (FabricRequest) {.kind = FABRIC_CORDON, .host = "h0"});
        world_deploy(&world, "t", SLOT_PRODUCTION, &d);
        assert_int_equal(placed(&world, "h0"), 1);
        assert_int_equal(placed(&world, "h1"), 3);
        world_deinit(&world);
}

/* Nothing that may still run is forgotten; what is gone is placed elsewhere first, or by force. */
static void only_a_host_that_is_gone_is_removed(void **state)
{
        FabricRequest remove = {.kind = FABRIC_REMOVE_HOST, .host = "h0"};
        RecordKey key = {.type = RECORD_HOST, .name = "h0"};
        World world;

        start(&world, 2, 2, 2);
        assert_int_equal(world_request(&world, remove), FABRIC_REFUSED_NOW);
        remove.force = true;
        assert_int_equal(world_request(&world, remove), FABRIC_REFUSED_NOW);
        world_alive(&world, "h0", false);
        assert_int_equal(world_request(&world, remove), FABRIC_REFUSED_NOW);
        world_tick(&world, SECONDS(2));
        assert_int_equal(placed(&world, "h0"), 0);
        remove.force = false;
        assert_int_equal(world_request(&world, remove), 0);
        assert_null(fabric_record(world.fabric, &key));
        assert_int_equal(world.plan->transactions[0].n_losses, 1);
        assert_int_equal(world_request(&world, remove), FABRIC_NO_SUCH_HOST);
        world_alive(&world, "h0", true); /* an unknown host gets nothing */
        world_settle(&world);
        assert_int_equal(placed(&world, "h0"), 0);
        world_deinit(&world);
}

static void a_drained_host_is_removed_alive(void **state)
{
        FabricRequest remove = {.kind = FABRIC_REMOVE_HOST, .host = "h1", .force = true};
        RecordKey key = {.type = RECORD_HOST, .name = "h1"};
        World world;

        start(&world, 3, 3, 3);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_DRAIN, .host = "h1"}), 0);
        assert_int_equal(world_request(&world, remove), FABRIC_REFUSED_NOW); /* nor by force */
        while (placed(&world, "h1") > 0) {
                world_settle(&world);
                world_tick(&world, SECONDS(1));
        }
        assert_int_equal(world_request(&world, remove), 0);
        assert_null(fabric_record(world.fabric, &key));
        assert_int_equal(world.plan->transactions[0].n_losses, 0);
        world_alive(&world, "h1", false);
        world_tick(&world, SECONDS(100));
        world_settle(&world);
        assert_int_equal(placed(&world, "h1"), 0);
        world_deinit(&world);
}

/* What a removed host carried waits for room as before, and finds it. */
static void a_host_that_carries_instances_is_removed_by_force(void **state)
{
        FabricRequest remove = {.kind = FABRIC_REMOVE_HOST, .host = "h0"};
        World world;

        start(&world, 1, 1, 2);
        world_alive(&world, "h0", false);
        world_tick(&world, SECONDS(2));
        assert_int_equal(world_request(&world, remove), FABRIC_REFUSED_NOW);
        remove.force = true;
        assert_int_equal(world_request(&world, remove), 0);
        world_host(&world, "h1", "r1");
        world_settle(&world);
        assert_int_equal(placed(&world, "h1"), 2);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_lost_host_is_replaced_after_the_delay_and_guarded),
                cmocka_unit_test(a_silent_host_is_replaced_by_the_age_of_its_last_renewal),
                cmocka_unit_test(the_end_of_the_lease_counts_when_it_is_sooner),
                cmocka_unit_test(a_renewal_after_the_loss_counts_by_its_own_age),
                cmocka_unit_test(a_host_that_comes_back_in_time_keeps_all),
                cmocka_unit_test(one_host_waits_for_itself),
                cmocka_unit_test(the_brake_stops_healing_until_hosts_return),
                cmocka_unit_test(one_fault_domain_never_trips_it),
                cmocka_unit_test(losses_far_apart_do_not_trip_it),
                cmocka_unit_test(an_operator_releases_the_brake),
                cmocka_unit_test(a_cordoned_host_gets_nothing_new),
                cmocka_unit_test(only_a_host_that_is_gone_is_removed),
                cmocka_unit_test(a_drained_host_is_removed_alive),
                cmocka_unit_test(a_host_that_carries_instances_is_removed_by_force),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
