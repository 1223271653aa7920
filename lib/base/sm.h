/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* State machines: a table of names and allowed moves, and one checked move. A move that the table
 * does not allow is a bug of ours and stops the program; input from outside is checked with
 * sm_may() first.
 *
 * Source: the form of dqlite's lib/sm. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define SM_STATES_MAX 64

typedef struct SmState {
        const char *name;
        uint64_t allowed; /* bit N: a move to state N is allowed */
} SmState;

#define SM_TO(state) (UINT64_C(1) << (state))

typedef struct Sm {
        const SmState *states;
        unsigned n_states;
        unsigned state;
} Sm;

/**
 * sm_init() - Begin in a state
 * @sm:       machine
 * @states:   table, borrowed for the machine's life
 * @n_states: entries, at most SM_STATES_MAX
 * @state:    first state
 */
void sm_init(Sm *sm, const SmState *states, unsigned n_states, unsigned state);

/** sm_may() - Whether the table allows a move from the present state to @state */
bool sm_may(const Sm *sm, unsigned state);

/**
 * sm_move() - Move to another state; asserts that the table allows it
 * @sm:    machine
 * @state: next state
 */
void sm_move(Sm *sm, unsigned state);

/** sm_name() - Name of the present state */
const char *sm_name(const Sm *sm);
