/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Election against a real etcd: one leads; who renews gets a new key; what an earlier hostd left is
 * swept away; who lost its lease leads no more, nor who has fallen silent. */

#include "hostd/presence.h"

#include "tests/unit/lib/io/etcd-server.h"

typedef struct Host {
        const char *name;
        Etcd *etcd;
        Store *store;
        Presence *presence;
        unsigned elections, depositions;
        int64_t election, alive;
        StoreLeader leader;
        char leader_host[64];
        bool synced;
} Host;

#define LEASE_S 30 /* does not end within a test */
#define ENDS_S  5  /* its end is waited for */

static sd_event *event;

static void on_put(void *userdata, const Record *record, const Record *before)
{
}

static void on_deleted(void *userdata, const RecordKey *key, const Record *before)
{
        Host *host = userdata;

        if (key->type == RECORD_ALIVE && str_equal(key->name, host->name) && host->presence)
                presence_alive_changed(host->presence, false);
}

static void on_leader(void *userdata, const StoreLeader *leader)
{
        Host *host = userdata;

        host->leader = *leader;
        snprintf(host->leader_host, sizeof(host->leader_host), "%s", leader->host ?: "");
        host->leader.host = leader->host ? host->leader_host : NULL;
        if (host->presence)
                presence_leader_changed(host->presence, &host->leader);
}

static void on_synced(void *userdata, int64_t revision, bool reloaded)
{
        ((Host *) userdata)->synced = true;
}

static void on_reachable(void *userdata, bool reachable, const char *detail)
{
}

static void on_elected(void *userdata, int64_t create_revision)
{
        Host *host = userdata;

        host->elections++;
        host->election = create_revision;
}

static void on_deposed(void *userdata)
{
        ((Host *) userdata)->depositions++;
}

static void on_alive(void *userdata, int64_t revision)
{
        ((Host *) userdata)->alive = revision;
}

static void host_start(Host *host, Server *server, unsigned lease_s)
{
        AliveRecord alive = {.epoch = 1};

        assert_int_equal(etcd_new(event,
                                  &(EtcdConfig) {.endpoints = (const char *[]) {server->url},
                                                 .n_endpoints = 1},
                                  &host->etcd),
                         0);
        assert_int_equal(store_new(host->etcd,
                                   &(StoreHandlers) {.userdata = host,
                                                     .put = on_put,
                                                     .deleted = on_deleted,
                                                     .leader = on_leader,
                                                     .synced = on_synced,
                                                     .reachable = on_reachable},
                                   &host->store),
                         0);
        RUN_UNTIL(event, host->synced);
        snprintf(alive.host, sizeof(alive.host), "%s", host->name);
        assert_int_equal(presence_new(host->etcd, host->name, &alive, lease_s,
                                      &(PresenceHandlers) {.userdata = host,
                                                           .elected = on_elected,
                                                           .deposed = on_deposed,
                                                           .alive = on_alive},
                                      &host->presence),
                         0);
        presence_leader_changed(host->presence, &host->leader);
}

static void host_stop(Host *host)
{
        presence_free(host->presence);
        store_free(host->store);
        etcd_free(host->etcd);
        *host = (Host) {.name = host->name};
}

