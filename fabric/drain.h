/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Draining: an instance leaves a host before which another can do its work.
 *
 * An instance never runs twice, so it cannot be started elsewhere before it has been stopped. What
 * is made before the break is a surge instance: one more of the role, with a number behind the
 * last, on another host. The instances of one upgrade domain are stopped when as many surge
 * instances serve, and start elsewhere as their next incarnations; then those of the next domain,
 * and in the end the surge instances go.
 *
 *     leaving, serving ──surge instances made──► they serve ──stop──► moved ──serves──► next domain
 *            └── no room for both, or a worker that is the only one: no surge ──stop──►
 *
 * DeploymentRole.surge says how many there are to be, so the next leader goes on from there. */

#include "fabric/state.h"

typedef struct DrainWait {
        uint32_t n_roomless; /* instances that fit nowhere else at present */
        const Instance
                *behind; /* one that has to serve, or to be gone, before it goes on; or NULL */
} DrainWait;

/* Room that is meant for an instance, as long as a pass takes. */
typedef struct DrainRoom {
        PlaceSize size;
        uint32_t place;
} DrainRoom;

/* A look at hosts that are drained, one or many. */
typedef struct DrainPass {
        DrainRoom *list;
        size_t n;
} DrainPass;

/** drain_begin() - Begin a pass; room is kept for what has been stopped and not placed again yet */
void drain_begin(Fabric *fabric, DrainPass *ret_pass);

/**
 * drain_host() - Do what can be done now to empty a host
 * @fabric:   state
 * @pass:     begun
 * @host:     registered and draining
 * @ret_wait: what it waits for
 *
 * Of a role only instances of one upgrade domain are on the move at a time, over all hosts that are
 * drained, and none is stopped before there is room for it elsewhere.
 */
void drain_host(Fabric *fabric, DrainPass *pass, Host *host, DrainWait *ret_wait);

/** drain_end() - End it: room that was kept is free again */
void drain_end(Fabric *fabric, DrainPass *pass);

/**
 * drain_surge_check() - Let a role's surge instances go when nothing needs them any more
 * @fabric:     state
 * @deployment: deployment, checked otherwise
 * @role:       index of its role
 *
 * That is when none of its instances is on a host that is drained or on the move; at once when one
 * of the deployment's own instances has no room, or a surge instance has lost its own host.
 */
void drain_surge_check(Fabric *fabric, Deployment *deployment, size_t role);
