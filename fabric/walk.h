/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Guest OS walks: the instances of a deployment are brought to another version, one upgrade domain
 * after the other. Where an instance is, its address and its local storage stay: it is reimaged.
 *
 *              guest_os_next(), and all serve
 *   settled ───────────────────────────────────► walking: a domain ──all serve──► the next ... ─┐
 *      ▲ ▲                                          │   ▲                                        │
 *      │ │     one on the new version not Ready ◄───┤   └─all serve─┐                            │
 *      │ │     in WALK_PATIENCE, or it was disabled │               │                            │
 *      │ │              │                           └─ others not ─► standing still              │
 *      │ └─all are back─┴─ reverting (os_failed)       in that time  (no operation)              │
 *      └──────────────────────────────── os_current = os_next ◄──────────────────────────────────┘
 *
 * DeploymentRecord.os_next is set while it walks; without it all that is not os_current is walked
 * back. So the next leader goes on by looking at the records. An operation of the kind `update`
 * records the walk, and by being there refuses other operations on the deployment.
 *
 * Invariant: an instance that serves is only taken down when all of the deployment in other upgrade
 * domains serve. One that is not Ready is brought at once, where it is brought back, away from a
 * version that is disabled, or to a newer one after it never was Ready. */

#include "fabric/state.h"

/**
 * walk_check() - Do what can be done now for a deployment's guest OS
 * @fabric:     state
 * @deployment: checked otherwise, and not being deleted
 */
void walk_check(Fabric *fabric, Deployment *deployment);

/** walk_timer() - A walk's operation has stood still for walk_patience_ms() */
void walk_timer(Fabric *fabric, Operation *operation);

/** walk_patience_ms() - As long as stopping gracefully, a boot and a start of the role take */
uint64_t walk_patience_ms(const Fabric *fabric);
