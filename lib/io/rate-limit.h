/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* How often an address may do something: a token bucket per address, in a table of fixed size.
 * Addresses that fall into the same place share a bucket; where they fall is not known outside, so
 * nobody can choose whom to share with. Pure: time comes in. */

#include <stdbool.h>

#include "lib/base/ip.h"

#define RATE_LIMIT_BUCKETS 512

/* All zeroes but for the rate, the burst and the seed is a valid start: every bucket is full. */
typedef struct RateLimit {
        uint32_t per_s; /* tokens that come back each second */
        uint32_t burst; /* tokens that a bucket holds at most, 1 or more */
        uint64_t seed;  /* random */
        struct {
                uint64_t spent_until_ns; /* the bucket is full again from then on */
        } buckets[RATE_LIMIT_BUCKETS];
} RateLimit;

/**
 * rate_limit_take() - Take a token of an address's bucket
 * @limit:   table
 * @address: of an IPv6 address its first 64 bits count
 * @now_ns:  CLOCK_BOOTTIME
 *
 * Return: whether there was one.
 * Source: the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371
 */
bool rate_limit_take(RateLimit *limit, const IpAddress *address, uint64_t now_ns);
