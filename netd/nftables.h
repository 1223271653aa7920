/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* netd's tables in the kernel: `inet troupe` and `bridge troupe`. The ruleset in them is constant
 * (nftables-ruleset.c has it), what changes are the elements of its sets and maps. */

#include "netd/elements.h"

#define NFTABLES_WHY_MAX 160

typedef struct Nftables Nftables;

/**
 * nftables_new() - Connect to the kernel
 * @ret_nftables: owned
 *
 * Return: 0; -ENOMEM; the errno of netlink.
 */
int nftables_new(Nftables **ret_nftables);

/** nftables_free() - Disconnect; what is in the kernel stays there */
void nftables_free(Nftables *nftables);
DEFINE_CLEANUP(Nftables *, nftables_free)

/**
 * nftables_read() - Read back what the kernel has
 * @nftables:     connection
 * @ret_current:  whether both tables are there with exactly this program's ruleset
 * @ret_elements: all elements of its sets, sorted; unless @ret_current only what is found
 * out and not declared: buckets, and what they remember
 *
 * Return: 0; -ENOMEM; the errno of netlink.
 */
int nftables_read(Nftables *nftables, bool *ret_current, Elements *ret_elements);

/**
 * nftables_write() - Change the kernel's tables in one transaction
 * @nftables: connection
 * @rebuild:  make both tables anew, whatever was in them; @gone is to be empty then
 * @gone:     elements to delete, which are there
 * @new:      elements to add, which are not there once @gone is gone
 * @why:      room for NFTABLES_WHY_MAX; filled in on failure with what the kernel refused
 *
 * Return: 0; the kernel's negative errno, and then nothing has changed.
 */
int nftables_write(Nftables *nftables, bool rebuild, const Elements *gone, const Elements *new,
                   char *why);

/**
 * nftables_write_difference() - Get the kernel's tables from one list of elements to another
 * @nftables: connection
 * @before:   what the kernel has; sorted by the call
 * @after:    what it is to have; sorted by the call
 * @why:      filled in on failure
 *
 * Return: 0; a negative errno, and then nothing has changed.
 */
int nftables_write_difference(Nftables *nftables, Elements *before, Elements *after,
                              char why[static NFTABLES_WHY_MAX]);
