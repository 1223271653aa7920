/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A lease: asked for until it is granted, renewed each fifth of its time. Its validity is counted
 * from when the renewal was sent, so it is never thought valid when etcd has let it expire. The
 * request for the renewal and that for the key behind it are under way one after the other, and
 * have the same patience. */

#include <inttypes.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/io/etcd-internal.h"

#define RETRY_NS (500 * NSEC_PER_MSEC)
#define RENEWALS 5 /* in each lease; the watchdog's inequality counts on 3 */
/* A renewal that is not answered in this part of the lease is sent again, to another member. */
#define PATIENCE 10

struct EtcdLease {
        Etcd *etcd;
        uint64_t ttl_s;
        char *key;
        EtcdLeaseHandler handler;
        void *userdata;
        int64_t id;           /* 0: none */
        uint64_t sent_ns;     /* of the request under way */
        uint64_t accepted_ns; /* when the last that was accepted was sent */
        uint64_t granted_s; /* what the renewal under way is to be worth, once the key is written */
        bool full;          /* the key is being deleted, as nothing can be written */
        uint64_t valid_until_ns;
        EtcdRequest *request;
        sd_event_source *timer;
};

static void again(EtcdLease *lease, uint64_t delay_ns)
{
        sd_event_source_set_time_relative(lease->timer, delay_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(lease->timer, SD_EVENT_ONESHOT);
}

/* A fifth of the lease after the last was sent: an answer that took long leaves less time. Where
 * etcd's leader has died, it takes 1 to 2.5 s until there is another, and one of the members that
 * are asked may be the dead one: by the soft fence there is time for all that. */
static void renew_in_time(EtcdLease *lease)
{
        uint64_t next_ns = lease->accepted_ns + lease->ttl_s * NSEC_PER_SEC / RENEWALS;
        uint64_t now_ns = clock_boottime_ns();

        again(lease, next_ns > now_ns ? next_ns - now_ns : 0);
}

/* The last thing a function does: the handler may free the lease. */
static void tell(EtcdLease *lease, EtcdLeaseState state, const EtcdReply *reply)
{
        lease->handler(lease->userdata, &(EtcdLeaseEvent) {
                                                .state = state,
                                                .lease = lease->id,
                                                .sent_ns = lease->accepted_ns,
                                                .valid_until_ns = lease->valid_until_ns,
                                                .outcome = reply->outcome,
                                                .message = reply->message,
                                        });
}

static void on_grant(void *userdata, const EtcdReply *reply, const EtcdMessage *message)
{
        EtcdLease *lease = userdata;

        lease->request = NULL;
        if (reply->outcome != ETCD_OK || message->lease == 0) {
                again(lease, RETRY_NS);
                tell(lease, ETCD_LEASE_FAILING, reply);
                return;
        }
        lease->id = message->lease;
        lease->accepted_ns = lease->sent_ns;
        lease->valid_until_ns = lease->sent_ns + lease->ttl_s * NSEC_PER_SEC;
        renew_in_time(lease);
        tell(lease, ETCD_LEASE_GRANTED, reply);
}

static void failed(EtcdLease *lease, const EtcdReply *reply)
{
        again(lease, RETRY_NS);
        tell(lease, ETCD_LEASE_FAILING, reply);
}

static void accepted(EtcdLease *lease, const EtcdReply *reply)
{
        lease->accepted_ns = lease->sent_ns;
        lease->valid_until_ns = lease->sent_ns + lease->granted_s * NSEC_PER_SEC;
        renew_in_time(lease);
        tell(lease, ETCD_LEASE_RENEWED, reply);
}

static int change_key(EtcdLease *lease, EtcdHandler handler)
{
        EtcdTxn *txn = etcd_txn_new();

        if (!txn)
                return -ENOMEM;
        if (lease->full)
                etcd_txn_delete(txn, lease->key, false);
        else
                etcd_txn_put(txn, lease->key, "", 0, 0);
        return etcd_txn_commit(lease->etcd, txn, handler, lease, &lease->request);
}

static void on_key(void *userdata, const EtcdReply *reply)
{
        EtcdLease *lease = userdata;

        lease->request = NULL;
        if (reply->outcome == ETCD_OK) {
                accepted(lease, reply);
                return;
        }
        if (reply->outcome == ETCD_NO_SPACE && !lease->full) {
                lease->full = true;
                if (change_key(lease, on_key) == 0)
                        return;
        }
        failed(lease, reply);
}

static void on_renewal(void *userdata, const EtcdReply *reply, const EtcdMessage *message)
{
        EtcdLease *lease = userdata;

        lease->request = NULL;
        if (reply->outcome != ETCD_OK && reply->outcome != ETCD_LEASE_GONE) {
                failed(lease, reply);
                return;
        }
        if (reply->outcome == ETCD_LEASE_GONE || message->ttl_s == 0) {
                lease->id = 0;
                lease->valid_until_ns = 0;
                again(lease, 0);
                tell(lease, ETCD_LEASE_LOST, reply);
                return;
        }
        lease->granted_s = message->ttl_s;
        lease->full = false;
        if (!lease->key)
                accepted(lease, reply);
        else if (change_key(lease, on_key) < 0)
                again(lease, RETRY_NS);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        EtcdLease *lease = userdata;
        char *body;
        int r = -ENOMEM;

        if (lease->request) { /* a member that hangs does not take the host's lease with it */
                lease->request = etcd_cancel(lease->request);
                etcd_endpoint_failed(lease->etcd, etcd_endpoint(lease->etcd));
        }
        lease->sent_ns = clock_boottime_ns();
        body = lease->id ? str_printf("{\"ID\":\"%" PRId64 "\"}", lease->id)
                         : str_printf("{\"TTL\":\"%" PRIu64 "\"}", lease->ttl_s);
        if (body)
                r = etcd_ask(lease->etcd, lease->id ? "/v3/lease/keepalive" : "/v3/lease/grant",
                             body, lease->id ? on_renewal : on_grant, lease, &lease->request);
        if (r < 0)
                again(lease, RETRY_NS);
        else if (lease->id && etcd_endpoints(lease->etcd) > 1)
                again(lease, lease->ttl_s * NSEC_PER_SEC / PATIENCE);
        return 0;
}

int etcd_lease_new(Etcd *etcd, uint64_t ttl_s, const char *key, EtcdLeaseHandler handler,
                   void *userdata, EtcdLease **ret_lease)
{
        EtcdLease *lease = calloc(1, sizeof(*lease));
        int r;

        if (!lease)
                return -ENOMEM;
        lease->etcd = etcd;
        lease->ttl_s = ttl_s;
        lease->handler = handler;
        lease->userdata = userdata;
        r = str_set(&lease->key, key);
        if (r == 0)
                r = sd_event_add_time_relative(etcd_loop(etcd), &lease->timer, CLOCK_BOOTTIME, 0, 0,
                                               on_timer, lease);
        if (r < 0) {
                etcd_lease_free(lease);
                return r;
        }
        *ret_lease = lease;
        return 0;
}

EtcdLease *etcd_lease_free(EtcdLease *lease)
{
        if (!lease)
                return NULL;
        etcd_cancel(lease->request);
        sd_event_source_disable_unref(lease->timer);
        free(lease->key);
        free(lease);
        return NULL;
}

int64_t etcd_lease_id(const EtcdLease *lease)
{
        return lease->id;
}

static void on_revoked(void *userdata, const EtcdReply *reply, const EtcdMessage *message)
{
}

void etcd_lease_revoke(EtcdLease *lease)
{
        char *body;

        if (lease->id == 0)
                return;
        body = str_printf("{\"ID\":\"%" PRId64 "\"}", lease->id);
        if (body && etcd_ask(lease->etcd, "/v3/lease/revoke", body, on_revoked, NULL, NULL) < 0)
                return; /* it expires by itself */
        lease->id = 0;
        lease->valid_until_ns = 0;
        lease->request = etcd_cancel(lease->request);
        sd_event_source_set_enabled(lease->timer, SD_EVENT_OFF);
}
