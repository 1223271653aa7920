/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thing at a time: list, then a step or what is to be written, then list again. Nothing is kept
 * between two rounds but since when hosts are lost, so a new leader simply begins. */

#include "hostd/quorum.h"

#include <stdio.h>

#include "fabric/voters.h"
#include "hostd/etcd-unit.h"
#include "hostd/outbox.h"
#include "lib/api/records-json.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/etcd-members.h"

#define LOOK_NS     (5 * NSEC_PER_SEC)
#define SOON_NS     (300 * NSEC_PER_MSEC)
#define PATIENCE_NS (30 * NSEC_PER_SEC)
#define REVOKE_MAX  16 /* in a round */

struct Quorum {
        Etcd *etcd;
        const Store *store;
        int64_t election;
        sd_event_source *timer;
        EtcdRequest *request;
        Map lost;            /* host -> when it was first seen lost, as a number */
        Map leaving;         /* host that was removed alive -> since when, likewise */
        EtcdMember *members; /* of this round; texts are owned */
        size_t n_members;
};

static void look_after(Quorum *quorum, uint64_t delay_ns)
{
        sd_event_source_set_time_relative(quorum->timer, delay_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(quorum->timer, SD_EVENT_ONESHOT);
}

static void forget_members(Quorum *quorum)
{
        for (size_t i = 0; i < quorum->n_members; i++) {
                free((char *) quorum->members[i].name);
                free((char *) quorum->members[i].peer_url);
        }
        free(TAKE_PTR(quorum->members));
        quorum->n_members = 0;
}

static int take_members(Quorum *quorum, const EtcdReply *reply)
{
        forget_members(quorum);
        for (size_t i = 0; i < reply->n_members; i++) {
                EtcdMember copy = reply->members[i];
                char *name = strdup(copy.name), *url = strdup(copy.peer_url);

                copy.name = name;
                copy.peer_url = url;
                if (!name || !url || ARRAY_APPEND(quorum->members, quorum->n_members, copy) < 0) {
                        free(name);
                        free(url);
                        return -ENOMEM;
                }
        }
        return 0;
}

/* ---- what the rules look at */

/* A host as the rules see it, and what etcd knows of it. */
typedef struct Candidate {
        const HostRecord *record; /* NULL: a member that is no host's */
        const EtcdMember *member; /* NULL: carries none */
} Candidate;

typedef struct Candidates {
        Candidate *list;
        VoterHost *hosts; /* of the same index */
        size_t n, n_hosts;
} Candidates;

static void candidates_deinit(Candidates *candidates)
{
        free(candidates->list);
        free(candidates->hosts);
}

static uint64_t lost_since(Quorum *quorum, const char *host, bool alive)
{
        uintptr_t since_ms = (uintptr_t) map_get(&quorum->lost, host);

        if (alive) {
                map_remove(&quorum->lost, host);
                return 0;
        }
        if (since_ms == 0) {
                since_ms = (uintptr_t) (clock_boottime_ns() / NSEC_PER_MSEC);
                if (map_put(&quorum->lost, host, (void *) since_ms) < 0)
                        log_warning("memory is short");
        }
        return (uint64_t) since_ms * NSEC_PER_MSEC;
}

static VoterRole role_of(const EtcdMember *member)
{
        if (!member)
                return VOTER_NONE;
        if (!member->learner)
                return VOTER_VOTES;
        return str_empty(member->name) ? VOTER_ADDED : VOTER_CAUGHT_UP;
}

/* A host that was removed carries its member until etcd is rid of it, and lives until then. */
static int add_candidate(Quorum *quorum, Candidates *candidates, const HostRecord *record,
                         const EtcdMember *member)
{
        const char *name = record ? record->name : member->name;
        bool alive = store_named(quorum->store, RECORD_ALIVE, name) != NULL;
        VoterHost host = {
                .name = name,
                .fault_domain = record ? record->fault_domain : "",
                .role = role_of(member),
                .alive = alive,
                .wanted = record && record->address.family != 0,
                .draining = record && record->draining,
                .lost_ns = record ? lost_since(quorum, record->name, alive) : 0,
        };
        int r;

        r = ARRAY_APPEND(candidates->list, candidates->n, (Candidate) {record, member});
        return r < 0 ? r : ARRAY_APPEND(candidates->hosts, candidates->n_hosts, host);
}

static const EtcdMember *member_of(const Quorum *quorum, const HostRecord *record)
{
        EtcdUrl url;

        etcd_unit_peer_url(&record->address, url);
        for (size_t i = 0; i < quorum->n_members; i++)
                if (str_equal(quorum->members[i].peer_url, url))
                        return &quorum->members[i];
        return NULL;
}

static int gather(Quorum *quorum, Candidates *candidates)
{
        int r = 0;

        MAP_FOREACH (entry, store_records(quorum->store, RECORD_HOST)) {
                const HostRecord *record = &((const Record *) entry->value)->host;

                if (r == 0 && candidates->n < VOTERS_HOSTS_MAX)
                        r = add_candidate(quorum, candidates, record, member_of(quorum, record));
        }
        for (size_t i = 0; i < quorum->n_members && r == 0; i++) {
                bool known = false;

                for (size_t k = 0; k < candidates->n; k++)
                        known |= candidates->list[k].member == &quorum->members[i];
                if (!known)
                        r = add_candidate(quorum, candidates, NULL, &quorum->members[i]);
        }
        return r;
}

/* ---- writing */

static void on_written(void *userdata, const EtcdReply *reply)
{
        Quorum *quorum = userdata;

        quorum->request = NULL;
        if (reply->outcome != ETCD_OK && reply->outcome != ETCD_GUARD_FAILED)
                log_warning("cannot write who carries etcd: %s", reply->message);
        look_after(quorum, reply->outcome == ETCD_OK ? SOON_NS : LOOK_NS);
}

/* By host name, so that the same members are the same text. */
static int compare_members(const void *a, const void *b)
{
        return strcmp(((const ClusterMember *) a)->host, ((const ClusterMember *) b)->host);
}

/* A member as it was written down before; NULL when it never was. */
static const ClusterMember *written(const Quorum *quorum, uint64_t id)
{
        const Record *record = store_named(quorum->store, RECORD_MEMBERS, "");

        for (size_t i = 0; record && i < record->members.n_members; i++)
                if (record->members.members[i].id == id)
                        return &record->members.members[i];
        return NULL;
}

/* That of a host that was removed is one until etcd is rid of it: the host keeps it running so
 * long, and who joins has to know it. */
static bool fill_member(const Quorum *quorum, const Candidate *candidate, ClusterMember *member)
{
        const ClusterMember *before;

        if (!candidate->member)
                return false;
        before = written(quorum, candidate->member->id);
        if (!candidate->record && !before)
                return false;
        if (candidate->record) {
                member->id = candidate->member->id;
                member->address = candidate->record->address;
                memcpy(member->host, candidate->record->name, sizeof(member->host));
        } else {
                *member = *before;
        }
        member->learner = candidate->member->learner;
        return true;
}

static void make_members(const Quorum *quorum, const Candidates *candidates, Record *record)
{
        MembersRecord *members = &record->members;

        record_init(record, RECORD_MEMBERS);
        for (size_t i = 0; i < candidates->n && members->n_members < RECORD_MEMBERS_MAX; i++)
                members->n_members += fill_member(quorum, &candidates->list[i],
                                                  &members->members[members->n_members]);
        qsort(members->members, members->n_members, sizeof(members->members[0]), compare_members);
}

static bool is_news(const Quorum *quorum, const Record *record)
{
        const Record *before = store_named(quorum->store, RECORD_MEMBERS, "");
        _cleanup_free_ char *a = NULL, *b = NULL;

        return !before || record_encode(before, &a) < 0 || record_encode(record, &b) < 0 ||
               !str_equal(a, b);
}

static bool carries(const Quorum *quorum, const char *host)
{
        for (size_t i = 0; i < quorum->n_members; i++)
                if (str_equal(quorum->members[i].name, host))
                        return true;
        return false;
}

/* A host that was removed alive hears of it and goes by itself: with its certificate revoked before
 * that it would hear nothing any more. It is not waited for without an end. */
static bool has_gone(Quorum *quorum, const char *host)
{
        uintptr_t since_ms = (uintptr_t) map_get(&quorum->leaving, host);
        uint64_t now_ms = clock_boottime_ns() / NSEC_PER_MSEC;

        if (!store_named(quorum->store, RECORD_ALIVE, host)) {
                map_remove(&quorum->leaving, host);
                return true;
        }
        if (since_ms == 0 && map_put(&quorum->leaving, host, (void *) (uintptr_t) now_ms) < 0)
                log_warning("memory is short");
        return since_ms > 0 && now_ms - since_ms > PATIENCE_NS / NSEC_PER_MSEC;
}

/* Certificates of hosts that are none any more, and carry no member any more. One that is just
 * being issued has its host's record written in the same transaction. */
static int add_revocations(Quorum *quorum, EtcdTxn *txn)
{
        uint64_t now_us = clock_realtime_us();
        size_t n = 0;
        int r = 0;

        MAP_FOREACH (entry, store_records(quorum->store, RECORD_ISSUED)) {
                Record record = {.type = RECORD_ISSUED};
                const IssuedRecord *issued = &((const Record *) entry->value)->issued;

                if (r < 0 || n == REVOKE_MAX || issued->revoked || issued->expires_us < now_us ||
                    store_named(quorum->store, RECORD_HOST, issued->host) ||
                    carries(quorum, issued->host) || !has_gone(quorum, issued->host))
                        continue;
                record.issued = *issued;
                record.issued.revoked = true;
                r = outbox_txn_put(txn, &record);
                n++;
                log_notice("the certificate of host \"%s\" is revoked", issued->host);
        }
        return r;
}

/* True when there was something to write, and it is under way. */
static bool write_down(Quorum *quorum, const Candidates *candidates)
{
        _cleanup_(etcd_txn_freep) EtcdTxn *txn = etcd_txn_new();
        Record members;

        make_members(quorum, candidates, &members);
        if (!txn)
                return false;
        etcd_txn_if_created(txn, RECORD_LEADER_PREFIX, quorum->election);
        if (members.members.n_members > 0 && is_news(quorum, &members) &&
            outbox_txn_put(txn, &members) < 0)
                return false;
        if (add_revocations(quorum, txn) < 0 || etcd_txn_size(txn) == 0)
                return false;
        return etcd_txn_commit(quorum->etcd, TAKE_PTR(txn), on_written, quorum, &quorum->request) ==
               0;
}

/* ---- a round */

static void on_step(void *userdata, const EtcdReply *reply)
{
        Quorum *quorum = userdata;

        quorum->request = NULL;
        if (reply->outcome != ETCD_OK && reply->outcome != ETCD_NOT_IN_SYNC &&
            reply->outcome != ETCD_MEMBER_UNKNOWN)
                log_warning("etcd's members cannot be changed: %s", reply->message);
        look_after(quorum, SOON_NS);
}

static bool take_step(Quorum *quorum, const Candidates *candidates)
{
        static const EtcdMembersVerb verbs[] = {
                [VOTER_ADD] = ETCD_MEMBERS_ADD,
                [VOTER_PROMOTE] = ETCD_MEMBERS_PROMOTE,
                [VOTER_REMOVE] = ETCD_MEMBERS_REMOVE,
        };
        const VoterSettings settings = {.patience_ns = PATIENCE_NS};
        const Candidate *candidate;
        VoterStep step;
        EtcdUrl url = "";
        size_t index;

        step = voters_step(candidates->hosts, candidates->n_hosts, &settings, clock_boottime_ns(),
                           &index);
        if (step == VOTER_REST)
                return false;
        candidate = &candidates->list[index];
        log_notice("etcd's members: %s %s", voter_step_to_string(step),
                   candidate->record ? candidate->record->name : candidate->member->peer_url);
        if (candidate->record)
                etcd_unit_peer_url(&candidate->record->address, url);
        return etcd_members(quorum->etcd, verbs[step],
                            candidate->member ? candidate->member->id : 0, url, on_step, quorum,
                            &quorum->request) == 0;
}

static void on_list(void *userdata, const EtcdReply *reply)
{
        _cleanup_(candidates_deinit) Candidates candidates = {};
        Quorum *quorum = userdata;

        quorum->request = NULL;
        look_after(quorum, LOOK_NS);
        if (reply->outcome != ETCD_OK || take_members(quorum, reply) < 0 ||
            gather(quorum, &candidates) < 0)
                return;
        if (voters_in_haste(candidates.hosts, candidates.n_hosts))
                look_after(quorum, SOON_NS);
        if (write_down(quorum, &candidates))
                return;
        take_step(quorum, &candidates);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Quorum *quorum = userdata;

        if (quorum->election == 0 || quorum->request)
                return 0;
        if (etcd_members(quorum->etcd, ETCD_MEMBERS_LIST, 0, NULL, on_list, quorum,
                         &quorum->request) < 0)
                look_after(quorum, LOOK_NS);
        return 0;
}

void quorum_leading(Quorum *quorum, int64_t create_revision)
{
        quorum->election = create_revision;
        quorum->request = etcd_cancel(quorum->request);
        map_deinit(&quorum->lost);
        map_deinit(&quorum->leaving);
        if (create_revision != 0)
                look_after(quorum, SOON_NS);
}

void quorum_changed(Quorum *quorum)
{
        if (quorum->election != 0 && !quorum->request)
                look_after(quorum, SOON_NS);
}

int quorum_new(Etcd *etcd, const Store *store, Quorum **ret_quorum)
{
        _cleanup_(quorum_freep) Quorum *quorum = calloc(1, sizeof(*quorum));
        int r;

        if (!quorum)
                return -ENOMEM;
        quorum->etcd = etcd;
        quorum->store = store;
        r = sd_event_add_time(etcd_loop(etcd), &quorum->timer, CLOCK_BOOTTIME, 0, 0, on_timer,
                              quorum);
        if (r == 0)
                r = sd_event_source_set_enabled(quorum->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_quorum = TAKE_PTR(quorum);
        return 0;
}

Quorum *quorum_free(Quorum *quorum)
{
        if (!quorum)
                return NULL;
        etcd_cancel(quorum->request);
        sd_event_source_disable_unref(quorum->timer);
        forget_members(quorum);
        map_deinit(&quorum->lost);
        map_deinit(&quorum->leaving);
        free(quorum);
        return NULL;
}
