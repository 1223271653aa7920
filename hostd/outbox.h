/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What this host says about its instances, on its way into etcd: the last word for each key is
 * written, as soon as it can be, in batches; a word that was overtaken is never written. */

#include "lib/api/records.h"
#include "lib/io/etcd.h"

typedef struct Outbox Outbox;

/**
 * outbox_new() - Make an empty outbox
 * @etcd:       client, borrowed
 * @ret_outbox: owned
 *
 * Return: 0; -ENOMEM.
 */
int outbox_new(Etcd *etcd, Outbox **ret_outbox);

/** outbox_free() - Drop what has not been written */
Outbox *outbox_free(Outbox *outbox);
DEFINE_CLEANUP(Outbox *, outbox_free)

/**
 * outbox_put() - Write a record
 * @outbox: outbox
 * @record: borrowed
 *
 * Return: 0; -ENOMEM; -E2BIG.
 */
int outbox_put(Outbox *outbox, const Record *record);

/**
 * outbox_delete() - Delete a record
 *
 * Return: 0; -ENOMEM.
 */
int outbox_delete(Outbox *outbox, const RecordKey *key);

/** outbox_txn_put() - Add a record to a transaction, for who needs it in one with others.
 * Return: 0; -E2BIG; -ENOMEM */
int outbox_txn_put(EtcdTxn *txn, const Record *record);

/** outbox_pending() - How many keys are not written yet */
size_t outbox_pending(const Outbox *outbox);
