/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The one clock that Troupe decides by: CLOCK_BOOTTIME, which counts through suspend and is never
 * set. */

#include <time.h>

#include "lib/base/macros.h"

/** clock_boottime_ns() - Nanoseconds since boot, suspend included */
static inline uint64_t clock_boottime_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t) now.tv_sec * NSEC_PER_SEC + (uint64_t) now.tv_nsec;
}

/** clock_realtime_us() - Microseconds since the epoch: only to show to people, never to decide by
 */
static inline uint64_t clock_realtime_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
}
