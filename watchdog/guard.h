/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The watchdog's decisions: whether the role VMs of this host may run, and whether the hardware is
 * fed. Pure: time and what is seen come in, what is to be done goes out.
 *
 *            hold                     soft fence is over, or asked for
 *   IDLE ──────────► HELD ──────────────────────────────► FENCING ──► FAILED
 *    │  ▲             ▲ ▲ renew, keep                         │    not dead in time: not fed any
 * more │  └ restart     │ └──┘                          nothing │ └────► ALONE ◄───┴────────────
 * hold, alone ─── FENCED ◄──┘
 *
 * ALONE: there is no other host that could run this host's instances, so nothing is ever fenced.
 *
 * Source: docs/fencing.md; the model of the whole protocol is tests/long/fencing.pml */

#include "lib/base/sm.h"
#include "watchdog/inequality.h"

typedef enum GuardState {
        GUARD_IDLE,    /* nothing was said yet: hostd starts nothing before it is */
        GUARD_ALONE,   /* nobody else could run them */
        GUARD_HELD,    /* they may run until the soft fence */
        GUARD_FENCING, /* they are being killed */
        GUARD_FENCED,  /* none runs, and whatever appears is killed */
        GUARD_FAILED, /* they could not be killed in time: the hardware is left to reset the host */
        _GUARD_STATE_MAX,
} GuardState;

/* What survives a restart of the watchdog, as it is. */
typedef struct Guard {
        FenceTimes times;
        uint64_t state;       /* GuardState */
        uint64_t sent_ns;     /* the last accepted renewal was sent then */
        uint64_t evidence_ns; /* nobody could decide anything at that moment; 0: never */
        uint64_t fence_ns;    /* the fence began then */
        uint64_t fenced_ns;   /* and all was dead then */
        uint64_t n_fences;
} Guard;

typedef struct GuardActions {
        bool kill; /* kill the role VMs, close the VIPs */
        bool feed; /* the hardware may be fed now */
} GuardActions;

/* Outcomes that the caller tells hostd by name. */
enum {
        GUARD_OVER = 1, /* fenced, or being fenced: what is held has to be taken anew, with hold */
        GUARD_BUSY,     /* the fence is not over yet */
        GUARD_STALE,    /* the soft fence of that renewal has passed already */
        GUARD_FUTURE,   /* that is yet to come */
        GUARD_STRICT,   /* autonomous is not switched on */
};

/** guard_init() - Begin IDLE, with these times */
void guard_init(Guard *guard, const FenceTimes *times);

/** guard_hold() - The lease is held: VMs may run. Return: 0; GUARD_BUSY; GUARD_STALE; GUARD_FUTURE
 */
int guard_hold(Guard *guard, uint64_t sent_ns, uint64_t now_ns);

/**
 * guard_renew() - A renewal was accepted
 * @guard:   HELD
 * @sent_ns: when it was sent, CLOCK_BOOTTIME; one from before the last is no news
 * @now_ns:  now
 *
 * A renewal never ends a fence: what was fenced has been killed, and whether it is still wanted
 * here is for hostd to read first. One that is heard late (the watchdog was frozen) counts all the
 * same while nothing has been fenced: etcd renews no lease that it has let expire.
 *
 * Return: 0; GUARD_OVER; GUARD_FUTURE.
 */
int guard_renew(Guard *guard, uint64_t sent_ns, uint64_t now_ns);

/**
 * guard_keep() - Nobody could decide anything at this moment
 * @guard:       HELD
 * @evidence_ns: common moment of a round of asking
 * @now_ns:      now
 *
 * Return: 0; GUARD_OVER; GUARD_FUTURE; GUARD_STRICT; GUARD_STALE for a moment that is after the
 * soft fence which was in force: heard late, by a watchdog that was not scheduled.
 */
int guard_keep(Guard *guard, uint64_t evidence_ns, uint64_t now_ns);

/** guard_alone() - No other host could run this one's instances. Return: 0; GUARD_BUSY */
int guard_alone(Guard *guard, uint64_t now_ns);

/** guard_fence() - Fence now; nothing happens where nothing may run already, or in ALONE */
void guard_fence(Guard *guard, uint64_t now_ns);

/**
 * guard_step() - Decide what is to be done now
 * @guard:   changed in place
 * @running: whether anything of a role VM runs, or might; only asked for when guard_watches()
 * @now_ns:  CLOCK_BOOTTIME
 *
 * To be called at guard_deadline() at the latest.
 */
GuardActions guard_step(Guard *guard, bool running, uint64_t now_ns);

/** guard_watches() - Whether guard_step() wants to know what runs, often */
bool guard_watches(const Guard *guard);

/** guard_deadline() - When the soft fence is due; UINT64_MAX when none is */
uint64_t guard_deadline(const Guard *guard);

/** guard_last_feed() - The last time at which the hardware may be fed; UINT64_MAX for no end, 0 for
 * never again */
uint64_t guard_last_feed(const Guard *guard);

/** guard_state_to_string() - Name of a state, as the bus has it */
const char *guard_state_to_string(GuardState state);
