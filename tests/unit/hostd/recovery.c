/* SPDX-License-Identifier: GPL-3.0-or-later */
/* That etcd then goes on alone is seen on real hosts: tests/long/majority-lost. */

#include "hostd/recovery.h"

#include "hostd/etcd-unit.h"
#include "lib/base/file.h"
#include "tests/unit/hostd/cluster-world.h"

typedef struct Host {
        char *dir;
        Config config;
        Membership *membership;
        Recovery *recovery;
        bool answered, recovers;
        char why[300];
} Host;

static void on_restart(void *userdata)
{
}

static void on_done(void *userdata, bool recovers, const char *why)
{
        Host *host = userdata;

        host->answered = true;
        host->recovers = recovers;
        snprintf(host->why, sizeof(host->why), "%s", why);
        host->recovery = recovery_free(host->recovery);
}

static void host_start(Host *host, ClusterWorld *world)
{
        MembershipConfig config = {.event = world->event,
                                   .config = &host->config,
                                   .state_dir = host->dir,
                                   .restart = on_restart};

        host->membership = membership_free(host->membership);
        assert_int_equal(membership_new(&config, &host->membership), 0);
}

/* A host whose cluster has these members, its own being the first. */
static void host_init(Host *host, ClusterWorld *world, const char *members)
{
        _cleanup_free_ char *path = NULL;

        *host = (Host) {.dir = str_printf("%s/h7", world->dir)};
        path = str_printf("%s/members", host->dir);
        mkdir(host->dir, 0700);
        host->config.host = strdup("h7");
        host->config.fault_domain = strdup("h7");
        host->config.certificate_s = 3600;
        assert_int_equal(ip_parse("192.0.2.7", &host->config.address), 0);
        host_start(host, world);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, members, strlen(members), 0644), 0);
        host_start(host, world);
}

static void host_deinit(Host *host)
{
        membership_free(host->membership);
        config_deinit(&host->config);
        free(host->dir);
}

static bool is_alone(const Host *host)
{
        EtcdUnit unit;
        bool alone;

        assert_int_equal(etcd_unit_load(host->dir, &unit), 0);
        alone = unit.alone;
        etcd_unit_deinit(&unit);
        return alone;
}

static bool voter_is(const ClusterWorld *world, const char *host)
{
        const Record *record = store_named(world->store, RECORD_MEMBERS, "");

        return str_equal(record->members.members[0].host, host);
}

static void recover(Host *host, ClusterWorld *world)
{
        assert_int_equal(
                recovery_new(world->event, host->membership, on_done, host, &host->recovery), 0);
        assert_false(host->answered);
        RUN_UNTIL(world->event, host->answered);
}

static void a_majority_that_is_there_is_not_lost(void **state)
{
        ClusterWorld *world = *state;
        _cleanup_free_ char *there = peers_url(&world->address, "");
        _cleanup_free_ char *members =
                str_printf("https://127.0.0.1:2379\n%s\nhttps://127.0.0.1:1\n", there);
        Host host;

        host_init(&host, world, members);
        recover(&host, world); /* one of the others refuses to speak to it: it is there */
        assert_false(host.recovers);
        assert_non_null(strstr(host.why, "1 of the other 2 members"));
        assert_non_null(strstr(host.why, there));
        assert_false(is_alone(&host));
        host_deinit(&host);
}

static void who_is_left_goes_on_alone_once(void **state)
{
        ClusterWorld *world = *state;
        Record record;
        Host host;

        host_init(&host, world,
                  "https://127.0.0.1:2379\nhttps://127.0.0.1:1\nhttps://127.0.0.1:2\n");
        recover(&host, world);
        assert_true(host.recovers);
        assert_true(is_alone(&host));
        host_start(&host, world); /* a power cut before etcd has done so */
        assert_true(is_alone(&host));

        record_init(&record, RECORD_MEMBERS);
        record.members.members[0] =
                (ClusterMember) {.id = 7, .host = "h7", .address = host.config.address};
        record.members.n_members = 1;
        cluster_world_write(world, &record);
        RUN_UNTIL(world->event, voter_is(world, "h7"));
        membership_synced(host.membership, world->store);
        assert_false(is_alone(&host)); /* members that come from now on stay */
        host_deinit(&host);
}

static void the_only_member_has_lost_nobody(void **state)
{
        ClusterWorld *world = *state;
        Host host;

        host_init(&host, world, "https://127.0.0.1:2379\n");
        assert_true(membership_carries(host.membership));
        recover(&host, world);
        assert_false(host.recovers);
        host_deinit(&host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(a_majority_that_is_there_is_not_lost),
                CLUSTER_TEST(who_is_left_goes_on_alone_once),
                CLUSTER_TEST(the_only_member_has_lost_nobody),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
