/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* When each host last renewed its lease, as seen from here: a watch of the keys that hosts write
 * with each renewal. By it a leader names the loss that it counts from, and knows a host's loss
 * also when a new etcd leader has given all leases their whole time again (docs/adr/0124).
 *
 * Followed by those that lead or are the first to do so, not by every host: in a big cluster it is
 * a few hundred keys a second. */

#include <stdbool.h>

#include "lib/io/etcd.h"

typedef struct Pulses Pulses;

typedef struct Pulse {
        int64_t revision;  /* at which it was written */
        uint64_t since_ns; /* CLOCK_BOOTTIME: it was sent before */
        bool silent;       /* none has followed for a whole lease */
} Pulse;

typedef struct PulsesHandlers {
        void *userdata;
        /* a host has not renewed its lease for the whole of it, while others have */
        void (*silent)(void *userdata, const char *host);
        /* a host that was silent has renewed its lease */
        void (*heard)(void *userdata, const char *host);
        /* all there are have been read; after each time that following begins */
        void (*synced)(void *userdata);
} PulsesHandlers;

/**
 * pulses_new() - Make it; nothing is followed yet
 * @etcd:         client, borrowed
 * @handlers:     copied
 * @ret_pulses: owned
 *
 * Return: 0; -ENOMEM.
 */
int pulses_new(Etcd *etcd, const PulsesHandlers *handlers, Pulses **ret_pulses);

/** pulses_free() - End following and forget */
Pulses *pulses_free(Pulses *pulses);
DEFINE_CLEANUP(Pulses *, pulses_free)

/**
 * pulses_follow() - Begin to follow, or end it
 * @pulses:   pulses
 * @lease_ns: how long a lease is; 0: do not follow, and forget
 */
void pulses_follow(Pulses *pulses, uint64_t lease_ns);

/** pulses_synced() - Whether what pulses_get() says is all there is */
bool pulses_synced(const Pulses *pulses);

/** pulses_get() - A host's last renewal; false when there is none, and then it is all zero */
bool pulses_get(const Pulses *pulses, const char *host, Pulse *ret_pulse);
