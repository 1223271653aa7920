/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* When a program that has ended is started again: at once the first time, then after 1, 2, 4, ...
 * 60 seconds; a program that ran for a minute begins anew. Pure. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define RESTART_DELAY_NS         NSEC_PER_SEC
#define RESTART_DELAY_MAX_NS     (60 * NSEC_PER_SEC)
#define RESTART_GOOD_NS          (60 * NSEC_PER_SEC) /* having run this long is to have worked */
#define RESTART_CYCLING_FAILURES 3

/* All zeroes is a program that has not failed. */
typedef struct Restart {
        unsigned failures; /* since it last worked */
} Restart;

/**
 * restart_delay_ns() - Note an end, and say how long to wait before the next start
 * @restart: changed in place
 * @ran_ns:  how long the program had run
 */
uint64_t restart_delay_ns(Restart *restart, uint64_t ran_ns);

/** restart_is_cycling() - Whether it has ended so often that it is shown as CyclingRole */
bool restart_is_cycling(const Restart *restart);
