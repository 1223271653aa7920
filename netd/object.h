/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Single objects of the state: made from the contract's form with every value checked, compared,
 * exported and freed. */

#include "netd/state.h"

/** refuse() - Fill in an error. Return: STATE_REFUSED, so that `return refuse(...)` reads well. */
int refuse(StateError *error, const char *name, const char *format, ...) _printf_(3, 4);

#define ERROR_INVALID  "org.troupe.Error.Invalid"
#define ERROR_CONFLICT "org.troupe.Error.Conflict"
#define ERROR_UNKNOWN  "org.troupe.Error.Unknown"

/**
 * object_make() - Make a checked object
 * @kind:       which of the contract's structs @wanted is
 * @wanted:     Net1Network, Net1Instance, ...: hostile
 * @ret_object: owned
 * @error:      filled in on STATE_REFUSED
 *
 * Return: 0; STATE_REFUSED; -ENOMEM.
 */
int object_make(ObjectKind kind, const void *wanted, Object **ret_object, StateError *error);

/** object_free() - Free an object of any kind */
void object_free(Object *object);
DEFINE_CLEANUP(Object *, object_free)

/** object_equal() - Whether two objects of the same kind declare the same */
bool object_equal(const Object *a, const Object *b);
