/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client against a real etcd: reads, guarded writes, and what each failure is called. */

#include "lib/io/etcd.h"

#include "tests/unit/lib/io/etcd-server.h"

typedef struct Answer {
        bool there;
        EtcdOutcome outcome;
        int64_t revision;
        size_t n_kvs;
        char key[64], value[64];
        int64_t created;
} Answer;

static void on_answer(void *userdata, const EtcdReply *reply)
{
        Answer *answer = userdata;

        answer->there = true;
        answer->outcome = reply->outcome;
        answer->revision = reply->revision;
        answer->n_kvs = reply->n_kvs;
        if (reply->n_kvs > 0) {
                snprintf(answer->key, sizeof(answer->key), "%s", reply->kvs[0].key);
                snprintf(answer->value, sizeof(answer->value), "%s", reply->kvs[0].value);
                answer->created = reply->kvs[0].create_revision;
        }
}

static sd_event *event;

static Answer range(Etcd *etcd, const char *key, bool prefix)
{
        Answer answer = {};

        assert_int_equal(etcd_range(etcd, key, prefix, on_answer, &answer, NULL), 0);
        assert_false(answer.there); /* never from within the call */
        RUN_UNTIL(event, answer.there);
        return answer;
}

static Answer commit(Etcd *etcd, EtcdTxn *txn)
{
        Answer answer = {};

        assert_int_equal(etcd_txn_commit(etcd, txn, on_answer, &answer, NULL), 0);
        RUN_UNTIL(event, answer.there);
        return answer;
}

static Answer put(Etcd *etcd, const char *key, const char *value)
{
        EtcdTxn *txn = etcd_txn_new();

        etcd_txn_put(txn, key, value, strlen(value), 0);
        return commit(etcd, txn);
}

static Etcd *client(const char *const *urls, size_t n, uint64_t timeout_ns)
{
        Etcd *etcd;

        assert_int_equal(etcd_new(event,
                                  &(EtcdConfig) {.endpoints = urls,
                                                 .n_endpoints = n,
                                                 .timeout_ns = timeout_ns},
                                  &etcd),
                         0);
        return etcd;
}

static void test_keys(void **state)
{
        _cleanup_(etcd_freep) Etcd *etcd = NULL;
        Server server = {};
        EtcdTxn *txn;
        Answer a;

        server_start(&server);
        etcd = client((const char *[]) {server.url}, 1, 0);
        server_await(etcd, event);
        assert_int_equal(put(etcd, "/t/a", "one").outcome, ETCD_OK);
        assert_int_equal(put(etcd, "/t/b", "two").outcome, ETCD_OK);
        assert_int_equal(put(etcd, "/u", "outside").outcome, ETCD_OK);
        a = range(etcd, "/t/", true);
        assert_int_equal(a.n_kvs, 2);
        assert_string_equal(a.key, "/t/a");
        assert_string_equal(a.value, "one");

        /* guards: created at, not there, modified at */
        txn = etcd_txn_new();
        etcd_txn_if_created(txn, "/t/a", a.created);
        etcd_txn_if_created(txn, "/t/c", 0);
        etcd_txn_put(txn, "/t/c", "three", 5, 0);
        etcd_txn_delete(txn, "/t/b", false);
        assert_int_equal(etcd_txn_size(txn), 2);
        a = commit(etcd, txn);
        assert_int_equal(a.outcome, ETCD_OK);
        assert_int_equal(range(etcd, "/t/b", false).n_kvs, 0);
        txn = etcd_txn_new();
        etcd_txn_if_created(txn, "/t/c", 0);
        etcd_txn_put(txn, "/t/c", "never", 5, 0);
        assert_int_equal(commit(etcd, txn).outcome, ETCD_GUARD_FAILED);
        txn = etcd_txn_new();
        etcd_txn_if_modified(txn, "/t/c", a.revision);
        etcd_txn_delete(txn, "/t/", true);
        assert_int_equal(commit(etcd, txn).outcome, ETCD_OK);
        assert_int_equal(range(etcd, "/t/", true).n_kvs, 0);
        assert_int_equal(range(etcd, "/u", false).n_kvs, 1);

        /* a lease that never was */
        txn = etcd_txn_new();
        etcd_txn_put(txn, "/t/l", "x", 1, 12345);
        assert_int_equal(commit(etcd, txn).outcome, ETCD_LEASE_GONE);
        txn = etcd_txn_new();
        for (int i = 0; i <= ETCD_TXN_MAX; i++)
                etcd_txn_delete(txn, "/t/x", false);
        assert_int_equal(etcd_txn_commit(etcd, txn, on_answer, &a, NULL), -E2BIG);
        server_remove(&server);
}

static void test_cancel(void **state)
{
        const char *url = "http://127.0.0.1:9";
        _cleanup_(etcd_freep) Etcd *etcd = client(&url, 1, 0);
        Answer cancelled = {};
        EtcdRequest *request;

        assert_int_equal(etcd_range(etcd, "/a", false, on_answer, &cancelled, &request), 0);
        etcd_cancel(request);
        assert_int_equal(range(etcd, "/b", false).outcome, ETCD_UNREACHABLE);
        assert_false(cancelled.there);
}

/* A member that is not there is passed over; a frozen one is a timeout and recovers. */
static void test_members(void **state)
{
        _cleanup_(etcd_freep) Etcd *etcd = NULL, *hasty = NULL;
        Server server = {};

        server_start(&server);
        etcd = client((const char *[]) {"http://127.0.0.1:9", server.url}, 2, 0);
        hasty = client((const char *[]) {server.url}, 1, NSEC_PER_SEC / 2);
        server_await(etcd, event);
        assert_int_equal(range(etcd, "/a", false).outcome, ETCD_OK);
        server_freeze(&server);
        assert_int_equal(put(hasty, "/a", "x").outcome, ETCD_TIMEOUT);
        server_thaw(&server);
        server_await(etcd, event);
        server_kill(&server);
        assert_int_equal(put(etcd, "/a", "x").outcome, ETCD_UNREACHABLE);
        server_start(&server);
        server_await(etcd, event);
        assert_int_equal(put(etcd, "/a", "x").outcome, ETCD_OK);
        server_remove(&server);
}

static void test_no_space(void **state)
{
        _cleanup_(etcd_freep) Etcd *etcd = NULL;
        Server server = {.quota_bytes = "4000000"};
        static char big[100000];
        EtcdOutcome outcome = ETCD_OK;
        EtcdTxn *txn;

        server_start(&server);
        etcd = client((const char *[]) {server.url}, 1, 0);
        server_await(etcd, event);
        for (int i = 0; i < 100 && outcome == ETCD_OK; i++) {
                txn = etcd_txn_new();
                etcd_txn_put(txn, "/big", big, sizeof(big), 0);
                outcome = commit(etcd, txn).outcome;
        }
        assert_int_equal(outcome, ETCD_NO_SPACE);
        assert_int_equal(range(etcd, "/big", false).outcome, ETCD_OK);
        txn = etcd_txn_new();
        etcd_txn_delete(txn, "/big", false);
        assert_int_equal(commit(etcd, txn).outcome, ETCD_OK);
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
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_no_space),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
