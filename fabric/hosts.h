/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Hosts: their leases, the brake, capacity. */

#include "fabric/state.h"

/** hosts_sync() - After loading: which hosts are alive, and what instances may use of them */
void hosts_sync(Fabric *fabric);

/** hosts_synced() - After all else is loaded: whether the brake has to be on */
void hosts_synced(Fabric *fabric);

/** host_alive() - A host's alive key was written */
void host_alive(Fabric *fabric, const char *name);

/** host_lost() - A host's alive key is gone: etcd has expired its lease */
void host_lost(Fabric *fabric, const char *name);

/**
 * host_silent() - Since when nothing was heard of a host
 * @fabric:   state
 * @name:     host
 * @renewal:  revision of its last renewal
 * @since_ns: when this leader saw it, or later
 *
 * A host that is not alive is gone when its watchdog has ended it by that renewal, a whole lease
 * and the leader's delay after @since_ns, even if that is sooner than what host_lost() says. One
 * that counts as alive is lost if a lease has passed since then.
 */
void host_silent(Fabric *fabric, const char *name, int64_t renewal, uint64_t since_ns);

/** hosts_check() - Once in a step: put the brake on when too many vanished at once, and off when
 * enough of them are back */
void hosts_check(Fabric *fabric);

/** host_timer() - A host's timer fired: it has been lost for long enough */
void host_timer(Fabric *fabric, Host *host);

/** host_refresh() - A host's record or being alive has changed: placement is told */
void host_refresh(Fabric *fabric, Host *host);

#define HOST_SUSPECT_MS 600000

/** host_set_suspect() - A VM could not be started on a host, or one has become Ready there */
void host_set_suspect(Fabric *fabric, Host *host, bool suspect);

/**
 * host_pick() - place_pick(), and where that finds no room, among the hosts that are suspect
 *
 * Return: 0; PLACE_NO_ROOM.
 */
int host_pick(Fabric *fabric, const PlaceSpread *spread, const PlaceSize *size, uint32_t avoid,
              uint32_t *ret_place);

/** host_remove() - By an operator: a host that is gone, or drained, is no more of the cluster */
void host_remove(Fabric *fabric, Host *host);

/** hosts_release_brake() - By an operator: what is lost now counts as gone for good */
void hosts_release_brake(Fabric *fabric);
