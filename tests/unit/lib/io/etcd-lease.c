/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lease against a real etcd: granted, renewed, lost while etcd is frozen, granted again. */

#include "tests/unit/lib/io/etcd-server.h"

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
        Seen seen = {};
        EtcdLease *lease;
        Etcd *etcd;

        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        assert_int_equal(etcd_new(event,
                                  &(EtcdConfig) {.endpoints = (const char *[]) {server.url},
                                                 .n_endpoints = 1,
                                                 .timeout_ns = NSEC_PER_SEC},
                                  &etcd),
                         0);
        assert_int_equal(etcd_lease_new(etcd, 2, on_lease, &seen, &lease), 0);
        RUN_UNTIL(event, seen.count[ETCD_LEASE_GRANTED] == 1);
        assert_true(seen.lease != 0 && etcd_lease_id(lease) == seen.lease);
        assert_true(seen.valid_until_ns <= clock_boottime_ns() + 2 * NSEC_PER_SEC);
        RUN_UNTIL(event, seen.count[ETCD_LEASE_RENEWED] == 3);
        assert_int_equal(seen.count[ETCD_LEASE_LOST], 0);
        seen.first = seen.lease;

        /* a member that does not answer: failing, and the time it is valid does not move */
        kill(server.pid, SIGSTOP);
        seen.valid_until_ns = 0;
        RUN_UNTIL(event, seen.count[ETCD_LEASE_FAILING] > 0);
        assert_true(seen.valid_until_ns < clock_boottime_ns() + 2 * NSEC_PER_SEC);
        kill(server.pid, SIGCONT);

        /* ended behind its back: lost, and a new one is there by itself */
        RUN_UNTIL(event, etcd_lease_id(lease) != 0 && seen.valid_until_ns > clock_boottime_ns());
        revoke = str_printf("lease revoke %lx", (long) etcd_lease_id(lease));
        seen.count[ETCD_LEASE_LOST] = seen.count[ETCD_LEASE_GRANTED] = 0;
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lease),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
