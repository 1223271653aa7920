/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The state in the contract's form: for GetState, and for the file that survives a restart. */

#include "netd/state.h"

/* Arrays and the texts that had to be formatted; all else is borrowed from the objects. */
typedef struct Export {
        Net1State state;
        char **texts;
        size_t n_texts;
} Export;

/** export_deinit() - Free what an export owns */
void export_deinit(Export *export);

/** export_object() - Append one object. Return: 0; -ENOMEM, and then only export_deinit() is left
 */
int export_object(Export *export, const Object *object);

/** export_state() - Append all objects of a state; as export_object() */
int export_state(Export *export, const State *state);
