/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* From what a step has changed to transactions. */

#include "fabric/state.h"

/**
 * plan_build() - Write the step's changes up as the plan
 * @fabric: its plan is set; its changes are empty afterwards
 *
 * All in one transaction where that is possible. Otherwise each transaction leaves a state that a
 * new leader can go on from: first what is wanted (services, deployments, running operations), then
 * instances, last what is removed.
 */
void plan_build(Fabric *fabric);
