/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/owners.h"

#include "tests/unit/fabric/world.h"

static const char *owner(World *world, const char *service, Slot slot)
{
        RecordKey key = {.type = RECORD_SERVICE};

        snprintf(key.name, sizeof(key.name), "%s", service);
        assert_non_null(fabric_record(world->fabric, &key));
        return fabric_record(world->fabric, &key)->service.slots[slot].owner;
}

static void deploy(World *world, const char *service, Slot slot, const char *id)
{
        DeploymentRecord deployment = world_deployment(id, 1, 0);

        assert_int_equal(world_deploy(world, service, slot, &deployment), 0);
        world_settle(world);
}

/* Whether a transaction of the last plan that writes a service demands that a host is not alive. */
static bool is_guarded(const World *world, const char *host)
{
        for (size_t i = 0; i < world->plan->n_transactions; i++) {
                const FabricTransaction *t = &world->plan->transactions[i];

                for (size_t w = 0; w < t->n_writes; w++)
                        for (size_t a = 0;
                             t->writes[w].key.type == RECORD_SERVICE && a < t->n_losses; a++)
                                if (str_equal(t->losses[a].host, host))
                                        return true;
        }
        return false;
}

static bool writes_service(const World *world)
{
        for (size_t i = 0; i < world->plan->n_transactions; i++)
                for (size_t w = 0; w < world->plan->transactions[i].n_writes; w++)
                        if (world->plan->transactions[i].writes[w].key.type == RECORD_SERVICE)
                                return true;
        return false;
}

static void one_host_owns_all(void **state)
{
        World world;

        world_init(&world, 1, 1);
        deploy(&world, "s", SLOT_PRODUCTION, "d1");
        deploy(&world, "s", SLOT_STAGING, "d2");
        assert_string_equal(owner(&world, "s", SLOT_PRODUCTION), "h0");
        assert_string_equal(owner(&world, "s", SLOT_STAGING), "h0");
        world_request(&world, (FabricRequest) {.kind = FABRIC_DRAIN, .host = "h0"});
        assert_string_equal(owner(&world, "s", SLOT_PRODUCTION), "h0");
        world_deinit(&world);
}

/* Four VIPs on three hosts: two hosts with one, one with two. An empty slot has none. */
static void vips_are_spread(void **state)
{
        unsigned n[3] = {};
        World world;

        world_init(&world, 3, 3);
        deploy(&world, "a", SLOT_PRODUCTION, "d1");
        deploy(&world, "b", SLOT_PRODUCTION, "d2");
        deploy(&world, "c", SLOT_PRODUCTION, "d3");
        assert_string_equal(owner(&world, "c", SLOT_STAGING), "");
        deploy(&world, "c", SLOT_STAGING, "d4");
        n[owner(&world, "a", SLOT_PRODUCTION)[1] - '0']++;
        n[owner(&world, "b", SLOT_PRODUCTION)[1] - '0']++;
        n[owner(&world, "c", SLOT_PRODUCTION)[1] - '0']++;
        n[owner(&world, "c", SLOT_STAGING)[1] - '0']++;
        for (unsigned i = 0; i < 3; i++)
                assert_in_range(n[i], 1, 2);
        world_deinit(&world);
}

/* Lost is not gone: the VIP moves after the leader's delay, guarded, and does not come back. */
static void a_lost_owner_is_replaced_after_the_delay(void **state)
{
        RecordName first, second;
        World world;

        world_init(&world, 3, 3);
        deploy(&world, "s", SLOT_PRODUCTION, "d1");
        memcpy(first, owner(&world, "s", SLOT_PRODUCTION), sizeof(first));
        world_alive(&world, first, false);
        assert_string_equal(owner(&world, "s", SLOT_PRODUCTION), first);
        world_tick(&world, SECONDS(1));
        assert_string_equal(owner(&world, "s", SLOT_PRODUCTION), first);
        world_tick(&world, SECONDS(1));
        memcpy(second, owner(&world, "s", SLOT_PRODUCTION), sizeof(second));
        assert_string_not_equal(second, first);
        assert_true(is_guarded(&world, first));
        world_alive(&world, first, true);
        assert_string_equal(owner(&world, "s", SLOT_PRODUCTION), second);
        world_deinit(&world);
}

