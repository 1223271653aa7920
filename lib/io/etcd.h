/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* An asynchronous etcd client on the JSON gateway: reads, guarded transactions, a watch that keeps
 * a prefix mirrored whatever happens, and a lease that is kept alive.
 *
 * Handlers are called from the loop, never from within the call that started the request. Whatever
 * goes wrong arrives as one of the outcomes below, so that callers decide by names.
 *
 * Source: etcd v3.5 rpc.proto and its gRPC gateway; error texts from api/v3rpc/rpctypes/error.go */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "lib/base/macros.h"

#define ETCD_ENDPOINTS_MAX 16
#define ETCD_KEY_MAX       512
#define ETCD_TXN_MAX       128 /* operations in a transaction that etcd takes by default */

typedef enum EtcdOutcome {
        ETCD_OK,
        ETCD_GUARD_FAILED, /* a transaction's comparison did not hold: nothing was written */
        ETCD_NO_SPACE,    /* the store is at its quota: nothing was written, deleting still works */
        ETCD_COMPACTED,   /* the revision asked for has been forgotten */
        ETCD_LEASE_GONE,  /* the lease has expired or was never there: nothing was written */
        ETCD_TOO_LARGE,   /* the request is larger than etcd takes: nothing was written */
        ETCD_UNREACHABLE, /* no member could be connected to: nothing was written */
        ETCD_NO_QUORUM,   /* a member answered that there is no leader or no agreement in time: a
                             write may or may not happen */
        ETCD_TIMEOUT,     /* no answer in time: a write may or may not have happened */
        ETCD_MEMBER_UNKNOWN, /* of a change of members: there is none with this number */
        ETCD_NOT_IN_SYNC,    /* of a change of members: not while a member is new or away */
        ETCD_REFUSED,        /* anything else, the message says what */
        ETCD_OUTCOMES,
} EtcdOutcome;

typedef struct Etcd Etcd;
typedef struct EtcdRequest EtcdRequest;
typedef struct EtcdTxn EtcdTxn;
typedef struct EtcdWatch EtcdWatch;
typedef struct EtcdLease EtcdLease;

typedef struct EtcdConfig {
        const char *const *endpoints; /* URLs: http://127.0.0.1:2379 */
        size_t n_endpoints;           /* 1 to ETCD_ENDPOINTS_MAX */
        const char *ca_path;          /* PEM files for https, or NULL */
        const char *certificate_path;
        const char *key_path;
        uint64_t timeout_ns; /* for one answer; 0: 4 s */
} EtcdConfig;

typedef struct EtcdKv {
        const char *key;
        const char *value; /* NUL behind it */
        size_t length;
        int64_t create_revision;
        int64_t mod_revision;
        int64_t lease;
} EtcdKv;

/* One of those that make up etcd (etcd-members.h). */
typedef struct EtcdMember {
        uint64_t id;
        const char *name; /* "" until it has started once and caught up */
        const char *peer_url;
        bool learner;
} EtcdMember;

typedef struct EtcdReply {
        EtcdOutcome outcome;
        const char *message; /* etcd's or libcurl's, "" when ETCD_OK */
        int64_t revision;    /* of the store */
        const EtcdKv *kvs;   /* of a range */
        size_t n_kvs;
        bool more;                 /* the range has more behind the last of kvs */
        const EtcdMember *members; /* of etcd_members() */
        size_t n_members;
} EtcdReply;

/** EtcdHandler - A request has ended; @reply is valid during the call */
typedef void (*EtcdHandler)(void *userdata, const EtcdReply *reply);

typedef enum EtcdEventType {
        ETCD_EVENT_RESET, /* forget everything: what there is now follows */
        ETCD_EVENT_PUT,
        ETCD_EVENT_DELETE,
        ETCD_EVENT_SYNC, /* all up to revision has been given, whole transactions only */
        ETCD_EVENT_LOST, /* the stream broke; it is resumed by itself, and then comes a SYNC */
} EtcdEventType;

