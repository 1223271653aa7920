/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What always has to hold, and what has to hold when all has been quiet for long. */

#include "tests/sim/state.h"

/** check_incarnation() - Incarnations only grow, and stay where they are */
void check_incarnation(World *world, const InstanceRecord *old, const InstanceRecord *new);

/** is_stopped_by_drain() - Its host is drained and it is to stop */
bool is_stopped_by_drain(const World *world, const InstanceRecord *instance);

/** check_walk() - An instance is written anew: perhaps a walk takes it down */
void check_walk(World *world, const InstanceRecord *old, const InstanceRecord *new);

/** check_walked() - An instance is observed: perhaps it is back */
void check_walked(World *world, const ObservedRecord *observed);

/** check_domains() - A drain stops instances of one upgrade domain of a role at a time */
void check_domains(World *world, const InstanceRecord *stopped);
