/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What of the declared objects is not in the kernel's tables: interfaces, addresses, ways to other
 * hosts, probes, announcements. */

#include "netd/manager.h"
#include "netd/touched.h"

/**
 * settle_links() - Make the bridges, taps and ways to hosts that the rules and all later need
 * @manager: the change is applied to its state
 * @change:  whose
 * @error:   filled in on STATE_REFUSED
 *
 * Return: 0; STATE_REFUSED: the kernel refused; what was made until then is there.
 */
int settle_links(Manager *manager, const StateChange *change, StateError *error);

/** settle_remove_link() - Remove the interface of @object, if it has one, unless @other has the
 * same; both may be NULL */
void settle_remove_link(Manager *manager, const Object *object, const Object *other);

/** settle_withdrawn() - Before the kernel's tables forget a VIP its address goes: else the host's
 * own services would answer on it for a moment */
void settle_withdrawn(Manager *manager, const StateChange *change);

/** settle_change() - Carry out what follows the rules; what fails is logged and left to the repair
 */
void settle_change(Manager *manager, const StateChange *change, const Touched *touched);

/** settle_object() - Make true what follows the rules for one object, again if need be.
 * Return: 0; a negative errno, which is logged */
int settle_object(Manager *manager, Object *object);

/** settle_vip() - settle_object() of a VIP: nothing while VIPs are closed */
int settle_vip(Manager *manager, const Vip *vip);

/** settle_path() - A PathsHandler whose @userdata is the manager */
bool settle_path(void *userdata, const LinkPeer *peer, bool directly);

/** settle_hosts() - Make the ways to all other hosts; that to one which is not alive stays, it is
 * only not gone. Return: 0; a negative errno, and links_why() says more */
int settle_hosts(Manager *manager);

/** settle_uplink() - The interface of a VIP: its own, or manager_uplink(), which is put in @name */
const char *settle_uplink(Manager *manager, const Vip *vip, char name[static IFNAMSIZ]);
