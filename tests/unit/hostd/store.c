/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The copy of the records follows etcd; a reload shows differences only. */

#include "hostd/store.h"

#include "tests/unit/lib/io/etcd-server.h"

typedef struct Seen {
        unsigned puts, deletes, syncs, reloads, leaders, changes;
        char leader[64];
        int64_t create_revision;
} Seen;

static sd_event *event;

static void on_put(void *userdata, const Record *record, const Record *before)
{
        Seen *seen = userdata;

        seen->puts++;
        seen->changes += before != NULL;
}

static void on_deleted(void *userdata, const RecordKey *key, const Record *before)
{
        assert_non_null(before);
        ((Seen *) userdata)->deletes++;
}

static void on_leader(void *userdata, const StoreLeader *leader)
{
        Seen *seen = userdata;

        seen->leaders++;
        snprintf(seen->leader, sizeof(seen->leader), "%s", leader->host ?: "");
        seen->create_revision = leader->create_revision;
}

static void on_synced(void *userdata, int64_t revision, bool reloaded)
{
        Seen *seen = userdata;

        seen->syncs++;
        seen->reloads += reloaded;
}

static void on_reachable(void *userdata, bool reachable, const char *detail)
{
}

static void test_follows(void **state)
{
        Server server = {};
        Store *store;
        Etcd *etcd;
        Seen seen = {};

        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        server_ctl_at(&server, server.port, "put /troupe/1/services/shop '{}'");
        server_ctl_at(&server, server.port, "put /troupe/1/services/bad 'not json'");
        server_ctl_at(&server, server.port, "put /troupe/1/unknown/x '{}'");
        etcd = server_client(&server, event, 0);
        assert_int_equal(store_new(etcd,
                                   &(StoreHandlers) {.userdata = &seen,
                                                     .put = on_put,
                                                     .deleted = on_deleted,
                                                     .leader = on_leader,
                                                     .synced = on_synced,
                                                     .reachable = on_reachable},
                                   &store),
                         0);
        RUN_UNTIL(event, seen.syncs == 1);
        assert_int_equal(seen.puts, 1); /* neither nonsense nor what is no record */
        assert_int_equal(seen.leaders, 1);
        assert_string_equal(seen.leader, "");
        assert_non_null(store_named(store, RECORD_SERVICE, "shop"));
        assert_null(store_named(store, RECORD_SERVICE, "bad"));
        server_ctl_at(&server, server.port, "put /troupe/1/leader h7");
        RUN_UNTIL(event, store_leader(store) != NULL);
        assert_string_equal(seen.leader, "h7");
        assert_true(seen.create_revision > 0);
        server_ctl_at(&server, server.port, "put /troupe/1/services/shop '{\"created_us\":5}'");
        RUN_UNTIL(event, seen.changes == 1);
        assert_int_equal(store_named(store, RECORD_SERVICE, "shop")->service.created_us, 5);

        seen.puts = 0;
        store_reload(store);
        RUN_UNTIL(event, seen.reloads == 2);
        assert_int_equal(seen.deletes, 0);
        assert_non_null(store_named(store, RECORD_SERVICE, "shop"));
        server_ctl_at(&server, server.port, "del /troupe/1/services/shop");
        server_ctl_at(&server, server.port, "del /troupe/1/leader");
        RUN_UNTIL(event, seen.deletes == 1 && !store_leader(store));
        store_free(store);
        etcd_free(etcd);
        sd_event_unref(event);
        server_remove(&server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_follows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
