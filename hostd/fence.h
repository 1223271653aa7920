/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* hostd's side of fencing: tells troupe-watchdog of each renewal of this host's lease, and says
 * until when role VMs may be started. Nothing is started before the watchdog has said that it
 * guards this host, nor after it has fenced it, until the host has said anew that it is alive and
 * has read what is to run here.
 *
 *   ABSENT ──► GUARDING ──► READY ──────────────► HOLDING ──► HELD
 *     ▲  name   Guard   │    ▲  clean, a renewal,   Hold,      │ Renew with each renewal
 *     │                 ▼    │  nothing starts      Alone      │
 *     └──name gone── REFUSED └──────────── fenced ─────────────┘
 *
 * A host that no other could stand in for is held without a lease (docs/adr/0121). */

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "lib/api/records.h"
#include "lib/base/macros.h"

typedef struct Fence Fence;

typedef struct FenceHandlers {
        void *userdata;
        /* VMs may be started until @until_ns; 0: none, UINT64_MAX: without an end */
        void (*allowed)(void *userdata, uint64_t until_ns);
        /* the watchdog has fenced this host: say anew that it is alive, read the records, and then
         * call fence_clean() */
        void (*fenced)(void *userdata);
        /* whether a VM is being started at this moment */
        bool (*is_starting)(void *userdata);
} FenceHandlers;

typedef struct FenceConfig {
        bool off;                /* no watchdog: VMs may always be started, and nobody fences */
        const char *shared_path; /* a file that says that there has once been another host */
} FenceConfig;

/**
 * fence_new() - Make it; with a watchdog nothing is allowed yet
 * @event:     loop
 * @config:    copied
 * @handlers:  copied
 * @ret_fence: owned
 *
 * Return: 0; a negative errno.
 */
int fence_new(sd_event *event, const FenceConfig *config, const FenceHandlers *handlers,
              Fence **ret_fence);

/** fence_free() - Say nothing any more: the watchdog fences when the lease is over */
Fence *fence_free(Fence *fence);
DEFINE_CLEANUP(Fence *, fence_free)

/** fence_set_bus() - Over which connection the watchdog is reached; NULL when it is lost */
void fence_set_bus(Fence *fence, sd_bus *bus);

/** fence_set_cluster() - The cluster record: lease, leader's delay, pools of VIPs */
void fence_set_cluster(Fence *fence, const ClusterRecord *cluster);

/**
 * fence_set_others() - Whether the cluster has other hosts, by its records
 * @fence:  fence
 * @others: another host's record or alive key is there
 *
 * Once there were others, this host is never again taken for the only one, also by a later hostd.
 */
void fence_set_others(Fence *fence, bool others);

/**
 * fence_guards_against_others() - Whether another host may be let into the cluster
 *
 * To be asked before another host is given a certificate. When it is false the fence is on its way
 * to become strict: ask again.
 */
bool fence_guards_against_others(Fence *fence);

/** fence_renewed() - The lease that this host's alive key is under was renewed, by what was sent
 * then */
void fence_renewed(Fence *fence, uint64_t sent_ns);

/** fence_lost() - The lease is over, or the alive key is gone: fence now */
void fence_lost(Fence *fence, const char *why);

/** fence_clean() - This host has said that it is alive, and has read since what is to run here */
void fence_clean(Fence *fence);

/** fence_problem() - Why no VM is started, for people; NULL when they are */
const char *fence_problem(const Fence *fence);
