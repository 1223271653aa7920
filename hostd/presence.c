/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Election: who creates /troupe/1/leader leads, until the key is gone. Its create revision is the
 * guard of everything a leader writes.
 *
 *      +--------- lease lost, key gone, other leads ---------+
 *      v                                                     |
 *   WAITING --no key, alive--> STANDING --created--> LEADING-+
 *    ^   |                        |                     |
 *    |   |<----- other leads -----+              asked to renew
 *    |   |                                              v
 *    |   +--- the key is left from this host's past, --> SWEEPING
 *    |        or its leader has fallen silent              |
 *    +------------------- it is deleted -------------------+
 */

#include "hostd/presence.h"

#include "lib/api/records-json.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/sm.h"
#include "lib/base/str.h"

#define RETRY_NS  (300 * NSEC_PER_MSEC)
#define SECOND_NS NSEC_PER_SEC

enum {
        WAITING,
        STANDING,
        LEADING,
        SWEEPING,
};

static const SmState states[] = {
        [WAITING] = {"waiting", SM_TO(STANDING) | SM_TO(SWEEPING)},
        [STANDING] = {"standing", SM_TO(WAITING) | SM_TO(LEADING)},
        [LEADING] = {"leading", SM_TO(WAITING) | SM_TO(SWEEPING)},
        [SWEEPING] = {"sweeping", SM_TO(WAITING)},
};

struct Presence {
        Etcd *etcd;
        char *host;
        Record alive;
        char alive_key[RECORD_KEY_MAX + 1];
        char *renewal_key;
        PresenceHandlers handlers;
        EtcdLease *lease;
        EtcdRequest *alive_put;
        EtcdRequest *report_put; /* writes it once more, with something else in it */
        EtcdRequest *candidacy;  /* creates or deletes the election key */
        sd_event_source *retry;
        Sm sm;
        bool alive_written;
        bool report_due;   /* what is written, or on its way, does not say it yet */
        bool taken;        /* the watch says that somebody leads */
        int64_t revision;  /* of our election key */
        uint64_t sent_ns;  /* the lease's last renewal, or its grant */
        uint64_t stand_ns; /* not a candidate before */
        bool second;       /* others are better placed to lead, and stand first */
        bool retired;      /* it was removed from the cluster: it does not lead again */
        int64_t sweep;     /* create revision of the key to delete */
};

