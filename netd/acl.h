/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* An ordered access list made into ranges that need no order: the addresses it keeps out. */

#include "lib/api/net1.h"
#include "netd/state.h"

#define ACL_RANGES_MAX (NET1_ACL_MAX + 1)

typedef struct AclRange {
        uint8_t first[4];
        uint8_t last[4]; /* inclusive */
} AclRange;

/**
 * acl_denied() - The IPv4 addresses that a list keeps out
 * @rules:   in order: the first that contains the address decides. IPv6 rules concern nobody here
 * @n_rules: at most NET1_ACL_MAX
 * @ranges:  room for ACL_RANGES_MAX
 *
 * An address in no rule is let in if there is no permit rule, and kept out if there is one.
 *
 * Return: number of ranges, increasing, with gaps between them.
 */
size_t acl_denied(const AclRule *rules, size_t n_rules, AclRange *ranges);
