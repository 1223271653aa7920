/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The stable hash. Its values are part of what is stored (ties, tap names, buckets): never change
 * it. */

#include "lib/base/hash.h"

#include <string.h>

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)

uint64_t hash_bytes(const void *data, size_t length, uint64_t seed)
{
        const uint8_t *bytes = data;
        uint64_t h = FNV_OFFSET ^ hash_mix(seed);

        for (size_t i = 0; i < length; i++)
                h = (h ^ bytes[i]) * FNV_PRIME;
        return hash_mix(h);
}

uint64_t hash_text(const char *text, uint64_t seed)
{
        return hash_bytes(text, strlen(text), seed);
}
