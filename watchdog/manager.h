/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The manager owns everything: what is remembered, the hardware, the control groups, the bus, and
 * the one timer that decides. The timer goes before whatever comes over the bus, and nothing in it
 * asks another process for anything. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "watchdog/cgroups.h"
#include "watchdog/device.h"
#include "watchdog/guard.h"
#include "watchdog/memory.h"
#include "watchdog/settings.h"
#include "watchdog/vips.h"

#define MANAGER_REASON_MAX 128

typedef struct Manager {
        Settings settings;
        Remembered remembered; /* the guard is in it */
        Memory *memory;
        Device *device; /* NULL: there is none */
        Cgroups *cgroups;
        Vips *vips;
        sd_event *event;
        sd_event_source *timer;
        sd_bus *bus; /* NULL while there is none */
        uint64_t last_fed_ns, next_bus_ns;
        uint64_t told_state; /* GuardState that was logged and signalled last */
        char reason[MANAGER_REASON_MAX];
        bool kill_failed, vips_failed, feed_failed; /* said so already */
} Manager;

/**
 * manager_new() - Arm the hardware and go on where the last watchdog was
 * @settings:    copied
 * @ret_manager: owned
 *
 * Failures are logged; settings that break the inequality are one. Return: 0; a negative errno.
 */
int manager_new(const Settings *settings, Manager **ret_manager);

/** manager_free() - Let go. The hardware goes on counting where role VMs have to be guarded: in
 * HELD, FENCING and FAILED */
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free)

/**
 * manager_run() - Guard until SIGTERM or SIGINT
 *
 * When the host is being switched off, what was guarded is fenced before this returns.
 *
 * Return: 0; a negative errno, logged.
 */
int manager_run(Manager *manager);

/**
 * manager_guard() - What the cluster has: how long a lease and the leader's delay are, which VIPs
 * @manager:  manager
 * @lease_ns: L
 * @delay_ns: D
 * @pools:    copied
 * @n_pools:  at most VIPS_POOLS_MAX
 * @ret_why:  on INEQUALITY_BROKEN
 *
 * Return: 0; INEQUALITY_BROKEN, and nothing has changed.
 */
int manager_guard(Manager *manager, uint64_t lease_ns, uint64_t delay_ns, const VipPool *pools,
                  size_t n_pools, char ret_why[static INEQUALITY_WHY_MAX]);

/** manager_changed() - The guard was told something: act on it now, and remember it */
void manager_changed(Manager *manager);

/** manager_fence() - Fence now, for this reason */
void manager_fence(Manager *manager, const char *reason);

/** watchdog1_bus_begin() - Connect and offer org.troupe.Watchdog1; nothing waits for the bus.
 * Return: 0; a negative errno */
int watchdog1_bus_begin(Manager *manager);

/** watchdog1_bus_changed() - Send StateChanged */
void watchdog1_bus_changed(Manager *manager);
