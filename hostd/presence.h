/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* This host's part in the cluster: its lease, its alive key and its candidacy for leader, both
 * under that lease. One lease for both: who is not alive does not lead. Beside them the renewal
 * key, by which others see how old the last renewal is. */

#include <stdbool.h>

#include "hostd/store.h"
#include "lib/api/records.h"
#include "lib/io/etcd.h"

typedef struct Presence Presence;

typedef struct PresenceHandlers {
        void *userdata;
        /* this host was elected: its writes are guarded by @create_revision */
        void (*elected)(void *userdata, int64_t create_revision);
        /* this host does not lead any more; called only after elected() */
        void (*deposed)(void *userdata);
        /* the alive key was written at @revision: what is read from then on counts */
        void (*alive)(void *userdata, int64_t revision);
        /* the lease that the alive key is under was granted or renewed, by what was sent at
         * @sent_ns, CLOCK_BOOTTIME; may be NULL */
        void (*held)(void *userdata, uint64_t sent_ns);
        /* the lease has expired, or the alive key is gone; may be NULL */
        void (*lost)(void *userdata, const char *why);
} PresenceHandlers;

/**
 * presence_new() - Ask for a lease and go on from there
 * @etcd:         client, borrowed
 * @host:         name of this host, copied
 * @alive:        record to write, copied
 * @ttl_s:        of the lease
 * @handlers:     copied
 * @ret_presence: owned
 *
 * Return: 0; -ENOMEM.
 */
int presence_new(Etcd *etcd, const char *host, const AliveRecord *alive, uint64_t ttl_s,
                 const PresenceHandlers *handlers, Presence **ret_presence);

/** presence_free() - Stop renewing; the lease runs out by itself */
Presence *presence_free(Presence *presence);
DEFINE_CLEANUP(Presence *, presence_free)

/**
 * presence_leader_changed() - What the watch says about the election key
 * @presence: presence
 * @leader:   borrowed; host NULL when the key is gone: time to stand for election
 *
 * To be called once at the first sync, also when there is no key, and then with each change.
 */
void presence_leader_changed(Presence *presence, const StoreLeader *leader);

/**
 * presence_leader_silent() - Nothing has been heard of the leading host for a whole lease
 * @presence: presence
 * @leader:   its election key, borrowed; deleted, unless that has changed, and then this host
 * stands
 *
 * Sound at any time, as a leader's writes are guarded by the very key: what matters is only that a
 * leader that works is left alone.
 */
void presence_leader_silent(Presence *presence, const StoreLeader *leader);

/** presence_set_second() - Whether to let others stand first when nobody leads */
void presence_set_second(Presence *presence, bool second);

/**
 * presence_alive_changed() - What the watch says about this host's own alive key
 * @presence: presence
 * @there:    whether it is there; when it is not, it is written again
 */
void presence_alive_changed(Presence *presence, bool there);

/**
 * presence_report() - Have the alive record say this of an update from now on
 * @presence: presence
 * @report:   copied
 *
 * The lease is the same, and nothing is read anew: alive() is not called for it.
 */
void presence_report(Presence *presence, const HostUpdateReport *report);

/**
 * presence_again() - Say anew that this host is alive: alive() is called again
 *
 * For a host that was fenced: what it reads after that is what it may run.
 */
void presence_again(Presence *presence);

/**
 * presence_renew() - Give the leadership up and stand again
 *
 * For a leader that does not know whether its last write happened: with the old election key gone,
 * it can no longer happen, so what is read after the next election is all there is. deposed() is
 * called at once.
 */
void presence_renew(Presence *presence);

/** presence_retire() - Give the leadership up, and do not stand again */
void presence_retire(Presence *presence);

/** presence_leading() - Create revision of this host's election key, 0 when it does not lead */
int64_t presence_leading(const Presence *presence);
