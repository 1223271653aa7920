/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The leader looks after etcd's members: it lists them, takes the next step that fabric/voters.h
 * says, and writes down who they are (RECORD_MEMBERS). It also revokes the certificates of hosts
 * that are no more. Nothing happens on a host that does not lead. */

#include "hostd/store.h"
#include "lib/io/etcd.h"

typedef struct Quorum Quorum;

/**
 * quorum_new() - Make it; it does nothing until quorum_leading()
 * @etcd:       borrowed
 * @store:      borrowed
 * @ret_quorum: owned
 *
 * Return: 0; negative errno.
 */
int quorum_new(Etcd *etcd, const Store *store, Quorum **ret_quorum);

/** quorum_free() - Free it; a change that was asked for may happen all the same */
Quorum *quorum_free(Quorum *quorum);
DEFINE_CLEANUP(Quorum *, quorum_free)

/** quorum_leading() - This host was elected at @create_revision, or not any more (0) */
void quorum_leading(Quorum *quorum, int64_t create_revision);

/** quorum_changed() - Hosts came, went or were lost: look soon */
void quorum_changed(Quorum *quorum);
