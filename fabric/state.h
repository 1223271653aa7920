/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The core's state, for the files of fabric/ only: the mirror of all records, what this leader
 * knows besides (when it learnt of things, timers, indices), and the list of what the present step
 * has changed.
 *
 * Memory: when it is short, Fabric.failed is set, the step runs to its end without harm to memory,
 * and fabric_step() returns -ENOMEM; so functions here return nothing for it. */

#include "fabric/fabric.h"
#include "fabric/place.h"
#include "fabric/timers.h"

/* A record of the mirror. Always the last member of what holds it, because only record_size() bytes
 * of the record are allocated. */
typedef struct Item {
        uint32_t dirty; /* 1 + index in Fabric.dirty; 0 when the step has not changed it */
        Record record;
} Item;

/* What a timer belongs to. */
enum {
        TIMER_HOST,
        TIMER_SUSPECT,
        TIMER_INSTANCE,
        TIMER_OPERATION,
        TIMER_PACKAGE,
        TIMER_OWNERS,
        TIMER_GUEST_OS,
};

/* What an instance is doing, as far as healing goes. */
typedef enum Phase {
        PHASE_BOOT, /* nothing heard yet, or the VM is starting */
        PHASE_ROLE, /* the agent speaks, the role is not Ready */
        PHASE_READY,
        PHASE_CYCLING, /* the role's own fault, and contained by the agent */
        PHASE_SILENT,  /* the agent has been silent for too long */
        PHASE_FAILED,  /* the host could not start the VM */
} Phase;

typedef struct Instance Instance;

/* A host that any record names, registered or not; lives as long as the Fabric. */
typedef struct Host {
        RecordName name;
        HostRecord *record; /* NULL when not registered */
        bool alive;
        bool gone;        /* lost for so long that its instances may be replaced */
        uint64_t lost_ns; /* when this leader saw the lease expired, or the host silent for one */
        int64_t renewal;  /* while it is lost: the revision of its last renewal; 0: none is known */
        bool silent; /* it is gone by that renewal's age, whether or not the lease has expired */
        Timer timer;
        bool suspect; /* a VM could not be started here lately: others come first */
        Timer suspect_timer;
        uint32_t place;
        Instance **instances; /* placed here */
        size_t n_instances;
        uint32_t n_vips; /* that it owns; counted by owners_check() */
} Host;

/* A role's instances by number, with holes. */
typedef struct Role {
        Instance **instances;
        uint32_t n_instances;
        uint64_t surge_ns;    /* when this leader learnt of the present number of surge instances */
        uint64_t given_up_ns; /* when it was last set to none */
} Role;

typedef struct Deployment {
        Role roles[RECORD_ROLES_MAX];
        uint32_t n_live;     /* instance records */
        uint32_t n_waiting;  /* instances that fit nowhere at present */
        uint64_t *addresses; /* bit N: the network's address N is given out */
        uint32_t n_addresses;
        bool queued;
        bool dropped;
        Item item;
} Deployment;

struct Instance {
        Deployment *deployment;
        uint32_t role;
        Host *host;
        size_t host_index;
        const ObservedRecord *observed; /* of its host; may be of an older incarnation */
        Phase phase;
        uint64_t phase_ns; /* since when */
        uint64_t acted_ns; /* last placement, rung or request */
        Timer timer;
        Item item;
};

typedef struct Operation {
        Timer timer; /* while running: its deadline; then: when it is deleted */
        bool dropped;
        Item item;
} Operation;

typedef struct Package {
        Timer timer; /* while nothing refers to it */
        Item item;
} Package;

typedef struct GuestOs {
        Timer timer; /* while nothing uses it */
        Item item;
} GuestOs;

/* One key that the step changed. */
typedef struct Dirty {
        Item *item;    /* NULL: deleted */
        RecordKey key; /* of a deleted item */
        /* must still be lost when this is written: of an instance its old host, of a service the
         * old owner of each VIP */
        Host *guards[SLOTS];
        unsigned n_guards;
} Dirty;

