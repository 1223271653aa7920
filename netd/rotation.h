/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which backends are in rotation, and telling when that changed. */

#include "netd/manager.h"

/** rotation_begin() - Set up what tells of changes, in manager->event. Return: 0; a negative errno
 */
int rotation_begin(Manager *manager);

/** rotation_turn() - Put in and take out of rotation which of an endpoint's backends should be */
void rotation_turn(const State *state, Endpoint *endpoint);

/** rotation_step() - rotation_turn() and share_step(). Return: 0; -ENOMEM */
int rotation_step(const State *state, Endpoint *endpoint);

/** rotation_undo() - Take the last rotation_step() of an endpoint back */
void rotation_undo(Endpoint *endpoint);

/** rotation_inherit() - A backend's new self begins where its old one was, so that only a true
 * change is told */
void rotation_inherit(Endpoint *after, const Endpoint *before);

/** rotation_tell() - Have the changes in an endpoint's rotation told when nothing else is to be
 * done; it is looked up again then, and may be gone */
void rotation_tell(Manager *manager, const Endpoint *endpoint);

/** rotation_probe_changed() - A ProbeChanged whose userdata is the manager: the kernel's buckets
 * follow the verdict; what fails is left to the repair */
void rotation_probe_changed(Probe *probe, void *userdata);
