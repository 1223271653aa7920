/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Between two neighbouring bounds of the rules all addresses fare alike, so the list is asked once
 * for each such piece. */

#include "netd/acl.h"

#include <endian.h>
#include <string.h>

#define BOUNDS_MAX (2 * NET1_ACL_MAX + 2)

typedef struct Bounds {
        uint64_t at[BOUNDS_MAX];
        size_t n;
} Bounds;

static uint64_t first_of(const AclRule *rule)
{
        IpAddress network = ip_network(&rule->network, rule->prefix);
        uint32_t word;

        memcpy(&word, network.bytes, 4);
        return be32toh(word);
}

static uint64_t behind(const AclRule *rule)
{
        return first_of(rule) + (UINT64_C(1) << (32 - rule->prefix));
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return x < y ? -1 : x > y;
}

static bool lets_in(const AclRule *rules, size_t n_rules, uint64_t address)
{
        bool any_permit = false;

        for (size_t i = 0; i < n_rules; i++) {
                if (rules[i].network.family == 4 && address >= first_of(&rules[i]) &&
                    address < behind(&rules[i]))
                        return rules[i].permit;
                any_permit = any_permit || rules[i].permit;
        }
        return !any_permit;
}

static void put(uint8_t bytes[static 4], uint64_t address)
{
        uint32_t word = htobe32((uint32_t) address);

        memcpy(bytes, &word, 4);
}

size_t acl_denied(const AclRule *rules, size_t n_rules, AclRange *ranges)
{
        Bounds bounds = {.at = {0, UINT64_C(1) << 32}, .n = 2};
        bool was_denied = false;
        size_t n = 0;

        assert(n_rules <= NET1_ACL_MAX);
        for (size_t i = 0; i < n_rules; i++)
                if (rules[i].network.family == 4) {
                        bounds.at[bounds.n++] = first_of(&rules[i]);
                        bounds.at[bounds.n++] = behind(&rules[i]);
                }
        qsort(bounds.at, bounds.n, sizeof(*bounds.at), compare);
        for (size_t i = 0; i + 1 < bounds.n; i++) {
                bool denied;

                if (bounds.at[i] == bounds.at[i + 1])
                        continue;
                denied = !lets_in(rules, n_rules, bounds.at[i]);
                if (denied && !was_denied)
                        put(ranges[n++].first, bounds.at[i]);
                if (denied)
                        put(ranges[n - 1].last, bounds.at[i + 1] - 1);
                was_denied = denied;
        }
        return n;
}
