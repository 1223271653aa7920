/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The check that of a role never more than one upgrade domain is down by our own doing.
 *
 * An instance is down by our own doing from when a leader stops, moves, resets or reimages it
 * though that leader knows it to be Ready, nobody asked for that very instance, and it stays
 * wanted; until it is Ready again, breaks down by itself, loses its host, or is not wanted any
 * more. A role that cycles on a bad guest OS does not do so by itself. */

#include "tests/sim/state.h"

/** domains_change() - An instance's record is about to change from @old to @new; NULL: not there */
void domains_change(World *world, const Record *old, const Record *new);

/** domains_observe() - A host has said this */
void domains_observe(World *world, const ObservedRecord *observed);

/** domains_break() - A fault keeps this instance from coming back */
void domains_break(World *world, const char *id);

/** domains_lose() - A host's lease has ended */
void domains_lose(World *world, const SimHost *host);
