/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/quorum.h"

#include "lib/io/etcd-members.h"
#include "tests/unit/hostd/cluster-world.h"

/* The etcd of these tests calls its own peer URL something else, so that to the rules it is a
 * member of nobody: it is the only voter and stays. */

static int64_t lead(ClusterWorld *world)
{
        int64_t revision = world->revision;

        server_ctl_at(&world->server, world->server.port, "put /troupe/1/leader h1");
        RUN_UNTIL(world->event, world->revision > revision);
        return world->revision;
}

static void write_host(ClusterWorld *world, const char *name, const char *address)
{
        Record record;

        record_init(&record, RECORD_HOST);
        strcpy(record.host.name, name);
        strcpy(record.host.fault_domain, name);
        assert_int_equal(ip_parse(address, &record.host.address), 0);
        cluster_world_write(world, &record);
        record_init(&record, RECORD_ALIVE);
        strcpy(record.alive.host, name);
        cluster_world_write(world, &record);
}

static size_t members(const ClusterWorld *world)
{
        const Record *record = store_named(world->store, RECORD_MEMBERS, "");

        return record ? record->members.n_members : 0;
}

static void a_leader_adds_members_and_writes_them_down(void **state)
{
        ClusterWorld *world = *state;
        const Record *record;
        Quorum *quorum;

        assert_int_equal(quorum_new(world->etcd, world->store, &quorum), 0);
        write_host(world, "h2", "127.0.0.2");
        write_host(world, "h3", "127.0.0.3");
        quorum_changed(quorum); /* who does not lead does nothing */
        quorum_leading(quorum, lead(world));
        RUN_UNTIL(world->event, (record = store_named(world->store, RECORD_MEMBERS, "")) != NULL &&
                                        members(world) == 1 && record->members.members[0].learner);
        assert_true(str_equal(record->members.members[0].host, "h2") ||
                    str_equal(record->members.members[0].host, "h3"));
        assert_true(record->members.members[0].id != 0);
        quorum_free(quorum);
}

static void on_members(void *userdata, const EtcdReply *reply)
{
        assert_int_equal(reply->n_members, 1);
        *(uint64_t *) userdata = reply->members[0].id;
}

/* Who joins etcd has to name all that are in it, also one whose host was removed just now. */
static void a_member_stays_written_down_without_its_host(void **state)
{
        ClusterWorld *world = *state;
        const Record *record;
        Record before;
        Quorum *quorum;
        uint64_t id = 0;

        assert_int_equal(
                etcd_members(world->etcd, ETCD_MEMBERS_LIST, 0, NULL, on_members, &id, NULL), 0);
        RUN_UNTIL(world->event, id != 0);
        record_init(&before, RECORD_MEMBERS);
        before.members.n_members = 1;
        before.members.members[0].id = id;
        before.members.members[0].address = world->address;
        strcpy(before.members.members[0].host, "h1");
        cluster_world_write(world, &before);
        assert_int_equal(quorum_new(world->etcd, world->store, &quorum), 0);
        write_host(world, "h2", "127.0.0.2");
        quorum_leading(quorum, lead(world));
        RUN_UNTIL(world->event, members(world) == 2);
        record = store_named(world->store, RECORD_MEMBERS, "");
        assert_string_equal(record->members.members[0].host, "h1");
        assert_false(record->members.members[0].learner);
        assert_true(record->members.members[0].id == id);
        assert_string_equal(record->members.members[1].host, "h2");
        assert_true(record->members.members[1].learner);
        quorum_free(quorum);
}

static void certificates_of_hosts_that_are_none_are_revoked(void **state)
{
        ClusterWorld *world = *state;
        Record record;
        Quorum *quorum;

        assert_int_equal(quorum_new(world->etcd, world->store, &quorum), 0);
        for (unsigned i = 0; i < 2; i++) {
                record_init(&record, RECORD_ISSUED);
                strcpy(record.issued.serial, i == 0 ? "40" : "41");
                strcpy(record.issued.host, i == 0 ? "h1" : "h9");
                record.issued.expires_us = clock_realtime_us() + 60 * USEC_PER_SEC;
                cluster_world_write(world, &record);
        }
        quorum_leading(quorum, lead(world));
        RUN_UNTIL(world->event, issue_is_revoked(world->store, "41"));
        assert_false(issue_is_revoked(world->store, "40"));
        assert_true(issue_is_revoked(world->store, "42")); /* one that nobody gave */
        quorum_free(quorum);
}

static void who_was_deposed_writes_nothing(void **state)
{
        ClusterWorld *world = *state;
        int64_t election = lead(world);
        Record record;
        Quorum *quorum;

        server_ctl_at(&world->server, world->server.port, "del /troupe/1/leader");
        lead(world); /* somebody else */
        assert_int_equal(quorum_new(world->etcd, world->store, &quorum), 0);
        record_init(&record, RECORD_ISSUED);
        strcpy(record.issued.serial, "41");
        strcpy(record.issued.host, "h9");
        record.issued.expires_us = clock_realtime_us() + 60 * USEC_PER_SEC;
        cluster_world_write(world, &record);
        quorum_leading(quorum, election);
        run_loop_for(world->event, 2000);
        assert_false(issue_is_revoked(world->store, "41"));
        quorum_free(quorum);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(a_leader_adds_members_and_writes_them_down),
                CLUSTER_TEST(a_member_stays_written_down_without_its_host),
                CLUSTER_TEST(certificates_of_hosts_that_are_none_are_revoked),
                CLUSTER_TEST(who_was_deposed_writes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
