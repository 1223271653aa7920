/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Takes this host's VIPs from its interfaces, with rtnetlink of its own, so that no request comes
 * here any more, whatever netd does. A VIP is known by the pools that the cluster takes VIPs from.
 */

#include <stddef.h>

#include "lib/base/ip.h"
#include "lib/base/macros.h"

#define VIPS_POOLS_MAX 16

typedef struct VipPool {
        IpAddress first, last;
} VipPool;

typedef struct Vips Vips;

/** vips_open() - Open a socket to the kernel. Return: 0; the errno of socket() or bind(); -ENOMEM
 */
int vips_open(Vips **ret_vips);

/** vips_close() - Close it */
Vips *vips_close(Vips *vips);
DEFINE_CLEANUP(Vips *, vips_close)

/**
 * vips_remove() - Remove every address that is in a pool, from every interface
 * @vips:        socket
 * @pools:       pools
 * @n_pools:     number of them
 * @ret_removed: how many there were
 *
 * Return: 0; the errno of netlink; -EBADMSG.
 */
int vips_remove(Vips *vips, const VipPool *pools, size_t n_pools, size_t *ret_removed);
