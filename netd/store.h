/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The declared state on disk, so that netd's restart finds it: a log of changes, each a group of
 * lines that ends in a commit line. What a crash cut off has no commit line and is not read. It is
 * kept where the host's next boot does not find it: instances do not survive that either. */

#include "netd/state.h"

#define STORE_MAX_BYTES (64 * MIB)

typedef struct Store Store;

/**
 * store_open() - Open the log of a directory, and read it back
 * @directory:      exists
 * @state:          empty; filled in with what the log says
 * @ret_generation: number of the last committed change, 0 when there is none
 * @ret_store:      owned
 *
 * A log that cannot be understood is set aside as state.bad and the state is empty.
 *
 * Return: 0; -ENOMEM; the errno of the file.
 */
int store_open(const char *directory, State *state, uint64_t *ret_generation, Store **ret_store);

/** store_free() - Close the log */
void store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free)

/**
 * store_append() - Write down a change that is about to be made
 * @store:      log
 * @change:     planned or applied
 * @generation: its number
 *
 * Return: 0; -ENOMEM; the errno of the file, and then the log is as it was.
 */
int store_append(Store *store, const StateChange *change, uint64_t generation);

/** store_undo() - Take the last appended change back: it could not be made. Return: 0; the errno */
int store_undo(Store *store);

/** store_compact() - Write the log anew, when it has become much longer than the state. Return: as
 * store_append() */
int store_compact(Store *store, const State *state, uint64_t generation);
