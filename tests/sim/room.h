/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Where there is room, counted apart from the core: "where room allows" is what this says.
 *
 * A host has room for an instance when the leader knows it to be alive, it is neither cordoned nor
 * drained, what is placed on it leaves the instance's vCPUs, memory and disk free, and no VM has
 * failed to start on it in the last half hour or since a new leader was elected so long ago: the
 * core avoids such a host for ten minutes from when a leader learns of it. */

#include "tests/sim/state.h"

/** room_of() - What an instance takes */
PlaceSize room_of(const InstanceRecord *instance);

/** room_count() - Add an instance to what is placed on its host (@sign 1), or take it out (-1) */
void room_count(World *world, const InstanceRecord *instance, int sign);

/** room_on() - Whether a host has room for this, as far as leader @c knows */
bool room_on(const World *world, const Controller *c, unsigned index, const PlaceSize *size);