static void later(Presence *presence, uint64_t delay_ns)
{
        sd_event_source_set_time_relative(presence->retry, delay_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(presence->retry, SD_EVENT_ONESHOT);
}

static void retry_later(Presence *presence)
{
        later(presence, RETRY_NS);
}

/* Back to waiting, from wherever; the controller is told if it was leading. */
static void step_down(Presence *presence)
{
        bool led = presence->sm.state == LEADING;

        presence->candidacy = etcd_cancel(presence->candidacy);
        presence->revision = 0;
        if (presence->sm.state != WAITING)
                sm_move(&presence->sm, WAITING);
        if (led)
                presence->handlers.deposed(presence->handlers.userdata);
}

static void on_candidacy(void *userdata, const EtcdReply *reply)
{
        Presence *presence = userdata;

        presence->candidacy = NULL;
        if (reply->outcome == ETCD_OK) {
                presence->revision = reply->revision;
                sm_move(&presence->sm, LEADING);
                presence->handlers.elected(presence->handlers.userdata, reply->revision);
                return;
        }
        step_down(presence);
        /* perhaps it was created after all: the watch says so, and it is swept away */
        if (reply->outcome != ETCD_GUARD_FAILED)
                log_warning("cannot stand for election: %s", reply->message);
        retry_later(presence);
}

static void stand(Presence *presence)
{
        uint64_t now_ns = clock_boottime_ns();
        EtcdTxn *txn;

        if (presence->sm.state != WAITING || presence->taken || !presence->alive_written ||
            presence->retired)
                return;
        if (now_ns < presence->stand_ns) {
                later(presence, presence->stand_ns - now_ns);
                return;
        }
        txn = etcd_txn_new();
        if (!txn) {
                retry_later(presence);
                return;
        }
        etcd_txn_if_created(txn, RECORD_LEADER_PREFIX, 0);
        etcd_txn_put(txn, RECORD_LEADER_PREFIX, presence->host, strlen(presence->host),
                     etcd_lease_id(presence->lease));
        sm_move(&presence->sm, STANDING);
        if (etcd_txn_commit(presence->etcd, txn, on_candidacy, presence, &presence->candidacy) <
            0) {
                sm_move(&presence->sm, WAITING);
                retry_later(presence);
        }
}

static void on_swept(void *userdata, const EtcdReply *reply)
{
        Presence *presence = userdata;

        presence->candidacy = NULL;
        if (reply->outcome == ETCD_OK || reply->outcome == ETCD_GUARD_FAILED) {
                sm_move(&presence->sm, WAITING);
                presence->taken = reply->outcome == ETCD_GUARD_FAILED && presence->taken;
                stand(presence);
                return;
        }
        retry_later(presence);
}

/* Deletes the election key that was created at sweep, until that is certain. */
static void sweep(Presence *presence)
{
        EtcdTxn *txn = etcd_txn_new();

        if (!txn) {
                retry_later(presence);
                return;
        }
        etcd_txn_if_created(txn, RECORD_LEADER_PREFIX, presence->sweep);
        etcd_txn_delete(txn, RECORD_LEADER_PREFIX, false);
        if (etcd_txn_commit(presence->etcd, txn, on_swept, presence, &presence->candidacy) < 0)
                retry_later(presence);
}

/* Only what the alive key is under counts: a lease without it keeps nobody from taking this host
 * for lost. */
static void tell_held(Presence *presence)
{
        if (presence->alive_written && presence->handlers.held)
                presence->handlers.held(presence->handlers.userdata, presence->sent_ns);
}

static void tell_lost(Presence *presence, const char *why)
{
        if (presence->handlers.lost)
                presence->handlers.lost(presence->handlers.userdata, why);
}

static void put_report(Presence *presence);

static void on_report_put(void *userdata, const EtcdReply *reply)
{
        Presence *presence = userdata;

        presence->report_put = NULL;
        if (reply->outcome != ETCD_OK) {
                presence->report_due = true;
                retry_later(presence);
        } else if (presence->report_due) {
                put_report(presence);
        }
}

/* One at a time, so that the last is what stays. Under a lease that is gone it is refused: it never
 * makes the key anew, for what is read after that is what this host may run. */
static void put_report(Presence *presence)
{
        _cleanup_free_ char *json = NULL;
        EtcdTxn *txn = etcd_txn_new();

        if (!txn || record_encode(&presence->alive, &json) < 0) {
                etcd_txn_free(txn);
                retry_later(presence);
                return;
        }
        etcd_txn_put(txn, presence->alive_key, json, strlen(json), etcd_lease_id(presence->lease));
        if (etcd_txn_commit(presence->etcd, txn, on_report_put, presence, &presence->report_put) <
            0)
                retry_later(presence);
        else
                presence->report_due = false;
}

static void on_alive_put(void *userdata, const EtcdReply *reply)
{
        Presence *presence = userdata;

        presence->alive_put = NULL;
        if (reply->outcome != ETCD_OK) {
                log_warning("cannot say that this host is alive: %s", reply->message);
                retry_later(presence);
                return;
        }
        presence->alive_written = true;
        tell_held(presence);
        presence->handlers.alive(presence->handlers.userdata, reply->revision);
        if (presence->report_due && !presence->report_put)
                put_report(presence);
        stand(presence);
}

static void put_alive(Presence *presence)
{
        _cleanup_free_ char *json = NULL;
        EtcdTxn *txn;

        if (presence->alive_put || etcd_lease_id(presence->lease) == 0)
                return;
        txn = etcd_txn_new();
        if (!txn || record_encode(&presence->alive, &json) < 0) {
                etcd_txn_free(txn);
                retry_later(presence);
                return;
        }
        etcd_txn_put(txn, presence->alive_key, json, strlen(json), etcd_lease_id(presence->lease));
        /* a loss that was counted from an earlier renewal is none any more */
        etcd_txn_put(txn, presence->renewal_key, "", 0, 0);
        if (etcd_txn_commit(presence->etcd, txn, on_alive_put, presence, &presence->alive_put) < 0)
                retry_later(presence);
        else
                presence->report_due = false;
}

static void on_lease(void *userdata, const EtcdLeaseEvent *event)
{
        Presence *presence = userdata;

        switch (event->state) {
        case ETCD_LEASE_GRANTED:
                presence->sent_ns = event->sent_ns;
                put_alive(presence);
                break;
        case ETCD_LEASE_RENEWED:
                presence->sent_ns = event->sent_ns;
                tell_held(presence);
                break;
        case ETCD_LEASE_LOST:
                log_warning("this host's lease has expired");
                presence->alive_written = false;
                presence->alive_put = etcd_cancel(presence->alive_put);
                presence->report_put = etcd_cancel(presence->report_put);
                tell_lost(presence, "its lease has expired");
                step_down(presence);
                break;
        case ETCD_LEASE_FAILING:
                log_warning("cannot renew this host's lease: %s", event->message);
                break;
        }
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Presence *presence = userdata;

        if (!presence->alive_written)
                put_alive(presence);
        else if (presence->report_due && !presence->report_put)
                put_report(presence);
        if (presence->sm.state == SWEEPING && !presence->candidacy)
                sweep(presence);
        stand(presence);
        return 0;
}

int presence_new(Etcd *etcd, const char *host, const AliveRecord *alive, uint64_t ttl_s,
                 const PresenceHandlers *handlers, Presence **ret_presence)
{
        Presence *presence = calloc(1, sizeof(*presence));
        RecordKey key;
        int r;

        if (!presence)
                return -ENOMEM;
        presence->etcd = etcd;
        presence->alive = (Record) {.type = RECORD_ALIVE, .alive = *alive};
        presence->handlers = *handlers;
        presence->taken = true; /* until the watch says that nobody leads */
        key = record_key_of(&presence->alive);
        record_key_format(&key, presence->alive_key);
        sm_init(&presence->sm, states, ARRAY_SIZE(states), WAITING);
        r = str_set(&presence->host, host);
        presence->renewal_key = str_printf(RECORD_RENEWAL_PREFIX "%s", host);
        if (!presence->renewal_key)
                r = -ENOMEM;
        if (r == 0)
                r = etcd_lease_new(etcd, ttl_s, presence->renewal_key, on_lease, presence,
                                   &presence->lease);
        if (r == 0)
                r = sd_event_add_time(etcd_loop(etcd), &presence->retry, CLOCK_BOOTTIME, 0, 0,
                                      on_retry, presence);
        if (r == 0)
                r = sd_event_source_set_enabled(presence->retry, SD_EVENT_OFF);
        if (r < 0) {
                presence_free(presence);
                return r;
        }
        *ret_presence = presence;
        return 0;
}

Presence *presence_free(Presence *presence)
{
        if (!presence)
                return NULL;
        etcd_cancel(presence->alive_put);
        etcd_cancel(presence->report_put);
        etcd_cancel(presence->candidacy);
        etcd_lease_free(presence->lease);
        sd_event_source_disable_unref(presence->retry);
        free(presence->renewal_key);
        free(presence->host);
        free(presence);
        return NULL;
}

void presence_leader_changed(Presence *presence, const StoreLeader *leader)
{
        if (leader->revision <= presence->revision)
                return; /* news from before our own election */
        presence->taken = leader->host != NULL;
        if (presence->sm.state == LEADING)
                step_down(presence);
        if (!leader->host) {
                presence->stand_ns = presence->second ? clock_boottime_ns() + SECOND_NS : 0;
                stand(presence);
                return;
        }
        /* Written by this host, but not what it leads by: by an earlier hostd, or by a candidacy of
         * unknown outcome. Nobody else will take it away before its lease ends. */
        if (presence->sm.state == WAITING && str_equal(leader->host, presence->host)) {
                presence->sweep = leader->create_revision;
                sm_move(&presence->sm, SWEEPING);
                sweep(presence);
        }
}

void presence_leader_silent(Presence *presence, const StoreLeader *leader)
{
        if (presence->sm.state != WAITING || !presence->taken || !presence->alive_written ||
            leader->create_revision == 0)
                return;
        log_notice("%s has not renewed its lease and leads no more", leader->host);
        presence->stand_ns = 0;
        presence->sweep = leader->create_revision;
        sm_move(&presence->sm, SWEEPING);
        sweep(presence);
}

void presence_set_second(Presence *presence, bool second)
{
        presence->second = second;
}

void presence_alive_changed(Presence *presence, bool there)
{
        if (there || !presence->alive_written)
                return;
        presence->alive_written = false;
        tell_lost(presence, "its alive key is gone");
        put_alive(presence);
}

void presence_report(Presence *presence, const HostUpdateReport *report)
{
        presence->alive.alive.update = *report;
        presence->report_due = true;
        if (presence->alive_written && !presence->report_put)
                put_report(presence);
}

void presence_again(Presence *presence)
{
        presence->alive_written = false;
        put_alive(presence);
}

void presence_renew(Presence *presence)
{
        if (presence->sm.state != LEADING)
                return;
        sm_move(&presence->sm, SWEEPING);
        presence->sweep = presence->revision;
        presence->revision = 0;
        sweep(presence);
        presence->handlers.deposed(presence->handlers.userdata);
}

void presence_retire(Presence *presence)
{
        presence->retired = true;
        presence_renew(presence);
}

int64_t presence_leading(const Presence *presence)
{
        return presence->sm.state == LEADING ? presence->revision : 0;
}
