/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Renewals as a real etcd tells of them: who falls silent while others are heard, and that nobody
 * does when no renewals come at all. */

#include "hostd/pulses.h"

#include "lib/api/records.h"
#include "tests/unit/lib/io/etcd-server.h"

#define LEASE_NS (2 * NSEC_PER_SEC)

static sd_event *event;
static Server server;
static Etcd *etcd;
static Pulses *pulses;
static unsigned n_silent, n_heard, n_synced;
static bool renewed;
static char last[64];

static void on_silent(void *userdata, const char *host)
{
        n_silent++;
        snprintf(last, sizeof(last), "%s", host);
}

static void on_heard(void *userdata, const char *host)
{
        n_heard++;
        snprintf(last, sizeof(last), "%s", host);
}

static void on_synced(void *userdata)
{
        n_synced++;
}

static void on_renewed(void *userdata, const EtcdReply *reply)
{
        assert_int_equal(reply->outcome, ETCD_OK);
        renewed = true;
}

static void renew(const char *host)
{
        char key[RECORD_KEY_MAX + 1];
        EtcdTxn *txn = etcd_txn_new();

        snprintf(key, sizeof(key), RECORD_RENEWAL_PREFIX "%s", host);
        etcd_txn_put(txn, key, "", 0, 0);
        renewed = false;
        assert_int_equal(etcd_txn_commit(etcd, txn, on_renewed, NULL, NULL), 0);
        RUN_UNTIL(event, renewed);
}

static uint64_t since(const char *host)
{
        Pulse pulse;

        return pulses_get(pulses, host, &pulse) ? pulse.since_ns : 0;
}

static int setup(void **state)
{
        server = (Server) {};
        n_silent = n_heard = n_synced = 0;
        assert_int_equal(sd_event_new(&event), 0);
        server_start(&server);
        etcd = server_client(&server, event, 0);
        server_await(etcd, event);
        assert_int_equal(pulses_new(etcd,
                                    &(PulsesHandlers) {.silent = on_silent,
                                                       .heard = on_heard,
                                                       .synced = on_synced},
                                    &pulses),
                         0);
        return 0;
}

static int teardown(void **state)
{
        pulses_free(pulses);
        etcd_free(etcd);
        sd_event_unref(event);
        server_remove(&server);
        return 0;
}

static void one_falls_silent_and_is_heard_again(void **state)
{
        uint64_t before_ns = 0, spoke_ns;
        Pulse pulse;

        renew("h1");
        renew("h2");
        pulses_follow(pulses, LEASE_NS);
        assert_false(pulses_synced(pulses));
        RUN_UNTIL(event, n_synced == 1);
        assert_true(pulses_synced(pulses) && since("h1") > 0 && since("h2") > 0);
        assert_false(pulses_get(pulses, "h3", &pulse));
        assert_int_equal(pulse.revision, 0);
        while (n_silent == 0) {          /* h2 goes on */
                before_ns = since("h1"); /* anew, if this one heard nothing of anybody meanwhile */
                spoke_ns = since("h2");
                renew("h2");
                RUN_UNTIL(event, since("h2") > spoke_ns);
                assert_true(n_silent == 0 || clock_boottime_ns() >= before_ns + LEASE_NS);
        }
        assert_int_equal(n_silent, 1);
        assert_string_equal(last, "h1");
        assert_true(pulses_get(pulses, "h1", &pulse) && pulse.silent);
        assert_int_equal(pulse.since_ns, before_ns);
        renew("h1");
        RUN_UNTIL(event, n_heard == 1);
        assert_true(pulses_get(pulses, "h1", &pulse) && !pulse.silent);
        assert_true(pulse.since_ns > before_ns);
        server_ctl_at(&server, server.port, "del /troupe/renewals/1/h1");
        RUN_UNTIL(event, since("h1") == 0);
}

/* No quorum, or cut off: it says nothing of anybody, and then counts anew for all. */
static void where_nothing_is_heard_nobody_is_silent(void **state)
{
        uint64_t before_ns;

        renew("h1");
        renew("h2");
        pulses_follow(pulses, LEASE_NS);
        RUN_UNTIL(event, n_synced == 1);
        before_ns = since("h2");
        run_loop_for(event, (LEASE_NS + LEASE_NS / 2) / NSEC_PER_MSEC);
        assert_int_equal(n_silent, 0);
        renew("h2");
        RUN_UNTIL(event, since("h2") > before_ns);
        assert_int_equal(since("h1"), since("h2"));
        pulses_follow(pulses, 0);
        assert_false(pulses_synced(pulses));
        assert_int_equal(since("h1"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(one_falls_silent_and_is_heard_again, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(where_nothing_is_heard_nobody_is_silent, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
