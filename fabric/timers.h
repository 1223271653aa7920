/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Deadlines: a heap of timers that live inside what they belong to. */

#include <stdbool.h>

#include "lib/base/macros.h"

/* All zero is a timer that is not set. */
typedef struct Timer {
        uint64_t at_ns;
        uint64_t serial; /* of timers for the same moment the one set first is first */
        size_t place;    /* 1 + index in the heap; 0 when not set */
        unsigned kind;   /* what it belongs to: the owner's business */
} Timer;

typedef struct Timers {
        Timer **heap;
        size_t n_heap;
        uint64_t serial;
} Timers;

/**
 * timers_set() - Set a timer, or set it anew
 * @timers: heap
 * @timer:  borrowed until it has fired or is cleared
 * @at_ns:  when
 *
 * Return: 0; -ENOMEM, and then nothing has changed.
 */
int timers_set(Timers *timers, Timer *timer, uint64_t at_ns);

/** timers_clear() - A timer is not to fire; it need not be set */
void timers_clear(Timers *timers, Timer *timer);

/** timers_next() - When the next timer fires; UINT64_MAX when none is set */
uint64_t timers_next(const Timers *timers);

/** timers_pop() - The next timer whose time has come, cleared; NULL when there is none */
Timer *timers_pop(Timers *timers, uint64_t now_ns);

/** timers_deinit() - Free the heap; the timers are their owners' */
void timers_deinit(Timers *timers);
