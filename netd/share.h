/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which host carries which of an endpoint's buckets, and which had them before: from the declared
 * share, the peers and this host's own rotation to the chains that the elements are made of. */

#include "netd/state.h"

/**
 * share_step() - Bring an endpoint's chains up to date
 * @state:    with the change applied
 * @endpoint: its backends' rotation is up to date; changed in place
 *
 * What was there before is kept for share_undo() until share_settle(). A new object is to have been
 * given the chains of the endpoint that had its port (lb_chains_copy()).
 *
 * Return: 0; -ENOMEM, and then the chains are as they were.
 */
int share_step(const State *state, Endpoint *endpoint);

/** share_undo() - Take the step back */
void share_undo(Endpoint *endpoint);

/** share_settle() - The step will not be taken back */
void share_settle(Endpoint *endpoint);

/** share_usable() - Whether packets may be handed to the host of this number: a peer that is alive
 * and is another host */
bool share_usable(const State *state, uint16_t number);
