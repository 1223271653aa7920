/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* etcd: the records, their revision, and who is told when one changes. */

#include "tests/sim/state.h"

/** record_dup() - A copy, to be freed with record_free() */
Record *record_dup(const Record *record);

/** record_free() - Free a record; NULL is fine */
void record_free(Record *record);

/** record_free_value() - The same for a map */
void record_free_value(void *record);

/** store_get() - The record under @key, borrowed, or NULL */
Record *store_get(const World *world, const RecordKey *key);

/** store_role() - The role of an instance, NULL when its deployment is deleted or being deleted */
const DeploymentRole *store_role(const World *world, const InstanceId *id);

/** store_set() - Take the record over; NULL deletes. Whoever watches is told */
void store_set(World *world, const RecordKey *key, Record *record);

/** store_seed() - What a new cluster has: itself, hosts, one package, one guest OS */
void store_seed(World *world);
