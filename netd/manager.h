/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The manager owns everything: the declared state, the kernel's side of it, the probes, the
 * announcements and the bus. A declaration comes in and is made true or refused as a whole; a
 * probe's verdict comes in and the buckets it concerns are rewritten. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "lb/prober/probe.h"
#include "netd/announce.h"
#include "netd/links.h"
#include "netd/nftables.h"
#include "netd/paths.h"
#include "netd/store.h"

#define ERROR_KERNEL  "org.troupe.Error.Kernel"
#define ERROR_STORAGE "org.troupe.Error.Storage"
#define ERROR_LARGE   "org.troupe.Error.TooLarge"

typedef struct ManagerOptions {
        const char *directory; /* where the state is kept */
        const char *uplink;    /* "": the default route's */
        const char *bus;       /* address; NULL: the system bus */
} ManagerOptions;

typedef struct Manager {
        sd_event *event;
        sd_bus *bus;
        State state;
        Store *store;
        Nftables *nftables;
        Links *links;
        Prober *prober;
        Announcer *announcer;
        Paths *paths;
        sd_event_source *teller; /* signals what changed, when nothing else is to be done */
        Map untold;              /* keys of endpoints whose rotation may have changed */
        sd_event_source *repair; /* a kernel write failed outside of a declaration */
        char uplink[IFNAMSIZ];   /* of the options */
        bool fenced;             /* all VIPs are closed */
        bool overlay_only;       /* nothing leads to hosts directly, and why was logged */
        uint64_t generation;
} Manager;

/**
 * manager_new() - Read the state back and make the kernel equal to it
 * @options:     borrowed for the call
 * @ret_manager: owned
 *
 * Failures are logged. Return: 0; a negative errno.
 */
int manager_new(const ManagerOptions *options, Manager **ret_manager);

/** manager_free() - Let go of everything; the kernel's side stays as it is, packets go on */
void manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free)

/** manager_run() - Serve the bus until SIGTERM or SIGINT. Return: 0; a negative errno */
int manager_run(Manager *manager);

/**
 * manager_declare() - Carry out Replace or Update
 * @manager: manager
 * @wanted:  as decoded from the bus; hostile
 * @replace: whether it is the whole state
 * @error:   filled in on STATE_REFUSED
 *
 * Return: 0; STATE_REFUSED, and nothing has changed; -ENOMEM.
 */
int manager_declare(Manager *manager, const Net1State *wanted, bool replace, StateError *error);

/**
 * manager_fence() - Close all VIPs of this host, or open them again
 * @manager: manager
 * @closed:  whether packets to and from VIPs stop
 * @error:   filled in on STATE_REFUSED
 *
 * Return: 0; STATE_REFUSED: the kernel refused, and nothing has changed; -ENOMEM.
 */
int manager_fence(Manager *manager, bool closed, StateError *error);

/** manager_why() - Why a backend is not in rotation, as the contract tells it; "" when it is in */
const char *manager_why(const Manager *manager, const Backend *backend);

/** manager_uplink() - The interface for VIPs that name none; "" when there is none */
void manager_uplink(Manager *manager, char ret_name[static IFNAMSIZ]);

/** manager_repair_later() - Something could not be made true: try again from the start in a second
 */
void manager_repair_later(Manager *manager);

/** net1_bus_begin() - Offer org.troupe.Net1 on the manager's bus. Return: 0; a negative errno */
int net1_bus_begin(Manager *manager);

/** net1_bus_fenced() - Tell that the property Fenced has changed */
void net1_bus_fenced(Manager *manager);

/** net1_bus_rotation() - Send RotationChanged */
void net1_bus_rotation(Manager *manager, const Backend *backend);
