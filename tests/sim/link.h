/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The way between a host and etcd: how long its messages take, and whether they come through. */

#include "tests/sim/state.h"

#define LINK_SLOW_NS MS(2000) /* the messages of a slow host take up to this */

/** link_latency() - How long a message of this host takes */
uint64_t link_latency(World *world, unsigned index);

/** link_loses() - Whether the next message of this host gets lost */
bool link_loses(World *world, unsigned index);

/** link_latency_max() - No message of the last minute has taken longer */
uint64_t link_latency_max(const World *world);

/** link_break() - The host's connection breaks; it connects again and reads all anew */
void link_break(World *world, unsigned index);