/* Both VIPs of a service, from two hosts that are gone: both alive keys must be absent. */
static void two_lost_owners_are_two_guards(void **state)
{
        RecordName owners[2];
        World world;

        world_init(&world, 6, 1); /* one rack: no brake */
        deploy(&world, "s", SLOT_PRODUCTION, "d1");
        deploy(&world, "s", SLOT_STAGING, "d2");
        for (unsigned slot = 0; slot < SLOTS; slot++)
                memcpy(owners[slot], owner(&world, "s", slot), sizeof(RecordName));
        assert_string_not_equal(owners[0], owners[1]);
        world_alive(&world, owners[0], false);
        world_alive(&world, owners[1], false);
        world_tick(&world, SECONDS(2));
        assert_true(is_guarded(&world, owners[0]));
        assert_true(is_guarded(&world, owners[1]));
        for (unsigned slot = 0; slot < SLOTS; slot++)
                assert_true(world_is_alive(&world, owner(&world, "s", slot)));
        world_deinit(&world);
}

static void a_cordon_keeps_vips_and_takes_no_new_ones(void **state)
{
        RecordName first;
        World world;

        world_init(&world, 2, 2);
        deploy(&world, "a", SLOT_PRODUCTION, "d1");
        memcpy(first, owner(&world, "a", SLOT_PRODUCTION), sizeof(first));
        world_request(&world, (FabricRequest) {.kind = FABRIC_CORDON, .host = first});
        assert_false(writes_service(&world));
        assert_string_equal(owner(&world, "a", SLOT_PRODUCTION), first);
        deploy(&world, "b", SLOT_PRODUCTION, "d2");
        deploy(&world, "c", SLOT_PRODUCTION, "d3");
        assert_string_not_equal(owner(&world, "b", SLOT_PRODUCTION), first);
        assert_string_not_equal(owner(&world, "c", SLOT_PRODUCTION), first);
        world_deinit(&world);
}

static void a_drain_moves_vips_at_once_and_unguarded(void **state)
{
        RecordName first;
        World world;

        world_init(&world, 2, 2);
        deploy(&world, "s", SLOT_PRODUCTION, "d1");
        memcpy(first, owner(&world, "s", SLOT_PRODUCTION), sizeof(first));
        world_request(&world, (FabricRequest) {.kind = FABRIC_DRAIN, .host = first});
        assert_true(writes_service(&world));
        assert_false(is_guarded(&world, first));
        assert_string_not_equal(owner(&world, "s", SLOT_PRODUCTION), first);
        world_deinit(&world);
}

/* When nobody is left the VIP waits, and the first host that comes has it. */
static void a_vip_without_an_owner_waits(void **state)
{
        World world;

        world_init(&world, 1, 1);
        deploy(&world, "s", SLOT_PRODUCTION, "d1");
        world_alive(&world, "h0", false);
        world_tick(&world, SECONDS(5));
        assert_string_equal(owner(&world, "s", SLOT_PRODUCTION), "h0");
        world_host(&world, "h1", "r1");
        assert_string_equal(owner(&world, "s", SLOT_PRODUCTION), "h1");
        assert_true(is_guarded(&world, "h0"));
        world_deinit(&world);
}

/* The brake stops healing, and does not leave addresses without a host. */
static void the_brake_does_not_hold_vips(void **state)
{
        World world;

        world_init(&world, 4, 4);
        deploy(&world, "a", SLOT_PRODUCTION, "d1");
        deploy(&world, "b", SLOT_PRODUCTION, "d2");
        deploy(&world, "c", SLOT_PRODUCTION, "d3");
        deploy(&world, "d", SLOT_PRODUCTION, "d4");
        world_alive(&world, "h0", false);
        world_alive(&world, "h1", false);
        assert_true(fabric_braked(world.fabric));
        world_tick(&world, SECONDS(2));
        for (const char *s = "abcd"; *s; s++)
                assert_true(
                        world_is_alive(&world, owner(&world, (char[]) {*s, 0}, SLOT_PRODUCTION)));
        world_deinit(&world);
}