typedef struct EtcdEvent {
        EtcdEventType type;
        EtcdKv kv;           /* PUT; of DELETE only key and mod_revision */
        int64_t revision;    /* SYNC */
        EtcdOutcome outcome; /* LOST */
        const char *message; /* LOST */
} EtcdEvent;

/** EtcdWatchHandler - Called for each event; may free the watch */
typedef void (*EtcdWatchHandler)(void *userdata, const EtcdEvent *event);

typedef enum EtcdLeaseState {
        ETCD_LEASE_GRANTED, /* there is a new lease: put what is to be under it */
        ETCD_LEASE_RENEWED,
        ETCD_LEASE_LOST,    /* etcd says that it has expired; a new one is asked for by itself */
        ETCD_LEASE_FAILING, /* a renewal failed; it is tried again */
} EtcdLeaseState;

typedef struct EtcdLeaseEvent {
        EtcdLeaseState state;
        int64_t lease;
        uint64_t sent_ns;        /* CLOCK_BOOTTIME: when what was last accepted was sent */
        uint64_t valid_until_ns; /* counted from then */
        EtcdOutcome outcome;
        const char *message;
} EtcdLeaseEvent;

/** EtcdLeaseHandler - The lease's state changed or it was renewed; may free the lease */
typedef void (*EtcdLeaseHandler)(void *userdata, const EtcdLeaseEvent *event);

/**
 * etcd_new() - Make a client; nothing is sent yet
 * @event:    loop
 * @config:   copied
 * @ret_etcd: owned
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int etcd_new(sd_event *event, const EtcdConfig *config, Etcd **ret_etcd);

/** etcd_free() - Cancel everything and free the client. Watches and leases are freed before it */
Etcd *etcd_free(Etcd *etcd);
DEFINE_CLEANUP(Etcd *, etcd_free)

/**
 * etcd_set_endpoints() - Use other members from now on
 * @etcd:        client
 * @endpoints:   URLs, copied
 * @n_endpoints: 1 to ETCD_ENDPOINTS_MAX
 *
 * The present member stays so when it is among them; watches on a member that is not are moved.
 *
 * Return: 0; -EINVAL, -ENOMEM and then nothing has changed.
 */
int etcd_set_endpoints(Etcd *etcd, const char *const *endpoints, size_t n_endpoints);

/** etcd_loop() - The client's loop, borrowed */
sd_event *etcd_loop(const Etcd *etcd);

/** etcd_outcome_to_string() - A name for logs and tests */
const char *etcd_outcome_to_string(EtcdOutcome outcome);

/**
 * etcd_range() - Read the keys with a prefix, or one key
 * @etcd:        client
 * @key:         prefix or key
 * @prefix:      whether @key is a prefix
 * @handler:     gets the keys in order
 * @userdata:    for @handler
 * @ret_request: for etcd_cancel(), valid until @handler is called; may be NULL
 *
 * The answer is linearisable. Outcomes: OK, NO_QUORUM, UNREACHABLE, TIMEOUT, REFUSED.
 *
 * Return: 0; -ENOMEM.
 */
int etcd_range(Etcd *etcd, const char *key, bool prefix, EtcdHandler handler, void *userdata,
               EtcdRequest **ret_request);

/** etcd_cancel() - Do not call a request's handler; what was sent may happen all the same. NULL */
EtcdRequest *etcd_cancel(EtcdRequest *request);

/** etcd_txn_new() - An empty transaction, to be committed or freed; NULL when memory is short */
EtcdTxn *etcd_txn_new(void);

/** etcd_txn_free() - Free a transaction that is not committed */
EtcdTxn *etcd_txn_free(EtcdTxn *txn);
DEFINE_CLEANUP(EtcdTxn *, etcd_txn_free)

