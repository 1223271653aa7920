/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Checked state machines. */

#include "lib/base/sm.h"

void sm_init(Sm *sm, const SmState *states, unsigned n_states, unsigned state)
{
        assert(n_states <= SM_STATES_MAX && state < n_states);
        *sm = (Sm) {.states = states, .n_states = n_states, .state = state};
}

bool sm_may(const Sm *sm, unsigned state)
{
        return state < sm->n_states && (sm->states[sm->state].allowed & SM_TO(state)) != 0;
}

void sm_move(Sm *sm, unsigned state)
{
        assert(sm_may(sm, state));
        sm->state = state;
}

const char *sm_name(const Sm *sm)
{
        return sm->states[sm->state].name;
}
