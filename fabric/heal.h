/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The healing ladder of one instance whose host is alive. What goes wrong inside the guest while
 * the agent speaks (a role that dies, hangs or cycles) is the agent's to heal, and is not answered
 * here: moving a broken application around helps nobody.
 *
 *   agent silent -> reset -> still not Ready -> reimage -> still not -> stop here, start elsewhere
 *
 * After a whole round each deadline doubles, so that an instance which cannot be healed costs less
 * and less. Ready for stable_ms and all is forgotten. */

#include "fabric/state.h"

#define HEAL_FAILED_MS     10000 /* after FailedStartingVM */
#define HEAL_DOUBLINGS_MAX 5

/** heal_phase() - What an instance is doing, from what is observed of it */
Phase heal_phase(const Instance *instance);

/**
 * heal_check() - Climb a rung if its time has come, and set the instance's timer for the next
 *
 * The instance is wanted, POWER_RUNNING, and its host is alive.
 */
void heal_check(Fabric *fabric, Instance *instance);