struct Fabric {
        Map records[RECORD_TYPES]; /* key text -> Record * */
        Map hosts;                 /* name -> Host * */
        Map domains;               /* name -> 1 + index in @place */
        Place place;
        Timers timers;
        ClusterRecord *cluster; /* defaults until one is given */
        Record default_cluster;
        uint64_t now_ns;
        uint64_t realtime_us;
        bool synced;
        bool failed;          /* memory was short */
        bool unsettled;       /* see FabricPlan */
        uint32_t n_suspect;   /* hosts */
        uint32_t n_waiting;   /* instances of all deployments that fit nowhere at present */
        bool room_changed;    /* what waits may fit now */
        bool owners_changed;  /* a VIP may need another owner */
        bool os_changed;      /* a guest OS version may be used no more, or again */
        uint32_t n_unowned;   /* VIPs that need one and find none */
        Timer owners_timer;   /* when VIPs are looked at for being uneven, or the next is moved */
        bool owners_even_out; /* one has been moved, until it is even */
        bool hosts_changed;   /* hosts were lost or are back: the brake may go on or off */
        Deployment **queue;   /* to be checked in this step */
        bool operations_due;  /* something that operations wait for may have changed */
        size_t n_queue;
        Dirty *dirty;
        size_t n_dirty;
        Item **garbage; /* dropped in this step; freed at the next */
        size_t n_garbage;
        FabricPlan plan;
        FabricTransaction *transactions;
        size_t n_transactions;
        FabricWrite *writes;
        FabricLoss *losses;
        FabricRefusal refusal;
        char message[RECORD_DETAIL_MAX + 1];
};

/* item_host() and the like - From a record of the mirror to what holds it */
#define ITEM_OF(pointer)     CONTAINER_OF(pointer, Item, record)
#define HOLDER_OF(rec, type) CONTAINER_OF(ITEM_OF(rec), type, item)

/** deployment_record() - A deployment's record */
static inline DeploymentRecord *deployment_record(Deployment *deployment)
{
        return &deployment->item.record.deployment;
}

/** instance_record() - An instance's record */
static inline InstanceRecord *instance_record(Instance *instance)
{
        return &instance->item.record.instance;
}

/** operation_record() - An operation's record */
static inline OperationRecord *operation_record(Operation *operation)
{
        return &operation->item.record.operation;
}

/**
 * state_add() - Add an empty record to the mirror
 * @fabric: state
 * @key:    not there yet; what it says is set in the record
 *
 * Return: its item, owned by @fabric; NULL when memory is short.
 */
Item *state_add(Fabric *fabric, const RecordKey *key);

/**
 * state_put() - Take over a record from outside: added, or in place of the one there
 *
 * Return: its item; NULL when memory is short.
 */
Item *state_put(Fabric *fabric, const Record *record);

/** state_get() - A record of the mirror, or NULL */
Record *state_get(const Fabric *fabric, const RecordKey *key);

/** state_get_named() - A record whose key is a type and a name, or NULL */
Record *state_get_named(const Fabric *fabric, RecordType type, const char *name);

/** state_touch() - The step has changed this record: it is to be written */
void state_touch(Fabric *fabric, Item *item);

/** state_touch_guarded() - The same, on the condition that @guard is still lost */
void state_touch_guarded(Fabric *fabric, Item *item, Host *guard);

/** state_drop() - Delete a record from the mirror and the store; it is freed at the next step */
void state_drop(Fabric *fabric, Item *item);

/** state_forget() - Delete a record from the mirror only: the store has already done so */
void state_forget(Fabric *fabric, Item *item);

/** state_free_garbage() - Free what was dropped in the last step */
void state_free_garbage(Fabric *fabric);

/** state_deinit() - Free the mirror and everything beside it */
void state_deinit(Fabric *fabric);

/** state_host() - The host of a name, made when it is new; NULL when memory is short */
Host *state_host(Fabric *fabric, const char *name);

/** state_queue() - A deployment is to be checked in this step */
void state_queue(Fabric *fabric, Deployment *deployment);

/** state_queue_host() - Every deployment with instances on a host is to be checked */
void state_queue_host(Fabric *fabric, const Host *host);

/** state_timer() - Set a timer; @at_ns FABRIC_NEVER clears it */
void state_timer(Fabric *fabric, Timer *timer, uint64_t at_ns);

/** state_after() - A moment @ms after @from_ns, without overflow */
uint64_t state_after(uint64_t from_ns, uint64_t ms);

/** state_copy_name() - Copy a text into a name's array that is known to hold it */
void state_copy_name(char *target, size_t size, const char *text);

#define SET_NAME(target, text) state_copy_name((target), sizeof(target), (text))

/* RECORDS_FOREACH() - Walk all records of a type; the loop may drop the present one */
#define RECORDS_FOREACH(entry, fabric, type) MAP_FOREACH (entry, &(fabric)->records[type])
