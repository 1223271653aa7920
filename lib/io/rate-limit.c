/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bucket is one number: when it would be full again. Taking a token moves that one interval
 * further, and may not move it further than a burst from now. */

#include "lib/io/rate-limit.h"

#include "lib/base/hash.h"

bool rate_limit_take(RateLimit *limit, const IpAddress *address, uint64_t now_ns)
{
        size_t length = address->family == 6 ? 8 : sizeof(address->bytes);
        uint64_t *until, full_ns, interval_ns = NSEC_PER_SEC / MAX(limit->per_s, 1U);

        until = &limit->buckets[hash_bytes(address->bytes, length, limit->seed ^ address->family) %
                                RATE_LIMIT_BUCKETS]
                         .spent_until_ns;
        full_ns = MAX(*until, now_ns);
        if (full_ns + interval_ns - now_ns > interval_ns * MAX(limit->burst, 1U))
                return false;
        *until = full_ns + interval_ns;
        return true;
}
