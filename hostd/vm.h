/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* One role VM: a state machine that decides what is done to it next. Pure: the host half gives it
 * what is wanted and what is seen, carries out the action it names and tells it the outcome; so
 * each step can be tested without a VM, and a step that is repeated after a crash of hostd is the
 * same step.
 *
 *   NEW ──► PREPARING ──► PLUGGING ──► STARTING ──► RUNNING ◄──────── RESETTING
 *            ▲  files       tap         domain      │  │  ▲               ▲
 *            │                                      │  └─►DRAINING ──► STOPPING
 *            │  after a pause        ended by itself│       rotation │   role │
 *           DOWN ◄──── (any of these failed) ◄──────┘                ▼        ▼
 *            ▲                                                     DESTROYING ──► UNPLUGGING ──►
 * CLEANING ──► GONE └──── reimage, rebuild ◄───────────────────────────────── domain        tap
 * files
 *
 * A VM whose domain ended by itself is made anew over an empty overlay: QEMU's death may have left
 * the old one half written, and nothing on it is promised. Local storage is kept, as over a reboot.
 */

#include <stdbool.h>

#include "hostd/hypervisor.h"
#include "lib/api/records.h"
#include "lib/base/macros.h"
#include "lib/base/sm.h"

/* A VM that fails to start is tried again after one second, then two, four, ... up to a minute. */
#define VM_RETRY_FIRST_NS (1 * NSEC_PER_SEC)
#define VM_RETRY_LAST_NS  (60 * NSEC_PER_SEC)
/* A reset that fails is tried again while pauses are this short; libvirt may be restarting. */
#define VM_RESET_PAUSE_MAX_NS (4 * NSEC_PER_SEC)
/* A VM that ran this long before it ended begins its pauses anew. */
#define VM_SETTLED_NS (60 * NSEC_PER_SEC)
#define VM_DETAIL_MAX 256U

typedef enum VmState {
        VM_NEW,        /* nothing of it exists */
        VM_PREPARING,  /* its intent and its disks are being written */
        VM_PLUGGING,   /* netd is making its tap */
        VM_STARTING,   /* libvirt is starting its domain */
        VM_RUNNING,    /* its domain is there */
        VM_DRAINING,   /* it gets no new connections, and the old ones end */
        VM_STOPPING,   /* its role is being stopped */
        VM_RESETTING,  /* libvirt is resetting it */
        VM_DESTROYING, /* libvirt is ending its domain */
        VM_DOWN,       /* it has no domain, and will have one again */
        VM_UNPLUGGING, /* netd is removing its tap */
        VM_CLEANING,   /* its files are being removed, its intent last */
        VM_GONE,       /* nothing of it exists any more */
        _VM_STATE_MAX,
} VmState;

typedef enum VmAction {
        VM_DO_NOTHING,
        VM_DO_PREPARE,   /* write the intent, then make the disks; an older overlay is replaced */
        VM_DO_PLUG,      /* have netd make the tap and let the instance in */
        VM_DO_START,     /* start the domain */
        VM_DO_DRAIN,     /* take it out of rotation: no outcome to report, see VmFacts.drained */
        VM_DO_STOP_ROLE, /* tell the agent to stop the role: no outcome, see VmFacts.role_stopped */
        VM_DO_RESET,     /* reset the domain, then write down that it was done */
        VM_DO_DESTROY,   /* end the domain */
        VM_DO_UNPLUG,    /* have netd forget it */
        VM_DO_CLEAN,     /* remove disks and sockets, then the intent */
        _VM_ACTION_MAX,
} VmAction;

/* What the records want. */
typedef struct VmWish {
        bool wanted;       /* false: nothing of it is to be left */
        bool at_once;      /* with !@wanted: without a drain and without asking the guest */
        uint64_t drain_ns; /* how long its connections may go on when it is taken out of rotation */
        uint64_t stop_ns;  /* how long its role may take to stop */
        uint64_t requests[ACTIONS]; /* the instance record's counters */
} VmWish;

/* What is seen. */
typedef struct VmFacts {
        DomainState domain;
        bool domain_known; /* @domain was read after the last action ended */
        bool blocked;      /* another incarnation of the instance still has something here */
        bool lacking;      /* what it would be made anew of is not here yet */
        bool forbidden;    /* this host may start no VM now: it does not hold its lease for sure */
        bool agent_alive;  /* the agent has answered lately */
        bool role_stopped; /* the agent says that the role has stopped */
        bool drained;      /* no connection is left, or there never was a way to it */
} VmFacts;

typedef struct Vm {
        Sm sm;
        uint64_t applied[ACTIONS];  /* requests that have been carried out; part of the intent */
        uint64_t applying[ACTIONS]; /* what the action under way carries out */
        uint64_t since_ns;          /* when the state was entered */
        uint64_t until_ns;          /* DRAINING, STOPPING: when waiting ends */
        uint64_t due_ns;   /* when the state's action is to begin; 0: it is under way, or there is
                              none */
        uint64_t pause_ns; /* the last pause before a retry */
        bool failed;       /* DOWN: it could not be started, as opposed to having ended */
        char detail[VM_DETAIL_MAX]; /* why it is down, for people; "" when there is nothing to say
                                     */
} Vm;

/**
 * vm_init() - Begin with a VM of which nothing exists
 * @requests: counters as they are; what was requested before it existed is not for it to carry out
 */
void vm_init(Vm *vm, const uint64_t requests[static ACTIONS], uint64_t now_ns);

/**
 * vm_adopt() - Begin with a VM that an earlier hostd wrote an intent for
 * @vm:      machine
 * @applied: from the intent
 * @domain:  whether libvirt has its domain
 * @now_ns:  time
 *
 * With a domain it is RUNNING; without one it is DOWN and made anew from what is wanted.
 */
void vm_adopt(Vm *vm, const uint64_t applied[static ACTIONS], DomainState domain, uint64_t now_ns);

/**
 * vm_step() - Decide what is to be done now
 * @vm:     changed in place
 * @asked:  what the records want
 * @facts:  what is seen
 * @now_ns: CLOCK_BOOTTIME
 *
 * To be called until it returns VM_DO_NOTHING, and again whenever wish, facts or time
 * (vm_deadline()) change.
 *
 * Return: an action that the caller begins at once. Those that have an outcome are reported to
 * vm_done().
 */
VmAction vm_step(Vm *vm, const VmWish *asked, const VmFacts *facts, uint64_t now_ns);

/**
 * vm_done() - The action under way has ended
 * @vm:      changed in place
 * @ok:      whether it did what it was to do
 * @message: why not, for people; NULL when @ok
 * @now_ns:  CLOCK_BOOTTIME
 *
 * Call vm_step() next.
 */
void vm_done(Vm *vm, bool ok, const char *message, uint64_t now_ns);

/** vm_state() - Present state */
static inline VmState vm_state(const Vm *vm)
{
        return (VmState) vm->sm.state;
}

/** vm_busy() - Whether an action is under way whose outcome is yet to be reported */
bool vm_busy(const Vm *vm);

/**
 * vm_deadline() - When vm_step() has to be called even if nothing else happens
 *
 * Return: CLOCK_BOOTTIME; UINT64_MAX for never.
 */
uint64_t vm_deadline(const Vm *vm);

/** vm_is_to_be_made() - Whether it has no domain yet, or is to be made anew */
bool vm_is_to_be_made(const Vm *vm, const VmWish *wish);

/** vm_may_serve() - Whether its endpoints may be in rotation, if its role is ready */
bool vm_may_serve(const Vm *vm);

/** vm_action_to_string() - Name of an action, for logs */
const char *vm_action_to_string(VmAction action);