static void test_election(void **state)
{
        Server server = {};
        Host a = {.name = "a"}, b = {.name = "b"};
        int64_t first;

        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        host_start(&a, &server, LEASE_S);
        RUN_UNTIL(event, a.elections == 1);
        assert_int_equal(presence_leading(a.presence), a.election);
        assert_true(a.alive > 0);
        host_start(&b, &server, LEASE_S);
        RUN_UNTIL(event, b.alive > 0);

        /* gives up and stands again: perhaps the other one is elected, with a later key anyhow */
        first = a.election;
        presence_renew(a.presence);
        assert_int_equal(a.depositions, 1);
        assert_int_equal(presence_leading(a.presence), 0);
        RUN_UNTIL(event, presence_leading(a.presence) + presence_leading(b.presence) > first);

        /* killed without a word, and back at once: does not wait for its old lease to end */
        host_stop(&b);
        host_stop(&a);
        server_ctl_at(&server, server.port, "del --prefix /troupe");
        server_ctl_at(&server, server.port, "put /troupe/1/leader a");
        host_start(&a, &server, LEASE_S);
        RUN_UNTIL(event, a.elections == 1);

        /* another one leads while this one's key is gone */
        server_ctl_at(&server, server.port, "del /troupe/1/leader");
        RUN_UNTIL(event, a.elections == 2 && a.depositions == 1);

        /* its lease is ended: it leads no more, and again when it has a new one */
        host_stop(&a);
        host_start(&a, &server, ENDS_S);
        RUN_UNTIL(event, a.elections == 1);
        server_freeze(&server);
        run_loop_for(event, (ENDS_S + 1) * 1000);
        server_thaw(&server);
        RUN_UNTIL(event, a.depositions > 0);
        RUN_UNTIL(event, presence_leading(a.presence) > 0);
        host_stop(&a);
        sd_event_unref(event);
        server_remove(&server);
}

static void test_silent_leader(void **state)
{
        Server server = {};
        Host a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c"};
        StoreLeader old;

        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        host_start(&a, &server, ENDS_S);
        RUN_UNTIL(event, a.elections == 1);
        host_start(&b, &server, ENDS_S);
        host_start(&c, &server, ENDS_S);
        presence_set_second(c.presence, true);
        RUN_UNTIL(event, b.alive > 0 && c.alive > 0 && b.leader.create_revision == a.election &&
                                 c.leader.create_revision == a.election);

        /* its key is deleted, and one that is not second leads */
        old = b.leader;
        presence_leader_silent(b.presence, &b.leader);
        RUN_UNTIL(event, a.elections + b.elections == 2);
        assert_int_equal(c.elections, 0);

        /* said of one that leads no more it changes nothing */
        RUN_UNTIL(event, c.leader.create_revision > old.create_revision);
        presence_leader_silent(c.presence, &old);
        host_stop(&a);
        host_stop(&b);
        RUN_UNTIL(event, c.elections == 1); /* second, and the only one */

        /* removed from the cluster: it leads no more, though there is nobody else */
        presence_retire(c.presence);
        assert_int_equal(c.depositions, 1);
        RUN_UNTIL(event, !c.leader.host && c.leader.revision > c.election);
        assert_int_equal(c.elections, 1);
        assert_int_equal(presence_leading(c.presence), 0);
        host_stop(&c);
        sd_event_unref(event);
        server_remove(&server);
}

/* What the alive record in the store says of an update. */
static const char *reported(const Host *host)
{
        const Record *record = store_named(host->store, RECORD_ALIVE, host->name);

        return record ? record->alive.update.operation : "";
}

static HostUpdateReport report_of(const char *operation)
{
        HostUpdateReport report = {.healthy = true};

        snprintf(report.operation, sizeof(report.operation), "%s", operation);
        return report;
}

/* Also while the alive record is on its way without it; it is read anew for none of them. */
static void test_reports(void **state)
{
        HostUpdateReport early = report_of("op1"), first = report_of("op2"),
                         last = report_of("op3");
        Server server = {};
        Host a = {.name = "a"};
        int64_t alive;

        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        host_start(&a, &server, LEASE_S);
        presence_report(a.presence, &early); /* there is no lease yet */
        RUN_UNTIL(event, str_equal(reported(&a), "op1"));
        RUN_UNTIL(event, a.alive > 0);
        presence_again(a.presence);
        presence_report(a.presence, &first);
        RUN_UNTIL(event, str_equal(reported(&a), "op2"));
        alive = a.alive;
        presence_report(a.presence, &early);
        presence_report(a.presence, &last);
        RUN_UNTIL(event, str_equal(reported(&a), "op3"));
        assert_int_equal(a.alive, alive);
        host_stop(&a);
        server_remove(&server);
        sd_event_unref(event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_election),
                cmocka_unit_test(test_silent_leader),
                cmocka_unit_test(test_reports),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
