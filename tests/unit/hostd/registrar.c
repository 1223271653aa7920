/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store without a cluster gets one, once, whoever asks. */

#include "hostd/registrar.h"

#include "tests/unit/hostd/bus-world.h"

static void test_makes_a_cluster(void **state)
{
        BusWorld *world = *state;
        char *none = (char *) "", *overlay = (char *) "10.64.0.0/10", *host = (char *) "h1";
        Config config = {.host = host,
                         .fault_domain = host,
                         .vip_pool = none,
                         .overlay = overlay,
                         .lease_s = 5};
        RegistrarConfig with = {.etcd = world->etcd,
                                .store = world->store,
                                .controller = world->controller,
                                .host_half = world->half,
                                .config = &config,
                                .os_dir = world->dir,
                                .state_dir = world->dir};
        MembershipConfig member = {
                .event = world->event, .config = &config, .state_dir = world->dir};
        Registrar *one, *two;
        Membership *membership;
        char id[64];

        assert_int_equal(membership_new(&member, &membership), 0);
        with.membership = membership;

        assert_int_equal(registrar_new(&with, &one), 0);
        assert_int_equal(registrar_new(&with, &two), 0);
        registrar_synced(one);
        registrar_synced(two);
        RUN_UNTIL(world->event, store_named(world->store, RECORD_CLUSTER, ""));
        snprintf(id, sizeof(id), "%s", store_named(world->store, RECORD_CLUSTER, "")->cluster.id);
        assert_int_equal(strlen(id), 32);
        registrar_free(one);
        registrar_free(two);
        store_reload(world->store);
        world->revision = 0;
        RUN_UNTIL(world->event, world->revision > 0);
        assert_string_equal(store_named(world->store, RECORD_CLUSTER, "")->cluster.id, id);
        assert_int_equal(store_named(world->store, RECORD_CLUSTER, "")->cluster.lease_ms, 5000);
        /* with its founder, and what it needs to let others in */
        assert_string_equal(store_named(world->store, RECORD_CLUSTER, "")->cluster.ca,
                            membership_identity(membership)->ca);
        assert_non_null(store_named(world->store, RECORD_CLUSTER, "")->cluster.ca_key);
        assert_non_null(store_named(world->store, RECORD_HOST, "h1"));
        assert_non_null(store_named(world->store, RECORD_ISSUED,
                                    membership_identity(membership)->facts.serial));
        membership_synced(membership, world->store);
        assert_null(membership_identity(membership)->ca_key);
        membership_free(membership);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_makes_a_cluster),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
