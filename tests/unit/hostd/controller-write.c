/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is planned is written to a real etcd only under the leader's election, and while the hosts
 * it takes for lost are so, by the same loss. */

#include "hostd/controller-write.h"

#include "tests/unit/lib/io/etcd-server.h"

static sd_event *event;
static Etcd *etcd;
static Server server;
static bool answered;
static EtcdReply got;

static void on_reply(void *userdata, const EtcdReply *reply)
{
        answered = true;
        got.outcome = reply->outcome;
        got.revision = reply->revision;
}

static EtcdOutcome commit(EtcdTxn *txn)
{
        answered = false;
        assert_int_equal(etcd_txn_commit(etcd, txn, on_reply, NULL, NULL), 0);
        RUN_UNTIL(event, answered);
        return got.outcome;
}

static int64_t put(const char *key)
{
        EtcdTxn *txn = etcd_txn_new();

        etcd_txn_put(txn, key, "x", 1, 0);
        assert_int_equal(commit(txn), ETCD_OK);
        return got.revision;
}

static bool is_there(const char *key)
{
        EtcdTxn *txn = etcd_txn_new();
        EtcdOutcome outcome;

        etcd_txn_if_created(txn, key, 0);
        etcd_txn_delete(txn, "/probe", false);
        outcome = commit(txn);
        assert_true(outcome == ETCD_OK || outcome == ETCD_GUARD_FAILED);
        return outcome == ETCD_GUARD_FAILED;
}

/* A host's record, deleted, because another host is lost. */
static EtcdOutcome delete_host(int64_t election, const FabricLoss *loss)
{
        const FabricWrite write = {.key = {.type = RECORD_HOST, .name = "h2"}};
        FabricLoss losses[] = {loss ? *loss : (FabricLoss) {}};
        const FabricTransaction transaction = {&write, 1, losses, loss != NULL};
        EtcdTxn *txn = NULL;

        assert_int_equal(controller_transaction(&transaction, election, &txn), 0);
        return commit(txn);
}

static void test_election(void **state)
{
        int64_t election = put(RECORD_LEADER_PREFIX);

        put("/troupe/1/hosts/h2");
        put(RECORD_RENEWAL_PREFIX "h2");
        assert_int_equal(delete_host(election - 1, NULL), ETCD_GUARD_FAILED);
        assert_true(is_there("/troupe/1/hosts/h2"));
        assert_int_equal(delete_host(election, NULL), ETCD_OK);
        assert_false(is_there("/troupe/1/hosts/h2"));
        assert_false(is_there(RECORD_RENEWAL_PREFIX "h2")); /* goes with it */
}

static void test_loss(void **state)
{
        FabricLoss loss = {.host = "h3"};
        EtcdTxn *txn = etcd_txn_new();
        int64_t election, renewal;

        /* an election of its own: the key is made anew */
        etcd_txn_delete(txn, RECORD_LEADER_PREFIX, false);
        assert_int_equal(commit(txn), ETCD_OK);
        election = put(RECORD_LEADER_PREFIX);
        put("/troupe/1/hosts/h2");

        renewal = put(RECORD_RENEWAL_PREFIX "h3");
        assert_int_equal(delete_host(election, &loss), ETCD_GUARD_FAILED); /* it has renewed */
        loss.renewal = renewal;
        put(RECORD_RENEWAL_PREFIX "h3");
        assert_int_equal(delete_host(election, &loss), ETCD_GUARD_FAILED); /* and once more */
        loss.renewal = put(RECORD_RENEWAL_PREFIX "h3");
        loss.absent = true;
        put("/troupe/1/alive/h3");
        assert_int_equal(delete_host(election, &loss), ETCD_GUARD_FAILED); /* it is alive */
        assert_true(is_there("/troupe/1/hosts/h2"));
        loss.absent = false;
        assert_int_equal(delete_host(election, &loss), ETCD_OK);
        assert_false(is_there("/troupe/1/hosts/h2"));
}

static void test_forgotten(void **state)
{
        int64_t renewal = put(RECORD_RENEWAL_PREFIX "h4");

        put(RECORD_RENEWAL_PREFIX "h4");
        assert_int_equal(commit(controller_forgetting("h4", renewal)), ETCD_GUARD_FAILED);
        assert_true(is_there(RECORD_RENEWAL_PREFIX "h4")); /* a later one stays */
        renewal = put(RECORD_RENEWAL_PREFIX "h4");
        assert_int_equal(commit(controller_forgetting("h4", renewal)), ETCD_OK);
        assert_false(is_there(RECORD_RENEWAL_PREFIX "h4"));
}

static int set_up(void **state)
{
        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        etcd = server_client(&server, event, 10 * NSEC_PER_SEC);
        server_await(etcd, event);
        return 0;
}

static int tear_down(void **state)
{
        etcd_free(etcd);
        sd_event_unref(event);
        server_remove(&server);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_election),
                cmocka_unit_test(test_loss),
                cmocka_unit_test(test_forgotten),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
