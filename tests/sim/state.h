/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the simulated cluster consists of. Its parts work on it together; each part's header says
 * what it does. Nothing outside tests/sim/ looks in here. */

#include "fabric/place.h"
#include "lib/api/records.h"
#include "lib/base/clock.h"
#include "tests/sim/world.h"

#define MS(n)     ((uint64_t) (n) * NSEC_PER_MSEC)
#define LEASE_NS  MS(10000)
#define DELAY_NS  MS(2000)
#define RENEW_NS  MS(2500)
#define SOFT_NS   MS(6000) /* the watchdog process kills the VMs so long after the last renewal */
#define KILL_NS   MS(2000) /* and that takes at most so long */
#define HARD_NS   MS(9000) /* the hardware watchdog */
#define ELECT_NS  MS(500)
#define REJOIN_NS MS(1000)
#define REBOOT_NS MS(40000)
#define UPDATE_NS MS(20000) /* to fetch a version of the system */
#define OUTAGE_NS MS(8000)  /* after that silence counts anew */

typedef enum EventType {
        EVENT_WATCH,  /* a host learns of an instance record */
        EVENT_TELL,   /* a leader learns of a record */
        EVENT_WRITE,  /* etcd gets a host's observed record */
        EVENT_COMMIT, /* etcd gets a leader's transaction */
        EVENT_ANSWER, /* a leader gets etcd's answer */
        EVENT_TICK,   /* a leader's wake-up */
        EVENT_VM,     /* a VM goes on to its next state */
        EVENT_FENCE,
        EVENT_KILLED, /* the fence has killed everything */
        EVENT_RESET,
        EVENT_EXPIRE,
        EVENT_SILENT, /* a whole lease after its last renewal was seen */
        EVENT_REJOIN,
        EVENT_REREAD, /* a host reads again, its watch having broken */
        EVENT_PATROL, /* what does not run and ought to is looked at */
        EVENT_BOOTED,
        EVENT_ELECT,
        EVENT_RESTART, /* a host has fetched its update */
} EventType;

typedef struct Event {
        uint64_t time_ns, serial;
        EventType type;
        unsigned host;
        uint64_t token; /* what it belongs to has moved on when this differs */
        Record *record; /* owned */
        RecordKey key;
        bool deleted;
        bool ok;
} Event;

typedef enum VmState {
        VM_CREATING,
        VM_BOOTING,
        VM_READY,
        VM_SICK, /* a status that a fault gave it */
        VM_STOPPING,
        VM_STOPPED, /* the host has given its word */
} VmState;

typedef struct Vm {
        InstanceId id;
        uint64_t incarnation;
        VmState state;
        InstanceStatus status;
        uint64_t done[ACTIONS];
        uint64_t token;
        bool running;
        bool mute; /* does not answer its probe */
        uint64_t since_ns;
        RecordVersion os; /* that it was last made with */
} Vm;

typedef struct SimHost {
        RecordName name;
        bool up, linked, frozen, bad;
        bool whole;           /* frozen with its watchdog: only the hardware's is left */
        bool joined;          /* alive written, instances read, not fenced */
        bool held;            /* etcd has its alive key */
        uint64_t lease_token; /* grows when renewing stops or begins again */
        uint64_t connection;  /* grows when the watch is broken */
        uint64_t watch_ns;    /* the last message on its watch comes then */
        uint64_t write_ns;    /* and on its way to etcd */
        uint64_t lost_ns;     /* it stopped working then */
        unsigned boots;
        unsigned version;      /* of its system; the newest is World.newest */
        bool broken;           /* the next version does not become healthy on it */
        RecordName update;     /* operation that it updates itself for, and says that it */
        bool current, healthy; /* has found no newer version; has come back with it */
        uint64_t renewed_ns;   /* its last renewal, once it cannot renew any more */
        uint64_t renewal;      /* which one that was */
        uint64_t seen_ns;      /* when leaders saw it */
        bool lossy, slow;      /* its messages get lost, or are late */
        unsigned n_messages;
        int64_t wall_us;    /* its CLOCK_REALTIME is off by so much */
        uint64_t failed_ns; /* etcd was told of a VM that did not start here */
        uint64_t freed_by;  /* the last plan, by its serial, that freed room here */
        PlaceSize used;     /* by what is placed here */
        Map view;           /* instance id -> Record *: instances it believes to be placed here */
        Map vms;            /* instance id -> Vm * */
        Map placed;         /* instance id -> NULL: what etcd says */
        Map observed;       /* key -> NULL: its observed records in etcd */
} SimHost;

/* An instance that was placed, and what it left. */
typedef struct SpreadPlacing {
        RecordKey key;
        RecordName from; /* "" when it is new */
} SpreadPlacing;

/* An instance that does not run. */
typedef struct Idle {
        uint64_t lost_ns;     /* since then */
        uint64_t since_ns;    /* nothing has excused that since */
        uint64_t room_ns;     /* there has been room for it since; 0: not looked for */
        uint64_t incarnation; /* that was lost */
        uint64_t placed;      /* incarnation, when it was last looked at */
        bool held;            /* its host was alive when it was last looked at */
        bool plain;           /* but for its host's lease nothing has excused it at all */
} Idle;

/* One that is the leader, or believes to be. */
typedef struct Controller {
        Fabric *fabric;
        unsigned host;
        uint64_t election;
        uint64_t token;
        uint64_t watch_ns;
        const FabricPlan *plan; /* being written */
        size_t n_written;
        bool busy, stalled;
        uint64_t elected_ns, time_ns;
        uint64_t serial;         /* of its present plan */
        Map silent;              /* host -> NULL: it was told that nothing is heard of these */
        SpreadPlacing *placings; /* that the present plan has written */
        size_t n_placings;
        Event *pending; /* what it has learnt while it was writing */
        size_t n_pending;
        bool tick_pending; /* it is to look at the clock: one of them */
        Event *held;       /* what its watch brings when it is connected again */
        size_t n_held;
        uint64_t wake_ns;
} Controller;

typedef struct Ask {
        FabricRequest request;
        char operation[16], service[64], host[64], hosts[128], configuration[16];
        DeploymentRecord *deployment;
        FabricCount counts[2];
        Record *record;
} Ask;

struct World {
        WorldConfig config;
        uint64_t now_ns, serial, random, tokens, plans;
        Event *events; /* heap */
        size_t n_events;
        Map store[RECORD_TYPES]; /* key text -> Record * */
        uint64_t revision;
        uint64_t election; /* revision of the leader's key; 0 when there is none */
        unsigned leader;   /* its host */
        bool quorum;
        SimHost *hosts;
        Map host_index; /* name -> 1 + index */
        Controller **controllers;
        size_t n_controllers;
        unsigned newest; /* version of the hosts' system */
        Map running;     /* instance id -> Vm * that runs */
        Map idle;        /* instance id -> Idle *: those that do not */
        Map taken;       /* instance id -> NULL: taken down by our own doing, and not back yet */
        bool patrols;
        uint64_t slow_ns; /* the last message that was slow was sent then */
        Ask **asks;
        size_t n_asks;
        unsigned n_operations;
        WorldStatistics statistics;
        char violation[256];
        const char *violation_kind; /* its text without what it is about */
};

/* Ends the program when there is no memory: nothing is learnt from a simulation without. */
static inline void must(int r)
{
        if (r < 0)
                abort();
}
