/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Objects that a change touches without being in it: their elements depend on what is. */

#include "netd/elements.h"
#include "netd/state.h"

/* All zeroes is none. */
typedef struct Touched {
        Object **objects; /* borrowed from the state: endpoints, instances, remotes */
        size_t n_objects;
} Touched;

/**
 * touched_find() - Find what a planned change touches
 * @state:   the change is not applied yet
 * @change:  planned on @state
 * @touched: appended to; the objects stay where they are when the change is applied or reverted
 *
 * Return: 0; -ENOMEM.
 */
int touched_find(const State *state, const StateChange *change, Touched *touched);

/**
 * touched_elements() - Elements of a change and of all that it touches
 * @state:    as it is on that side of the change
 * @change:   whose elements
 * @after:    which side: what it puts there, or what was there before
 * @touched:  by touched_find()
 * @elements: appended to
 *
 * Return: 0; -ENOMEM.
 */
int touched_elements(const State *state, const StateChange *change, bool after,
                     const Touched *touched, Elements *elements);

/** touched_deinit() - Free the list; empty afterwards */
void touched_deinit(Touched *touched);
