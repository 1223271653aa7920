/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods about the cluster on a host whose etcd is somebody else's: what they refuse. How
 * hosts join is in membership.c and join-server.c, and on real hosts in tests/rack. */

#include "tests/unit/hostd/bus-world.h"

static void nobody_is_let_into_what_is_no_cluster(void **state)
{
        BusWorld *world = *state;

        bus_world_expect(world, BUS_CALL "MakeJoinToken t 0", "not in a cluster");
        bus_world_expect(world, BUS_CALL "MakeJoinToken t 99999999", "30 days at most");
        bus_world_expect(world, BUS_CALL "JoinCluster s x", "by somebody else");
        bus_world_expect(world, BUS_CALL "LeaveCluster", "by somebody else");
        bus_world_expect(world, BUS_CALL "InitCluster", "in a cluster, or about to");
        bus_world_expect(world, BUS_CALL "RecoverCluster", "in no cluster whose etcd");
}

static void members_are_listed(void **state)
{
        BusWorld *world = *state;
        Record record;

        bus_world_expect(world, BUS_CALL "ListMembers", "a(ssb) 0");
        record_init(&record, RECORD_MEMBERS);
        strcpy(record.members.members[0].host, "h1");
        ip_parse("192.0.2.1", &record.members.members[0].address);
        strcpy(record.members.members[1].host, "h2");
        record.members.members[1].learner = true;
        record.members.n_members = 2;
        bus_world_write(world, &record);
        bus_world_expect(world, BUS_CALL "ListMembers",
                         "a(ssb) 2 \"h1\" \"192.0.2.1\" true \"h2\" \"\" false");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(nobody_is_let_into_what_is_no_cluster),
                BUS_TEST(members_are_listed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
