/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which of an endpoint's backends are probed, at which address. */

#include "lb/prober/probe.h"
#include "netd/state.h"

/**
 * probes_settle() - Make an endpoint's probes what they should be
 * @prober:   makes them; a backend is its probe's userdata
 * @state:    where the backends' instances are
 * @endpoint: changed in place
 *
 * A probe that goes on asking the same is left alone. One that cannot be made is logged, and its
 * backend keeps the verdict it had.
 */
void probes_settle(Prober *prober, const State *state, Endpoint *endpoint);

/** probes_drop() - End an endpoint's probes */
void probes_drop(Endpoint *endpoint);

/**
 * probes_hand_over() - Give an endpoint's probes to the object that replaces it
 * @from: has none afterwards
 * @to:   gets those of backends that are probed in the same way; one that has just become ready is
 *        asked at once
 */
void probes_hand_over(Endpoint *from, Endpoint *to);
