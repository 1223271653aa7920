/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A stable 64-bit hash and a seeded generator: the same on every machine, in every version. Not for
 * secrets, and not for tables an attacker may fill (map.h is seeded for those). */

#include "lib/base/macros.h"

/**
 * hash_bytes() - Stable hash of some bytes
 * @data:   bytes
 * @length: number of bytes
 * @seed:   changes the whole function
 *
 * FNV-1a over the bytes, then the finaliser of splitmix64 so that near keys land far apart.
 * Source: Fowler, Noll, Vo; Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
 * 2014
 */
uint64_t hash_bytes(const void *data, size_t length, uint64_t seed) _pure_;

/** hash_text() - Stable hash of a text, as hash_bytes() */
uint64_t hash_text(const char *text, uint64_t seed) _pure_;

/** hash_mix() - The finaliser of splitmix64: a bijection that spreads any change over all bits */
static inline uint64_t hash_mix(uint64_t x)
{
        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        return x ^ (x >> 31);
}

/**
 * random_next() - Next number of a seeded sequence (splitmix64)
 * @state: seed, changed by each call
 */
static inline uint64_t random_next(uint64_t *state)
{
        *state += UINT64_C(0x9e3779b97f4a7c15);
        return hash_mix(*state);
}

/**
 * random_below() - Next number below a limit, without bias that matters
 * @state: seed, changed by each call
 * @limit: one more than the largest result; not 0
 *
 * Source: Lemire, "Fast random integer generation in an interval", 2019
 */
static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
        return (uint64_t) (((unsigned __int128) random_next(state) * limit) >> 64);
}
