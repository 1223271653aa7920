/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which hosts have the bytes of a package or a guest operating system, and which are to. The hosts
 * say what they have (FABRIC_HOLD), the leader writes it down; each host finds out by itself
 * whether it is to fetch a copy, by a rule that comes to the same on all of them. */

#include "fabric/state.h"

#define HOLDERS_COPIES 2 /* hosts that are to have it at least, in as many fault domains */

/* A host, as far as the rule looks. */
typedef struct HoldersHost {
        const char *name;
        const char *fault_domain;
        bool counts; /* it is up, and to stay: what it has is a copy, and it may be given one */
} HoldersHost;

/**
 * holders_should_fetch() - Whether a host is to fetch a copy, so that there are enough
 * @digest:  of what
 * @hosts:   all hosts of the cluster, in any order
 * @n_hosts: how many
 * @holders: names of those that have it; others than @hosts do not count
 * @n_holders: how many
 * @self:    the host that asks
 *
 * Enough is HOLDERS_COPIES hosts that count, in HOLDERS_COPIES fault domains, or as many as there
 * are. Those that are short are chosen among the rest: first in fault domains that have no copy,
 * then by a hash of the digest and the name, so that no host is chosen for everything. Where hosts
 * see the cluster differently for a moment there is a copy too many, which does no harm.
 *
 * Return: whether; false as well when nobody that counts has it, as there is nobody to fetch from.
 */
bool holders_should_fetch(const char *digest, const HoldersHost *hosts, size_t n_hosts,
                          const RecordName *holders, size_t n_holders, const char *self);

/**
 * holders_request() - FABRIC_HOLD and FABRIC_UNHOLD: a host has, or does not have, the bytes
 * @fabric: state
 * @record: the record in the mirror: a package or a guest OS
 * @host:   a registered host
 * @holds:  whether
 *
 * Hosts that are not registered any more are taken off the list on the way. When the list is full,
 * a lost host makes room, else the newcomer is left out: it need not be known of all.
 */
void holders_request(Fabric *fabric, Record *record, const Host *host, bool holds);

/** holders_keep() - A package or OS is registered anew over @old: who had it still has it */
void holders_keep(const Record *old, Record *record);