static void cordon(World *world, bool cordoned)
{
        static const char *const hosts[] = {"h1", "h2", "h3"};

        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
                world_request(world,
                              (FabricRequest) {.kind = cordoned ? FABRIC_CORDON : FABRIC_UNCORDON,
                                               .host = hosts[i]});
}

static unsigned owned_by(World *world, const char *host)
{
        return str_equal(owner(world, "s", SLOT_PRODUCTION), host) +
               str_equal(owner(world, "s", SLOT_STAGING), host) +
               str_equal(owner(world, "t", SLOT_PRODUCTION), host) +
               str_equal(owner(world, "t", SLOT_STAGING), host);
}

/* Four VIPs, all of them on the first of four hosts. */
static void init_uneven(World *world)
{
        world_init(world, 4, 4);
        cordon(world, true);
        deploy(world, "s", SLOT_PRODUCTION, "d1");
        deploy(world, "s", SLOT_STAGING, "d2");
        deploy(world, "t", SLOT_PRODUCTION, "d3");
        deploy(world, "t", SLOT_STAGING, "d4");
        cordon(world, false);
}

static void uneven_vips_move_one_by_one_when_it_is_calm(void **state)
{
        World world;

        init_uneven(&world);
        assert_int_equal(owned_by(&world, "h0"), 4);
        world_tick(&world, OWNERS_CALM_MS * NSEC_PER_MSEC - 1);
        assert_int_equal(owned_by(&world, "h0"), 4);
        world_tick(&world, 1);
        assert_int_equal(owned_by(&world, "h0"), 3);
        assert_false(is_guarded(&world, "h0"));
        world_tick(&world, OWNERS_STEP_MS * NSEC_PER_MSEC);
        assert_int_equal(owned_by(&world, "h0"), 2);
        world_tick(&world, OWNERS_STEP_MS * NSEC_PER_MSEC);
        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(owned_by(&world, (const char *[]) {"h0", "h1", "h2", "h3"}[i]), 1);
        world_tick(&world, SECONDS(3600));
        assert_false(writes_service(&world));
        world_deinit(&world);
}

static void a_host_that_comes_or_goes_begins_the_calm_anew(void **state)
{
        World world;

        init_uneven(&world);
        world_tick(&world, SECONDS(200));
        world_alive(&world, "h3", false);
        world_alive(&world, "h3", true);
        world_tick(&world, OWNERS_CALM_MS * NSEC_PER_MSEC - 1);
        assert_int_equal(owned_by(&world, "h0"), 4);
        world_tick(&world, 1);
        assert_int_equal(owned_by(&world, "h0"), 3);
        world_deinit(&world);
}

/* Twice the share is not worth a move. */
static void a_little_uneven_stays(void **state)
{
        World world;

        world_init(&world, 4, 4);
        cordon(&world, true);
        deploy(&world, "s", SLOT_PRODUCTION, "d1");
        deploy(&world, "s", SLOT_STAGING, "d2");
        cordon(&world, false);
        world_tick(&world, SECONDS(3600));
        assert_string_equal(owner(&world, "s", SLOT_PRODUCTION), "h0");
        assert_string_equal(owner(&world, "s", SLOT_STAGING), "h0");
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_host_owns_all),
                cmocka_unit_test(vips_are_spread),
                cmocka_unit_test(a_lost_owner_is_replaced_after_the_delay),
                cmocka_unit_test(two_lost_owners_are_two_guards),
                cmocka_unit_test(a_cordon_keeps_vips_and_takes_no_new_ones),
                cmocka_unit_test(a_drain_moves_vips_at_once_and_unguarded),
                cmocka_unit_test(a_vip_without_an_owner_waits),
                cmocka_unit_test(the_brake_does_not_hold_vips),
                cmocka_unit_test(uneven_vips_move_one_by_one_when_it_is_calm),
                cmocka_unit_test(a_host_that_comes_or_goes_begins_the_calm_anew),
                cmocka_unit_test(a_little_uneven_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
