/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What always has to hold, and what has to hold when all has been quiet for long. */

#include "tests/sim/state.h"

/** check_host_update() - A host is told to update itself: none of another fault domain may be at it
 */
void check_host_update(World *world, const HostRecord *old, const HostRecord *new);

/** check_incarnation() - Incarnations only grow, and stay where they are */
void check_incarnation(World *world, const InstanceRecord *old, const InstanceRecord *new);
