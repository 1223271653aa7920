/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Plans: the changes in three classes, cut into transactions of bounded size. */

#include "fabric/plan.h"

#include <string.h>

#include "lib/base/str.h"

#define RECORD_BYTES 2048 /* of JSON, about, beside the long texts */

static unsigned dirty_class(const Dirty *dirty)
{
        RecordType type = dirty->item ? dirty->item->record.type : dirty->key.type;

        if (type == RECORD_INSTANCE || type == RECORD_OBSERVED)
                return 1;
        if (!dirty->item)
                return 2;
        /* a host is told to restart when what has left it is written */
        if (type == RECORD_HOST && dirty->item->record.host.update.boot[0])
                return 2;
        return type == RECORD_OPERATION && dirty->item->record.operation.state != OPERATION_RUNNING
                       ? 2
                       : 0;
}

static size_t text_bytes(const char *text)
{
        return text ? strlen(text) : 0;
}

static size_t write_bytes(const FabricWrite *write)
{
        if (!write->record || write->record->type != RECORD_DEPLOYMENT)
                return RECORD_BYTES;
        return 8 * RECORD_BYTES + text_bytes(write->record->deployment.definition) +
               text_bytes(write->record->deployment.configuration);
}

/* Sets the writes, and for each the change that it comes from, class by class. */
static size_t order_writes(Fabric *fabric, const Dirty **sources)
{
        size_t n = 0;

        for (unsigned class = 0; class < 3; class ++)
                for (size_t i = 0; i < fabric->n_dirty; i++) {
                        const Dirty *dirty = &fabric->dirty[i];

                        if (dirty_class(dirty) != class)
                                continue;
                        sources[n] = dirty;
                        fabric->writes[n++] = (FabricWrite) {
                                .key = dirty->item ? record_key_of(&dirty->item->record)
                                                   : dirty->key,
                                .record = dirty->item ? &dirty->item->record : NULL,
                        };
                }
        return n;
}

static void add_loss(FabricTransaction *transaction, const Host *guard)
{
        FabricLoss *loss = &transaction->losses[transaction->n_losses];

        for (size_t i = 0; i < transaction->n_losses; i++)
                if (str_equal(transaction->losses[i].host, guard->name))
                        return;
        *loss = (FabricLoss) {.renewal = guard->renewal, .absent = !guard->silent};
        SET_NAME(loss->host, guard->name);
        transaction->n_losses++;
}

static size_t cut(Fabric *fabric, size_t n, const Dirty *const *sources)
{
        FabricTransaction *transaction = NULL;
        size_t n_transactions = 0, n_losses = 0, bytes = 0;

        for (size_t i = 0; i < n; i++) {
                size_t size = write_bytes(&fabric->writes[i]);

                if (!transaction || transaction->n_writes == FABRIC_WRITES_MAX ||
                    transaction->n_losses + sources[i]->n_guards > FABRIC_LOSSES_MAX ||
                    bytes + size > FABRIC_TRANSACTION_BYTES_MAX) {
                        n_losses += transaction ? transaction->n_losses : 0;
                        transaction = &fabric->transactions[n_transactions++];
                        *transaction = (FabricTransaction) {.writes = &fabric->writes[i],
                                                            .losses = fabric->losses + n_losses};
                        bytes = 0;
                }
                transaction->n_writes++;
                bytes += size;
                for (unsigned g = 0; g < sources[i]->n_guards; g++)
                        add_loss(transaction, sources[i]->guards[g]);
        }
        return n_transactions;
}

void plan_build(Fabric *fabric)
{
        _cleanup_free_ const Dirty **sources = calloc(fabric->n_dirty + 1, sizeof(*sources));
        size_t n = fabric->n_dirty;

        free(fabric->writes);
        free(fabric->transactions);
        free(fabric->losses);
        fabric->writes = calloc(n + 1, sizeof(*fabric->writes));
        fabric->transactions = calloc(n + 1, sizeof(*fabric->transactions));
        fabric->losses = calloc(SLOTS * n + 1, sizeof(*fabric->losses));
        if (!sources || !fabric->writes || !fabric->transactions || !fabric->losses) {
                fabric->failed = true;
                return;
        }
        n = order_writes(fabric, sources);
        for (size_t i = 0; i < fabric->n_dirty; i++)
                if (fabric->dirty[i].item)
                        fabric->dirty[i].item->dirty = 0;
        fabric->n_dirty = 0;
        fabric->plan = (FabricPlan) {.transactions = fabric->transactions,
                                     .n_transactions = cut(fabric, n, sources),
                                     .wake_ns = timers_next(&fabric->timers),
                                     .unsettled = fabric->unsettled};
}
