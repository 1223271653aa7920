/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/controller-write.h"

#include <stdio.h>
#include <string.h>

#include "lib/api/records-json.h"

static char *renewal_key(const char *host, char text[static RECORD_KEY_MAX + 1])
{
        snprintf(text, RECORD_KEY_MAX + 1, RECORD_RENEWAL_PREFIX "%s", host);
        return text;
}

/* The host is still lost, and by the same loss. */
static void add_loss(EtcdTxn *txn, const FabricLoss *loss)
{
        RecordKey alive = {.type = RECORD_ALIVE};
        char text[RECORD_KEY_MAX + 1];

        renewal_key(loss->host, text);
        if (loss->renewal > 0)
                etcd_txn_if_modified(txn, text, loss->renewal);
        else
                etcd_txn_if_created(txn, text, 0);
        if (!loss->absent)
                return;
        memcpy(alive.name, loss->host, sizeof(loss->host));
        etcd_txn_if_created(txn, record_key_format(&alive, text), 0);
}

static int add_writes(EtcdTxn *txn, const FabricTransaction *transaction)
{
        char text[RECORD_KEY_MAX + 1];
        int r;

        for (size_t i = 0; i < transaction->n_losses; i++)
                add_loss(txn, &transaction->losses[i]);
        for (size_t i = 0; i < transaction->n_writes; i++) {
                const FabricWrite *write = &transaction->writes[i];
                _cleanup_free_ char *json = NULL;

                record_key_format(&write->key, text);
                if (!write->record) {
                        etcd_txn_delete(txn, text, false);
                        if (write->key.type == RECORD_HOST)
                                etcd_txn_delete(txn, renewal_key(write->key.name, text), false);
                        continue;
                }
                r = record_encode(write->record, &json);
                if (r < 0)
                        return r;
                etcd_txn_put(txn, text, json, strlen(json), 0);
        }
        return 0;
}

int controller_transaction(const FabricTransaction *transaction, int64_t election,
                           EtcdTxn **ret_txn)
{
        EtcdTxn *txn = etcd_txn_new();
        int r;

        if (!txn)
                return -ENOMEM;
        etcd_txn_if_created(txn, RECORD_LEADER_PREFIX, election);
        r = add_writes(txn, transaction);
        if (r < 0) {
                etcd_txn_free(txn);
                return r;
        }
        *ret_txn = txn;
        return 0;
}

EtcdTxn *controller_forgetting(const char *host, int64_t revision)
{
        char text[RECORD_KEY_MAX + 1];
        EtcdTxn *txn = etcd_txn_new();

        if (!txn)
                return NULL;
        renewal_key(host, text);
        etcd_txn_if_modified(txn, text, revision);
        etcd_txn_delete(txn, text, false);
        return txn;
}
