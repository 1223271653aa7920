/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lease against a real etcd: granted, renewed, lost while etcd is frozen, granted again; its
 * key is written with each renewal, and gone once nothing can be written. */

#include <inttypes.h>

#include "tests/unit/lib/io/etcd-server.h"

#define LEASE_S 6 /* no renewal is late for it */

typedef struct Seen {
        unsigned count[4];
        int64_t lease;
        uint64_t valid_until_ns;
        int64_t first;
} Seen;

static void on_lease(void *userdata, const EtcdLeaseEvent *e)
{
        Seen *seen = userdata;

        seen->count[e->state]++;
        seen->lease = e->lease;
        seen->valid_until_ns = e->valid_until_ns;
}

static void test_lease(void **state)
{
        _cleanup_free_ char *revoke = NULL;
        Server server = {};
        sd_event *event;
        uint64_t frozen_ns;
        Seen seen = {};
        EtcdLease *lease;
        Etcd *etcd;

        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        etcd = server_client(&server, event, NSEC_PER_SEC);
        assert_int_equal(etcd_lease_new(etcd, LEASE_S, NULL, on_lease, &seen, &lease), 0);
        RUN_UNTIL(event, seen.count[ETCD_LEASE_GRANTED] == 1);
        assert_true(seen.lease != 0 && etcd_lease_id(lease) == seen.lease);
        assert_true(seen.valid_until_ns <= clock_boottime_ns() + LEASE_S * NSEC_PER_SEC);
        RUN_UNTIL(event, seen.count[ETCD_LEASE_RENEWED] >= 3);
        assert_int_equal(seen.count[ETCD_LEASE_LOST], 0);
        seen.first = seen.lease;

        /* a member that does not answer: failing, and the time it is valid does not move */
        server_freeze(&server);
        frozen_ns = clock_boottime_ns();
        seen.count[ETCD_LEASE_FAILING] = 0;
        seen.valid_until_ns = 0;
        RUN_UNTIL(event, seen.count[ETCD_LEASE_FAILING] > 0);
        assert_true(seen.valid_until_ns < frozen_ns + LEASE_S * NSEC_PER_SEC);
        seen.count[ETCD_LEASE_RENEWED] = 0;
        server_thaw(&server);
        RUN_UNTIL(event, seen.count[ETCD_LEASE_RENEWED] > 0);
        assert_int_equal(seen.count[ETCD_LEASE_LOST], 0);

        /* ended behind its back: lost, and a new one is there by itself */
        seen.count[ETCD_LEASE_GRANTED] = 0;
        revoke = str_printf("lease revoke %lx", (long) etcd_lease_id(lease));
        server_ctl_at(&server, server.port, revoke);
        RUN_UNTIL(event, seen.count[ETCD_LEASE_LOST] == 1);
        RUN_UNTIL(event, seen.count[ETCD_LEASE_GRANTED] == 1);
        assert_true(seen.lease != seen.first);
        etcd_lease_revoke(lease);
        assert_int_equal(etcd_lease_id(lease), 0);
        etcd_lease_free(lease);
        etcd_free(etcd);
        sd_event_unref(event);
        server_remove(&server);
}

typedef struct Key {
        bool answered;
        int64_t revision; /* 0: it is not there */
} Key;

static void on_key(void *userdata, const EtcdReply *reply)
{
        Key *key = userdata;

        assert_int_equal(reply->outcome, ETCD_OK);
        key->answered = true;
        key->revision = reply->n_kvs > 0 ? reply->kvs[0].mod_revision : 0;
}

static int64_t read_key(sd_event *event, Etcd *etcd)
{
        Key key = {};

        assert_int_equal(etcd_range(etcd, "/seen", false, on_key, &key, NULL), 0);
        RUN_UNTIL(event, key.answered);
        return key.revision;
}

static void on_filled(void *userdata, const EtcdReply *reply)
{
        *(EtcdReply *) userdata = *reply;
}

/* Writes until etcd takes no more; the revision of what it took last. */
static int64_t fill(sd_event *event, Etcd *etcd)
{
        static char big[100000];
        EtcdReply reply;
        int64_t revision = 0;

        for (;;) {
                EtcdTxn *txn = etcd_txn_new();

                reply = (EtcdReply) {.outcome = ETCD_OUTCOMES};
                etcd_txn_put(txn, "/x", big, sizeof(big), 0);
                assert_int_equal(etcd_txn_commit(etcd, txn, on_filled, &reply, NULL), 0);
                RUN_UNTIL(event, reply.outcome != ETCD_OUTCOMES);
                if (reply.outcome == ETCD_NO_SPACE)
                        return revision;
                assert_int_equal(reply.outcome, ETCD_OK);
                revision = reply.revision;
        }
}

static void test_key(void **state)
{
        _cleanup_free_ char *compact = NULL;
        Server server = {.quota_bytes = "4000000"};
        unsigned renewed;
        sd_event *event;
        Seen seen = {};
        EtcdLease *lease;
        int64_t first;
        Etcd *etcd;

        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        etcd = server_client(&server, event, 0);
        server_await(etcd, event);
        assert_int_equal(etcd_lease_new(etcd, LEASE_S, "/seen", on_lease, &seen, &lease), 0);
        RUN_UNTIL(event, seen.count[ETCD_LEASE_RENEWED] > 0);
        first = read_key(event, etcd);
        assert_true(first > 0);
        renewed = seen.count[ETCD_LEASE_RENEWED]; /* the next may be on its way already */
        RUN_UNTIL(event, seen.count[ETCD_LEASE_RENEWED] >= renewed + 2);
        assert_true(read_key(event, etcd) > first);

        /* at the quota: the lease goes on, and says nothing of when it was renewed */
        compact = str_printf("compact --physical=true %" PRId64, fill(event, etcd));
        renewed = seen.count[ETCD_LEASE_RENEWED];
        RUN_UNTIL(event, seen.count[ETCD_LEASE_RENEWED] >= renewed + 2);
        assert_int_equal(read_key(event, etcd), 0);
        assert_int_equal(seen.count[ETCD_LEASE_LOST], 0);

        /* and again when there is room */
        server_ctl_at(&server, server.port, compact);
        server_ctl_at(&server, server.port, "defrag");
        server_ctl_at(&server, server.port, "alarm disarm");
        RUN_UNTIL(event, read_key(event, etcd) > 0);
        etcd_lease_free(lease);
        etcd_free(etcd);
        sd_event_unref(event);
        server_remove(&server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lease),
                cmocka_unit_test(test_key),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
