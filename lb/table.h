/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Bucket tables: which member serves bucket i. Pure; equal on every host for equal members, in
 * whatever order they are given. A flow's hash modulo the table's size is its bucket.
 *
 * Tables come in few sizes, because a packet's hash is taken modulo a constant of the ruleset.
 * Small groups have a table of exactly their size: perfectly even, and connections that are under
 * way do not mind, conntrack remembers them. Where a client is to keep its member (sticky), and for
 * large groups, sizes are primes many times the number of members and the table is Maglev's: a
 * member that leaves moves hardly any bucket of the others. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define LB_SIZES_MAX   12
#define LB_MEMBERS_MAX 1024
#define LB_TABLE_MAX   20161

typedef struct LbMember {
        uint64_t hash;   /* of its name; equal hashes are the same member */
        uint32_t weight; /* turns it takes relative to the others; 0: none */
} LbMember;

/** lb_size() - The size with this index: 0 to LB_SIZES_MAX - 1, increasing */
uint32_t lb_size(unsigned index) _pure_;

/**
 * lb_size_index() - Which size suits a group
 * @n_members: 1 to LB_MEMBERS_MAX
 * @sticky:    whether a bucket is to keep its member when others come and go
 */
unsigned lb_size_index(size_t n_members, bool sticky) _pure_;

/**
 * lb_table_fill() - Fill a bucket table
 * @members:   members, at most LB_MEMBERS_MAX
 * @n_members: number of them
 * @table:     room for @size indices into @members
 * @size:      one of the sizes of lb_size(), not less than the members of weight > 0
 *
 * With equal weights no member has over one bucket more than another.
 *
 * Return: 0; -ENOENT when no member has any weight; -ENOMEM. @table is written on success only.
 * Source: Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer", 2016,
 * section 3.4
 */
int lb_table_fill(const LbMember *members, size_t n_members, uint16_t *table, uint32_t size);
