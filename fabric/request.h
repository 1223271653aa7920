/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What operators ask for: checked in full before anything is changed, so a refusal changes nothing.
 */

#include "fabric/state.h"

/**
 * request_step() - Accept a request, or refuse it
 * @fabric:  state; on refusal its refusal and message are set
 * @request: borrowed
 *
 * Return: 0; FABRIC_REFUSED.
 */
int request_step(Fabric *fabric, const FabricRequest *request);
