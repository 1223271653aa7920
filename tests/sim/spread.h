/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The check that instances of a role are spread over fault domains where room allows: when a plan
 * has been written, the domain of an instance that it placed has at most one more of the role than
 * any domain in which there is still room for it (room.h) on a host where the plan freed none.
 * Nothing is moved only to be spread better, so instances that stay where they are say nothing. */

#include "tests/sim/state.h"

/** spread_note_host() - @c's plan writes this host: what it opens counts from the next plan on */
void spread_note_host(World *world, const Controller *c, const Record *old, const Record *new);

/** spread_note() - @c's plan writes this instance; NULL: it was not there, or it is removed */
void spread_note(World *world, Controller *c, const Record *old, const Record *new);

/** spread_check() - The whole of @c's plan has been written; what was noted is forgotten */
void spread_check(World *world, Controller *c);
