/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The controller against a real etcd: what is asked is written under the election's guard; with the
 * guard gone nothing is, and the caller is told. */

#include "hostd/controller.h"

#include "tests/unit/lib/io/etcd-server.h"

static sd_event *event;
static Controller *controller;
static Pulses *pulses;
static bool pulses_read;
static unsigned renewals, leadings, answers;
static int64_t revision, committed;
static char error[64];

static void on_put(void *userdata, const Record *record, const Record *before)
{
        controller_record_put(controller, record);
}

static void on_deleted(void *userdata, const RecordKey *key, const Record *before)
{
        controller_record_deleted(controller, key);
}

static void on_leader(void *userdata, const StoreLeader *leader)
{
}

static void on_synced(void *userdata, int64_t now, bool reloaded)
{
        revision = now;
        controller_synced(controller, now, reloaded);
}

static void on_silent(void *userdata, const char *host)
{
        controller_silent(controller, host);
}

static void on_heard(void *userdata, const char *host)
{
        controller_heard(controller, host);
}

static void on_pulses(void *userdata)
{
        pulses_read = true;
        controller_pulses_synced(controller);
}

static void on_reachable(void *userdata, bool reachable, const char *detail)
{
}

static void on_renew(void *userdata)
{
        renewals++;
}

static void on_leading(void *userdata)
{
        leadings++;
}

static void on_commit(void *userdata, const EtcdReply *reply)
{
        assert_int_equal(reply->outcome, ETCD_OK);
        committed = reply->revision;
}

static void on_answer(void *userdata, const char *name, const char *message)
{
        answers++;
        snprintf(error, sizeof(error), "%s", name ?: "");
}

static void register_host(const char *name)
{
        ControllerRequest *request = controller_request_new(FABRIC_REGISTER);

        record_init(&request->record, RECORD_HOST);
        strcpy(request->record.host.name, name);
        strcpy(request->record.host.fault_domain, "fd1");
        request->record.host.vcpus = 4;
        request->done = on_answer;
        answers = 0;
        controller_request(controller, request);
        assert_int_equal(answers, 0);
        RUN_UNTIL(event, answers == 1);
}

static void elect(Etcd *etcd)
{
        EtcdTxn *txn = etcd_txn_new();

        committed = 0;
        etcd_txn_put(txn, RECORD_LEADER_PREFIX, "h1", 2, 0);
        assert_int_equal(etcd_txn_commit(etcd, txn, on_commit, NULL, NULL), 0);
        RUN_UNTIL(event, committed > 0);
        controller_elected(controller, committed);
}

static void test_guard(void **state)
{
        Server server = {};
        Store *store;
        Etcd *etcd;

        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        server_ctl_at(&server, server.port, "put /troupe/1/cluster '{\"lease_ms\":10000}'");
        etcd = server_client(&server, event, 0);
        assert_int_equal(store_new(etcd,
                                   &(StoreHandlers) {.put = on_put,
                                                     .deleted = on_deleted,
                                                     .leader = on_leader,
                                                     .synced = on_synced,
                                                     .reachable = on_reachable},
                                   &store),
                         0);
        assert_int_equal(pulses_new(etcd,
                                    &(PulsesHandlers) {
                                            .silent = on_silent,
                                            .heard = on_heard,
                                            .synced = on_pulses,
                                    },
                                    &pulses),
                         0);
        pulses_follow(pulses, 10 * NSEC_PER_SEC);
        assert_int_equal(
                controller_new(etcd, store, pulses, "h1",
                               &(ControllerHandlers) {.renew = on_renew, .leading = on_leading},
                               &controller),
                0);
        RUN_UNTIL(event, revision > 0);
        elect(etcd);
        RUN_UNTIL(event, leadings == 1);
        register_host("h1");
        assert_string_equal(error, "");
        RUN_UNTIL(event, store_named(store, RECORD_HOST, "h1"));

        /* behind its back the election key is another: its writes fail, and it learns so */
        server_ctl_at(&server, server.port, "del /troupe/1/leader");
        server_ctl_at(&server, server.port, "put /troupe/1/leader h2");
        register_host("h3");
        assert_string_equal(error, "Unavailable");
        RUN_UNTIL(event, leadings == 2); /* made anew, as nobody has told it yet */
        controller_deposed(controller);
        assert_false(controller_leads(controller));
        assert_null(store_named(store, RECORD_HOST, "h3"));

        /* leads again; etcd freezes in a write: the outcome is unknown, the key must be made anew
         */
        server_ctl_at(&server, server.port, "del /troupe/1/leader");
        elect(etcd);
        RUN_UNTIL(event, leadings == 3);
        server_freeze(&server);
        register_host("h4");
        assert_string_equal(error, "Unavailable");
        assert_int_equal(renewals, 1);
        server_thaw(&server);
        controller_free(controller);
        pulses_free(pulses);
        store_free(store);
        etcd_free(etcd);
        sd_event_unref(event);
        server_remove(&server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_guard),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
