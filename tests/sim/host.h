/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The host half of hostd: what is placed here is made to run, and what is seen of it is said. */

#include "tests/sim/state.h"

/** host_index() - Its number */
unsigned host_index(const World *world, const char *name);

/** host_connected() - Its hostd works and reaches etcd */
bool host_connected(const World *world, const SimHost *host);

/** host_write() - A record on its way to etcd, NULL to delete; in order, repeated until it arrives
 */
void host_write(World *world, unsigned index, const RecordKey *key, const Record *record);

/** host_see() - Its watch tells of an instance; the record goes over, NULL: it is gone */
void host_see(World *world, unsigned index, const RecordKey *key, Record *record);

/** host_read() - It reads all instances placed here, after its alive key was written */
void host_read(World *world, unsigned index);

/** host_restart() - It restarts into its new version, if it is still in that boot */
void host_restart(World *world, unsigned index, uint64_t boot);

/** host_alive_put() - Its alive key is written */
void host_alive_put(World *world, unsigned index);
