/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which host announces which VIP. A VIP stays where it is as long as that host is not lost and not
 * drained: moving it costs a moment in which no host answers for it. Only when a host has more than
 * twice its share, as after a cold start the one that was there first, and no host and no VIP has
 * come or gone for a while, they are moved one by one until it is even. The brake does not hold
 * VIPs that need an owner: taking an address over starts nothing. */

#include "fabric/state.h"

#define OWNERS_CALM_MS 300000
#define OWNERS_STEP_MS 30000

/** owners_sync() - After loading: hosts that own a VIP are known, also when nothing else names them
 */
void owners_sync(Fabric *fabric);

/**
 * owners_check() - Give every VIP an owner that can announce it, as far as there is one
 * @fabric: its owners_changed is cleared
 *
 * The new owner is the host with the fewest VIPs among those that are alive and not cordoned, ties
 * by the stable hash of the names; where there is none, a cordoned one, before nobody announces it.
 * A VIP is taken from a lost host only when that is gone, and on the condition that it still is.
 */
void owners_check(Fabric *fabric);

/** owners_disturbed() - A host or a VIP has changed: VIPs are moved only after a calm that begins
 * now */
void owners_disturbed(Fabric *fabric);

/** owners_timer() - It has been calm for long enough: move one VIP, if it is not even */
void owners_timer(Fabric *fabric);
