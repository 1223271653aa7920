/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The connections through VIPs that the kernel knows: counted and ended by instance. */

#include "lib/base/ip.h"

/**
 * conntrack_count() - Count an instance's open connections through VIPs
 * @instance:  its address
 * @ret_count: TCP connections not yet closed, and UDP flows
 *
 * Return: 0; the errno of netlink.
 */
int conntrack_count(const IpAddress *instance, uint32_t *ret_count);

/** conntrack_cut() - Forget them, so that their next packet meets a reset; @ret_count: how many.
 * Return: as above */
int conntrack_cut(const IpAddress *instance, uint32_t *ret_count);
