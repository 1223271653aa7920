/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/hostd/membership-world.h"
#include "tests/unit/loop.h"

static size_t members(const ClusterWorld *world)
{
        return store_named(world->store, RECORD_MEMBERS, "")->members.n_members;
}

static void a_token_at_the_first_start_joins(void **state)
{
        static const Config config = {.certificate_s = 3600};
        ClusterWorld *world = *state;
        char text[TOKEN_TEXT_MAX];
        JoinServer *server;
        EtcdConfig etcd;
        EtcdUnit unit;
        Record record;
        Host host;

        assert_int_equal(join_server_new(world->peers, world->etcd, world->store, &config, &server),
                         0);
        host_init(&host, world, "h2", "192.0.2.2");
        make_token(world, text);
        host.config.join_token = strdup(text);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_JOINING);
        RUN_UNTIL(world->event, host.restarted);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        assert_string_equal(membership_identity(host.membership)->facts.name, "h2");
        assert_string_equal(membership_identity(host.membership)->ca, world->identity.ca);
        membership_etcd_config(host.membership, &etcd);
        assert_null(strstr(etcd.endpoints[0], "127.0.0.1:"));
        assert_int_equal(etcd_unit_load(host.dir, &unit), ETCD_UNIT_NONE);

        /* the leader wants it to carry a member, and then not any more */
        record = *store_named(world->store, RECORD_MEMBERS, "");
        record.members.members[1] =
                (ClusterMember) {.id = 0x1234, .host = "h2", .address = host.config.address};
        record.members.n_members = 2;
        cluster_world_write(world, &record);
        RUN_UNTIL(world->event, members(world) == 2);
        membership_synced(host.membership, world->store);
        assert_int_equal(etcd_unit_load(host.dir, &unit), 0);
        assert_true(unit.joins);
        assert_string_equal(unit.data, "0000000000001234");
        etcd_unit_deinit(&unit);
        membership_etcd_config(host.membership, &etcd);
        assert_int_equal(etcd.n_endpoints, 2);
        assert_string_equal(etcd.endpoints[0], "https://127.0.0.1:2379"); /* its own comes first */
        record.members.n_members = 1;
        cluster_world_write(world, &record);
        RUN_UNTIL(world->event, members(world) == 1);
        membership_synced(host.membership, world->store);
        assert_int_equal(etcd_unit_load(host.dir, &unit), ETCD_UNIT_NONE);
        host_deinit(&host);
        join_server_free(server);
}

static void who_is_refused_stays_what_it_was(void **state)
{
        static const Config config = {.certificate_s = 3600};
        ClusterWorld *world = *state;
        char text[TOKEN_TEXT_MAX];
        JoinServer *server;
        Host host;

        assert_int_equal(join_server_new(world->peers, world->etcd, world->store, &config, &server),
                         0);
        host_init(&host, world, "h1", "192.0.2.2"); /* a name that is taken */
        host_start(&host, world);
        make_token(world, text);
        assert_int_equal(membership_join(host.membership, "no token", on_joined, &host), TOKEN_BAD);
        assert_int_equal(membership_join(host.membership, text, on_joined, &host), 0);
        RUN_UNTIL(world->event, host.answered);
        assert_false(host.joined);
        assert_non_null(strstr(host.why, "name"));
        assert_false(host.restarted);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        assert_string_not_equal(membership_identity(host.membership)->ca, world->identity.ca);
        host_deinit(&host);
        join_server_free(server);
}

static bool opens_at_the_second_call(void *userdata)
{
        unsigned *calls = userdata;

        return ++*calls > 1;
}

/* It says that it cannot yet: the same token lets the host in a moment later. */
/* It says that it cannot yet: the same token lets the host in a moment later. */
static void who_waits_for_an_answer_waits_for_a_busy_cluster(void **state)
{
        static const Config config = {.certificate_s = 3600};
        ClusterWorld *world = *state;
        char text[TOKEN_TEXT_MAX];
        JoinServer *server;
        unsigned calls = 0;
        Host host;

        assert_int_equal(join_server_new(world->peers, world->etcd, world->store, &config, &server),
                         0);
        join_server_set_gate(server, opens_at_the_second_call, &calls);
        host_init(&host, world, "h2", "192.0.2.2");
        host_start(&host, world);
        make_token(world, text);
        assert_int_equal(membership_join(host.membership, text, on_joined, &host), 0);
        RUN_UNTIL(world->event, host.answered);
        assert_true(host.joined);
        assert_int_equal(calls, 2);
        host_deinit(&host);
        join_server_free(server);
}

static void who_left_is_out_until_told_otherwise(void **state)
{
        ClusterWorld *world = *state;
        EtcdUnit unit;
        Host host;

        host_init(&host, world, "h7", "192.0.2.7");
        host_start(&host, world);
        assert_int_equal(membership_found(host.membership), -EBUSY);
        assert_int_equal(membership_leave(host.membership, "left"), 0);
        assert_true(host.restarted);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_OUT);
        assert_string_equal(membership_detail(host.membership), "left");
        assert_int_equal(etcd_unit_load(host.dir, &unit), ETCD_UNIT_NONE);
        assert_int_equal(membership_leave(host.membership, "left"), -EBUSY);
        assert_int_equal(membership_found(host.membership), 0);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        host_deinit(&host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(a_token_at_the_first_start_joins),
                CLUSTER_TEST(who_is_refused_stays_what_it_was),
                CLUSTER_TEST(who_waits_for_an_answer_waits_for_a_busy_cluster),
                CLUSTER_TEST(who_left_is_out_until_told_otherwise),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