/** etcd_txn_if_created() - Only if the key was created at this revision; 0: only if it is not there
 */
void etcd_txn_if_created(EtcdTxn *txn, const char *key, int64_t create_revision);

/** etcd_txn_if_modified() - Only if the key was last written at this revision */
void etcd_txn_if_modified(EtcdTxn *txn, const char *key, int64_t mod_revision);

/** etcd_txn_put() - Write a key, under a lease unless @lease is 0 */
void etcd_txn_put(EtcdTxn *txn, const char *key, const void *value, size_t length, int64_t lease);

/** etcd_txn_delete() - Remove a key, or all with a prefix */
void etcd_txn_delete(EtcdTxn *txn, const char *key, bool prefix);

/** etcd_txn_size() - Operations in it so far */
size_t etcd_txn_size(const EtcdTxn *txn);

/**
 * etcd_txn_commit() - Send a transaction
 * @etcd:        client
 * @txn:         consumed, whatever is returned
 * @handler:     gets the outcome; reply->revision is the transaction's own when OK
 * @userdata:    for @handler
 * @ret_request: for etcd_cancel(), valid until @handler is called; may be NULL
 *
 * Only a connection that was refused is tried again at another member; what may have been carried
 * out never is.
 *
 * Return: 0; -ENOMEM; -E2BIG for more than ETCD_TXN_MAX operations.
 */
int etcd_txn_commit(Etcd *etcd, EtcdTxn *txn, EtcdHandler handler, void *userdata,
                    EtcdRequest **ret_request);

/**
 * etcd_watch_new() - Mirror all keys with a prefix
 * @etcd:      client
 * @prefix:    copied
 * @handler:   gets RESET, a PUT for each key and SYNC; then each change in order, with a SYNC
 *             behind each transaction. After a break it goes on where it was, or with RESET when
 *             etcd has forgotten that revision
 * @userdata:  for @handler
 * @ret_watch: owned
 *
 * The first reading is consistent (one revision), in pages. A member that has lost its leader is
 * left for another one.
 *
 * Return: 0; -ENOMEM.
 */
int etcd_watch_new(Etcd *etcd, const char *prefix, EtcdWatchHandler handler, void *userdata,
                   EtcdWatch **ret_watch);

/** etcd_watch_reload() - Read everything anew: RESET, PUT..., SYNC */
void etcd_watch_reload(EtcdWatch *watch);

/** etcd_watch_free() - End the mirroring */
EtcdWatch *etcd_watch_free(EtcdWatch *watch);
DEFINE_CLEANUP(EtcdWatch *, etcd_watch_free)

/**
 * etcd_lease_new() - Be granted a lease and keep it alive
 * @etcd:      client
 * @ttl_s:     seconds after the last renewal when it expires; renewed each fifth of it
 * @key:       is written with each renewal, outside of the lease, so that others see when that was;
 *             copied; NULL: none
 * @handler:   is told of each change
 * @userdata:  for @handler
 * @ret_lease: owned
 *
 * A renewal counts from when it was sent, and only once @key was written after it. At etcd's quota,
 * where nothing can be written, @key is deleted instead: that no more is known of this host's
 * renewals must be as certain as they are.
 *
 * Return: 0; -ENOMEM.
 */
int etcd_lease_new(Etcd *etcd, uint64_t ttl_s, const char *key, EtcdLeaseHandler handler,
                   void *userdata, EtcdLease **ret_lease);

/** etcd_lease_free() - Stop renewing: it expires by itself */
EtcdLease *etcd_lease_free(EtcdLease *lease);
DEFINE_CLEANUP(EtcdLease *, etcd_lease_free)

/** etcd_lease_id() - The lease's number, 0 while there is none */
int64_t etcd_lease_id(const EtcdLease *lease);

/** etcd_lease_revoke() - End the lease now, and remove what is under it; for a clean stop */
void etcd_lease_revoke(EtcdLease *lease);
