/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The queue of what is to happen, a heap by time and then by the order it was put in; and chance.
 */

#include "tests/sim/state.h"

/** chance_below() - A number below @limit; 0 where nothing is left to chance */
uint64_t chance_below(World *world, uint64_t limit);

/** chance_about() - About @span: exactly, or between a half and three halves */
uint64_t chance_about(World *world, uint64_t span);

/** chance_latency() - How long a message takes */
uint64_t chance_latency(World *world);

/** queue_push() - Let @event happen at @time_ns, or now if that is over; what it owns goes over */
void queue_push(World *world, uint64_t time_ns, Event event);

/** queue_pop() - Take out the first event; there is one */
Event queue_pop(World *world);
