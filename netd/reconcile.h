/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Start and repair: the kernel made equal to the declared state, whatever is in it. */

#include "netd/manager.h"

/**
 * reconcile() - Read the kernel, compare, write the difference
 * @manager: as long as it has no bus, it is starting: what the kernel remembers of backends'
 * health, of chains and of closed VIPs is taken over
 *
 * Does what it can even if a part fails. Return: 0; a negative errno, which is logged.
 */
int reconcile(Manager *manager);

/** reconcile_numbers() - Give hosts the numbers by which the kernel's routes and marks know them,
 * at start. Return: 0; a negative errno, and links_why() says more */
int reconcile_numbers(Manager *manager);
