/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the deciding core plans, as transactions of etcd. */

#include "fabric/fabric.h"
#include "lib/io/etcd.h"

/**
 * controller_transaction() - A planned transaction with all that it demands
 * @transaction: what is to be written, and which hosts must be lost still, by the same loss
 * @election:    create revision of the election key that it is guarded by
 * @ret_txn:     owned
 *
 * Return: 0; -ENOMEM; negative errno of record_encode().
 */
int controller_transaction(const FabricTransaction *transaction, int64_t election,
                           EtcdTxn **ret_txn);

/**
 * controller_forgetting() - A transaction that deletes the last renewal of a host's lease
 * @host:     one that was removed
 * @revision: of that renewal: a later one stays
 *
 * Return: owned; NULL: no memory.
 */
EtcdTxn *controller_forgetting(const char *host, int64_t revision);
