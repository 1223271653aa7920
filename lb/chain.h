/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Who had a bucket, newest first. A table of hosts changes; connections that began under an older
 * one are still with the host that had their bucket then. So each bucket remembers its last hosts:
 * as many moves of one bucket are survived, however many changes of the table that took. Pure. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define LB_CHAIN_MAX 4

/* Numbers of hosts, all different, from the one that has the bucket now; 0 ends it. */
typedef struct LbChain {
        uint16_t hosts[LB_CHAIN_MAX];
} LbChain;

/* All zeroes: there is no table. */
typedef struct LbChains {
        LbChain *chains;
        uint32_t size;
} LbChains;

/** lb_chains_deinit() - Free the chains; empty afterwards */
void lb_chains_deinit(LbChains *chains);

/** lb_chains_copy() - @ret_chains: owned. Return: 0; -ENOMEM */
int lb_chains_copy(const LbChains *chains, LbChains *ret_chains);

/** lb_chains_equal() - Whether both are the same table with the same past */
bool lb_chains_equal(const LbChains *a, const LbChains *b);

/**
 * lb_chains_step() - What buckets remember after a change of the table
 * @before:     chains until now, may be empty
 * @owners:     number of the host that has bucket i from now on, never 0
 * @size:       of the new table, at least 1
 * @ret_chains: owned
 *
 * When the size changes, a new bucket remembers the hosts of all old ones that share a part of the
 * hash's range with it: a bucket is the hash scaled to the size (nft_hash.c, reciprocal_scale()).
 *
 * Return: 0; -ENOMEM.
 */
int lb_chains_step(const LbChains *before, const uint16_t *owners, uint32_t size,
                   LbChains *ret_chains);
