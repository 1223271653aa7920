/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mirror of a prefix against a real etcd: through restarts, compaction and many pages. */

#include "lib/base/map.h"
#include "tests/unit/lib/io/etcd-server.h"

typedef struct Mirror {
        Map map;
        unsigned resets, syncs, losts;
        EtcdOutcome lost;
        EtcdWatch *watch;
        bool free_on_reset;
} Mirror;

static sd_event *event;

static void on_event(void *userdata, const EtcdEvent *e)
{
        Mirror *mirror = userdata;

        switch (e->type) {
        case ETCD_EVENT_RESET:
                mirror->resets++;
                map_deinit(&mirror->map);
                mirror->map = (Map) {.value_free = free};
                if (mirror->free_on_reset)
                        mirror->watch = etcd_watch_free(mirror->watch);
                break;
        case ETCD_EVENT_PUT:
                assert_int_equal(map_put(&mirror->map, e->kv.key, strdup(e->kv.value)), 0);
                break;
        case ETCD_EVENT_DELETE:
                free(map_remove(&mirror->map, e->kv.key));
                break;
        case ETCD_EVENT_SYNC:
                mirror->syncs++;
                break;
        case ETCD_EVENT_LOST:
                mirror->losts++;
                mirror->lost = e->outcome;
        }
}

static void test_mirror(void **state)
{
        Server server = {};
        Etcd *etcd;
        Mirror mirror = {};
        unsigned before;

        server_start(&server);
        server_ctl_at(&server, server.port, "put /t/a one");
        server_ctl_at(&server, server.port, "put /other x");
        etcd = server_client(&server, event, 0);
        assert_int_equal(etcd_watch_new(etcd, "/t/", on_event, &mirror, &mirror.watch), 0);
        RUN_UNTIL(event, mirror.syncs > 0);
        assert_int_equal(map_size(&mirror.map), 1);
        server_ctl_at(&server, server.port, "put /t/b two");
        RUN_UNTIL(event, map_contains(&mirror.map, "/t/b"));
        server_ctl_at(&server, server.port, "del /t/a");
        RUN_UNTIL(event, !map_contains(&mirror.map, "/t/a"));

        /* killed and started again: goes on where it was */
        server_kill(&server);
        RUN_UNTIL(event, mirror.losts > 0);
        before = mirror.syncs;
        server_start(&server);
        RUN_UNTIL(event, mirror.syncs > before); /* also when nothing has changed */
        server_ctl_at(&server, server.port, "put /t/c three");
        RUN_UNTIL(event, map_contains(&mirror.map, "/t/c"));
        assert_int_equal(mirror.resets, 1);

        /* what happened meanwhile was compacted: everything again, and nothing stale is left */
        server_kill(&server);
        before = server.port;
        server_start_at(&server, server_take_port(&server));
        server_kill(&server);
        server.port = server_take_port(&server);
        server_start_at(&server, server.port);
        server_ctl_at(&server, server.port, "del /t/b");
        server_ctl_at(&server, server.port, "put /t/d four");
        server_ctl_at(&server, server.port, "compaction --physical=true 8");
        server_kill(&server);
        server.port = before;
        server_start(&server);
        RUN_UNTIL(event, map_contains(&mirror.map, "/t/d"));
        assert_int_equal(mirror.resets, 2);
        assert_false(map_contains(&mirror.map, "/t/b"));

        /* asked to, also with a free in the handler */
        etcd_watch_reload(mirror.watch);
        RUN_UNTIL(event, mirror.resets == 3 && map_size(&mirror.map) == 2);
        mirror.free_on_reset = true;
        etcd_watch_reload(mirror.watch);
        RUN_UNTIL(event, !mirror.watch);
        etcd_free(etcd);
        map_deinit(&mirror.map);
        server_remove(&server);
}

static void on_lease(void *userdata, const EtcdLeaseEvent *e)
{
        *(unsigned *) userdata += e->state == ETCD_LEASE_GRANTED;
}

/* A member that hangs says nothing, and so does a stream that has nothing to say: it goes along
 * when requests leave the member. (The second one is of another cluster, which the client cannot
 * tell.) */
static void test_leaves_a_member_with_the_requests(void **state)
{
        Server hangs = {}, other = {};
        unsigned granted = 0;
        Mirror mirror = {};
        EtcdLease *lease;
        Etcd *etcd;

        server_start(&hangs);
        server_start(&other);
        server_ctl_at(&hangs, hangs.port, "put /t/a one");
        assert_int_equal(
                etcd_new(event,
                         &(EtcdConfig) {.endpoints = (const char *[]) {hangs.url, other.url},
                                        .n_endpoints = 2,
                                        .timeout_ns = 300 * NSEC_PER_SEC},
                         &etcd),
                0);
        assert_int_equal(etcd_watch_new(etcd, "/t/", on_event, &mirror, &mirror.watch), 0);
        assert_int_equal(etcd_lease_new(etcd, 5, NULL, on_lease, &granted, &lease), 0);
        RUN_UNTIL(event, mirror.syncs > 0 && granted == 1);
        server_freeze(&hangs);
        for (int i = 0; i < 3; i++) /* to a revision that the stream goes on from */
                server_ctl_at(&other, other.port, "put /t/b two");
        RUN_UNTIL(event, map_contains(&mirror.map, "/t/b"));
        etcd_lease_free(lease);
        etcd_watch_free(mirror.watch);
        etcd_free(etcd);
        map_deinit(&mirror.map);
        server_remove(&hangs);
        server_remove(&other);
}

static unsigned committed;

static void on_commit(void *userdata, const EtcdReply *reply)
{
        assert_int_equal(reply->outcome, ETCD_OK);
        committed++;
}

static void test_pages(void **state)
{
        Server server = {};
        Etcd *etcd;
        Mirror mirror = {};

        server_start(&server);
        server_ctl_at(&server, server.port, "put /x y");
        etcd = server_client(&server, event, 0);
        for (unsigned t = 0; t < 13; t++) {
                EtcdTxn *txn = etcd_txn_new();

                for (unsigned i = 0; i < 100; i++) {
                        _cleanup_free_ char *key = str_printf("/t/%u", 100 * t + i);

                        etcd_txn_put(txn, key, key, strlen(key), 0);
                }
                assert_int_equal(etcd_txn_commit(etcd, txn, on_commit, NULL, NULL), 0);
        }
        RUN_UNTIL(event, committed == 13);
        assert_int_equal(etcd_watch_new(etcd, "/t/", on_event, &mirror, &mirror.watch), 0);
        RUN_UNTIL(event, mirror.syncs > 0);
        assert_int_equal(map_size(&mirror.map), 1300);
        assert_string_equal(map_get(&mirror.map, "/t/1299"), "/t/1299");
        etcd_watch_free(mirror.watch);
        etcd_free(etcd);
        map_deinit(&mirror.map);
        server_remove(&server);
}

static int set_up(void **state)
{
        return sd_event_new(&event);
}

static int tear_down(void **state)
{
        sd_event_unref(event);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mirror),
                cmocka_unit_test(test_leaves_a_member_with_the_requests),
                cmocka_unit_test(test_pages),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
