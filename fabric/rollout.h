/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The update of hosts' own system over the cluster: an operation of kind OPERATION_UPDATE_HOSTS.
 *
 * One fault domain at a time; where there are fewer than three of them one host at a time, for a
 * domain may then have so many of etcd's voters that the rest is no majority. Who is first by name
 * is next, with its domain; a big domain's hosts follow one another. The first that fails ends it:
 * those that wait are left as they are, those that are restarting are waited for.
 *
 * Invariant: no host is told to update itself while one of another fault domain is on its way. */

#include "fabric/state.h"

/**
 * rollout_begin() - Make hosts part of an update
 * @fabric:    state
 * @operation: of kind OPERATION_UPDATE_HOSTS
 * @hosts:     names with commas between, each once and registered; "" for all there are
 * @url:       where the new version is; "" for where each host looks by itself
 */
void rollout_begin(Fabric *fabric, Operation *operation, const char *hosts, const char *url);

/** rollout_check() - Do what can be done now */
void rollout_check(Fabric *fabric, Operation *operation);

/** rollout_timer() - It has stood still for operation_ms: what is on its way has failed */
void rollout_timer(Fabric *fabric, Operation *operation);

/** rollout_has_room() - Whether there is a host to take what a host carries while it is updated */
bool rollout_has_room(Fabric *fabric, const Host *host);

/** rollout_next_name() - Walk a list of names: the next one into @name; NULL behind the last */
const char *rollout_next_name(const char *list, RecordName name);
