/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The deciding core of the cluster: a pure function in the manner of raft_step(). It holds the
 * mirror of all records; an event with its time goes in, a plan of transactions comes out. The same
 * events give the same plans, bit for bit: no I/O, no clock, no randomness.
 *
 * How the leader drives it (hostd's controller):
 *   1. fabric_new(); FABRIC_RECORD_PUT for each record there is, in any order; FABRIC_SYNCED.
 *   2. From then on: FABRIC_RECORD_PUT and _DELETED for what the watch brings, FABRIC_REQUEST for
 *      what operators ask, FABRIC_TICK when the plan's wake_ns has come.
 *   3. After each step carry out the plan: its transactions in order, one at a time, each as one
 *      etcd transaction that also demands the leader's own election revision. When one fails for a
 *      compare, drop this Fabric, the rest of the plan with it, and begin again at 1 (or as a
 *      follower). When the outcome is unknown (timeout), do the same: all is redone from records.
 *   4. A request is accepted once the plan of its step has been written.
 * Events that arrive while a plan is being written wait; they are stepped in order afterwards, all
 * but the last as FabricEvent.more: what they come to is one plan. So a slow etcd holds a host's
 * failover up by the one plan that is being written, not by one for each status that was reported.
 *
 * The fabric applies its own writes at once. After FABRIC_SYNCED only alive/ and observed/, which
 * hosts write, are taken from events; all else is the leader's own echo and is passed over, so
 * nothing but this core may write the leader's keys. Hosts, packages and guest OS versions enter by
 * FABRIC_REGISTER.
 *
 * Deadlines are counted by this leader on its own CLOCK_BOOTTIME from when it learnt of a thing; a
 * new leader counts them anew. What was tried is in the records, so nothing is tried twice.
 *
 * Fencing: a transaction that takes an instance away from a lost host names the loss that was
 * counted from (FabricLoss): the renewal that was the host's last. A host writes another one
 * together with its alive key and reads the instances after that, so either it sees the replacement
 * or the transaction fails. */

#include "lib/api/records.h"
#include "lib/base/map.h"

/* etcd refuses more than 128 operations in a transaction; some are the guard's. */
#define FABRIC_WRITES_MAX            100
#define FABRIC_LOSSES_MAX            50 /* each is up to two comparisons */
#define FABRIC_TRANSACTION_BYTES_MAX (1200 * KIB)
#define FABRIC_NEVER                 UINT64_MAX

typedef struct Fabric Fabric;

typedef enum FabricEventType {
        FABRIC_RECORD_PUT,     /* @record, borrowed */
        FABRIC_RECORD_DELETED, /* @key */
        FABRIC_SYNCED,         /* all records that exist have been given */
        FABRIC_REQUEST,        /* @request */
        FABRIC_TICK,           /* time has passed */
        /* @key, of a host: its last renewal is @renewal and was seen at @since_ns. After SYNCED for
         * each host that is not alive; whenever such a host's alive key was deleted; and when a
         * whole lease has passed since */
        FABRIC_SILENT,
} FabricEventType;

typedef enum FabricRequestKind {
        FABRIC_DEPLOY,         /* service, slot, deployment */
        FABRIC_SCALE,          /* service, slot, counts; configuration or NULL */
        FABRIC_CONFIGURE,      /* service, slot, counts, configuration, deployment */
        FABRIC_SWAP,           /* service; force: staging need not be Ready */
        FABRIC_DELETE,         /* service, slot; an operation that runs on it ends as failed */
        FABRIC_DELETE_SERVICE, /* service: both slots */
        FABRIC_REBOOT,         /* instance */
        FABRIC_REIMAGE,        /* instance */
        FABRIC_REBUILD,        /* instance */
        FABRIC_CORDON,         /* host; at once, makes no operation */
        FABRIC_UNCORDON,       /* host; at once, and ends a drain */
        FABRIC_DRAIN,          /* host */
        FABRIC_UPDATE_HOSTS,   /* hosts, url */
        FABRIC_RELEASE_BRAKE,  /* at once; what is lost now is healed, however much it is */
        FABRIC_REMOVE_HOST,    /* host, which is gone or drained; force: though one that is gone
                                  carries instances; at once */
        FABRIC_REGISTER,   /* record: a host, package, os or certificate; at once. A host keeps its
                              cordon */
        FABRIC_UNREGISTER, /* record: a certificate, which the caller knows to be unused, or an os,
                              of which the key counts; at once */
        FABRIC_HOLD,   /* record: a package or os, of which the key counts; host: has its bytes; at
                          once */
        FABRIC_UNHOLD, /* likewise: does not have them (any more) */
        FABRIC_DISABLE_OS, /* record: an os, of which the key counts; what runs with it is walked
                              away; at once */
        FABRIC_ENABLE_OS,  /* likewise: it counts again */
        FABRIC_REQUEST_KINDS,
} FabricRequestKind;

typedef struct FabricCount {
        const char *role;
        uint32_t count;
} FabricCount;

/* All pointers are borrowed for the step. */
typedef struct FabricRequest {
        FabricRequestKind kind;
        const char *operation; /* id for the operation record: a name that was never used before */
        const char *service;
        Slot slot;
        /* DEPLOY: id, label, package, definition, configuration, os_family, os_version, roles,
         * endpoints; the fabric fills in the rest. CONFIGURE: os_family, os_version; NULL, or with
         * an empty os_version, keeps what was asked for */
        const DeploymentRecord *deployment;
        const FabricCount *counts; /* roles that are not named keep theirs */
        size_t n_counts;
        const char *configuration; /* new text of the cscfg */
        InstanceId instance;
        const char *host;
        const char *hosts; /* names with commas between; "" for all */
        const char *url;   /* or "" */
        bool force;
        const Record *record;
} FabricRequest;

typedef struct FabricEvent {
        FabricEventType type;
        uint64_t time_ns;     /* CLOCK_BOOTTIME of the leader, never less than before */
        uint64_t realtime_us; /* CLOCK_REALTIME, copied into records for people, never decided by */
        const Record *record;
        RecordKey key;
        const FabricRequest *request;
        int64_t renewal;   /* revision at which it was written */
        uint64_t since_ns; /* not before that, CLOCK_BOOTTIME */
        bool more; /* of RECORD_PUT and _DELETED: further events wait already. It is taken in, and
                      the plan is left to them: it is empty, its wake_ns says nothing */
} FabricEvent;

/* One key to write: put @record, or delete @key when @record is NULL. */
typedef struct FabricWrite {
        RecordKey key;
        const Record *record;
} FabricWrite;

/* A host that must still be lost when the transaction is written. */
typedef struct FabricLoss {
        RecordName host;
        int64_t renewal; /* revision of its last renewal; 0: there is none */
        bool absent;     /* its alive key must not be there either */
} FabricLoss;

/* Written all or none. */
typedef struct FabricTransaction {
        const FabricWrite *writes;
        size_t n_writes; /* 1 to FABRIC_WRITES_MAX */
        FabricLoss *losses;
        size_t n_losses;
} FabricTransaction;

typedef struct FabricPlan {
        const FabricTransaction *transactions; /* to be written in this order */
        size_t n_transactions;
        uint64_t wake_ns; /* FABRIC_TICK is wanted then, CLOCK_BOOTTIME; FABRIC_NEVER for no time */
        bool unsettled; /* our own bug: checks went on contradicting each other, and were cut off */
} FabricPlan;

/* Why a request was refused: `org.troupe.Error.` and this name (fabric_refusal_to_string()). */
typedef enum FabricRefusal {
        FABRIC_NO_REFUSAL,
        FABRIC_NO_SUCH_SERVICE,
        FABRIC_NO_SUCH_DEPLOYMENT,
        FABRIC_NO_SUCH_ROLE,
        FABRIC_NO_SUCH_INSTANCE,
        FABRIC_NO_SUCH_HOST,
        FABRIC_NO_SUCH_PACKAGE,
        FABRIC_SLOT_OCCUPIED,
        FABRIC_OPERATION_CONFLICT,
        FABRIC_SWAP_ILLEGAL,
        FABRIC_NO_STAGING,
        FABRIC_NO_VIP,
        FABRIC_NO_SUBNET,
        FABRIC_NO_ROOM,
        FABRIC_NO_GUEST_OS,
        FABRIC_COUNT_INVALID,
        FABRIC_REFUSED_NOW,
        FABRIC_UNAVAILABLE, /* before FABRIC_SYNCED */
        FABRIC_REFUSALS,
} FabricRefusal;

enum {
        FABRIC_REFUSED = 1, /* the request changes nothing; fabric_refusal() says why */
};

/**
 * fabric_new() - Make an empty core
 * @ret_fabric: owned
 *
 * Return: 0; -ENOMEM.
 */
int fabric_new(Fabric **ret_fabric);

/** fabric_free() - Free the core and its mirror; NULL is fine */
void fabric_free(Fabric *fabric);
DEFINE_CLEANUP(Fabric *, fabric_free)

/**
 * fabric_step() - Decide what to do about one event
 * @fabric:   core, changed in place
 * @event:    borrowed for the call
 * @ret_plan: what to write, perhaps nothing, and when to call again; owned by @fabric, valid until
 *            the next step. Records in it are borrowed likewise
 *
 * A plan follows every event, of whatever type, but where more are to come: what an event makes
 * possible is planned in the same step. Each transaction by itself leaves records that a new leader
 * can go on from.
 *
 * Return: 0; FABRIC_REFUSED for a request that is refused, and then @ret_plan is set all the same
 *         (time has passed); -ENOMEM, after which only fabric_free() may be called.
 */
int fabric_step(Fabric *fabric, const FabricEvent *event, const FabricPlan **ret_plan);

/**
 * fabric_refusal() - Why the last step returned FABRIC_REFUSED
 * @fabric:      core
 * @ret_message: for people: what, and what to do; owned by @fabric, valid until the next step
 *
 * Return: the reason, FABRIC_NO_REFUSAL when the last step refused nothing.
 */
FabricRefusal fabric_refusal(const Fabric *fabric, const char **ret_message);

/** fabric_refusal_to_string() - The error's name behind `org.troupe.Error.`, `SlotOccupied` */
const char *fabric_refusal_to_string(FabricRefusal refusal);

/**
 * fabric_records() - The mirror of one type of record
 * @fabric: core
 * @type:   type
 *
 * Return: map from the whole key's text to const Record *, in order of insertion; borrowed, changed
 * by the next step.
 */
const Map *fabric_records(const Fabric *fabric, RecordType type);

/** fabric_record() - One record of the mirror, or NULL; borrowed, changed by the next step */
const Record *fabric_record(const Fabric *fabric, const RecordKey *key);

/**
 * fabric_braked() - Whether healing has stopped itself
 *
 * When hosts in two or more fault domains, and more than brake_percent of all hosts, vanished
 * within brake_window_ms.
 */
bool fabric_braked(const Fabric *fabric);
