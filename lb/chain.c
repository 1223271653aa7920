/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Chains are short and their hosts few, so all is done by looking through them. */

#include "lb/chain.h"

#include <string.h>

void lb_chains_deinit(LbChains *chains)
{
        free(chains->chains);
        *chains = (LbChains) {};
}

static int allocate(uint32_t size, LbChains *ret_chains)
{
        LbChain *chains = calloc(size, sizeof(*chains));

        if (!chains)
                return -ENOMEM;
        *ret_chains = (LbChains) {chains, size};
        return 0;
}

int lb_chains_copy(const LbChains *chains, LbChains *ret_chains)
{
        int r;

        if (chains->size == 0) {
                *ret_chains = (LbChains) {};
                return 0;
        }
        r = allocate(chains->size, ret_chains);
        if (r == 0)
                memcpy(ret_chains->chains, chains->chains, chains->size * sizeof(LbChain));
        return r;
}

bool lb_chains_equal(const LbChains *a, const LbChains *b)
{
        return a->size == b->size &&
               (a->size == 0 || memcmp(a->chains, b->chains, a->size * sizeof(LbChain)) == 0);
}

/* Appends a host that is not yet in the chain, if there is room. */
static void remember(LbChain *chain, uint16_t host)
{
        for (size_t i = 0; host != 0 && i < LB_CHAIN_MAX; i++) {
                if (chain->hosts[i] == host)
                        return;
                if (chain->hosts[i] == 0) {
                        chain->hosts[i] = host;
                        return;
                }
        }
}

/* The old bucket of the first or last hash value of a new one. */
static uint32_t old_bucket(uint64_t hash, uint32_t size)
{
        return (uint32_t) (hash * size >> 32);
}

static void step_bucket(const LbChains *before, uint32_t bucket, uint32_t size, LbChain *chain)
{
        uint64_t first = (((uint64_t) bucket << 32) + size - 1) / size;
        uint64_t behind = (((uint64_t) (bucket + 1) << 32) + size - 1) / size;
        uint32_t from = old_bucket(first, before->size);
        uint32_t to = old_bucket(behind - 1, before->size);

        for (size_t age = 0; age < LB_CHAIN_MAX; age++)
                for (uint32_t i = from; i <= to; i++)
                        remember(chain, before->chains[i].hosts[age]);
}

int lb_chains_step(const LbChains *before, const uint16_t *owners, uint32_t size,
                   LbChains *ret_chains)
{
        LbChains after;
        int r;

        assert(size > 0);
        r = allocate(size, &after);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < size; i++) {
                remember(&after.chains[i], owners[i]);
                if (before->size > 0)
                        step_bucket(before, i, size, &after.chains[i]);
        }
        *ret_chains = after;
        return 0;
}
