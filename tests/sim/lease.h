/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Leases, and the fences that end a host's VMs before its lease is over.
 *
 * Renewals are not events (there would be millions): while a host can reach etcd its lease is in
 * order; the moment it cannot, the time of its last renewal is drawn, and its fences and the
 * lease's end are set from that. */

#include "tests/sim/state.h"

/** lease_stop() - The host cannot renew any more */
void lease_stop(World *world, unsigned index);

/** lease_resume() - It can reach etcd again */
void lease_resume(World *world, unsigned index);

/** lease_rejoin() - It has said anew that it is alive */
void lease_rejoin(World *world, unsigned index);

/** lease_expire() - etcd ends the lease */
void lease_expire(World *world, unsigned index);

/** lease_silent() - Leaders have not seen a renewal for a whole lease */
void lease_silent(World *world, unsigned index);

/** lease_fence() - No VM is started from now on, and those that run are dead a little later */
void lease_fence(World *world, unsigned index);

/** lease_booted() - Its hostd has started */
void lease_booted(World *world, unsigned index);
