/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One transaction is on its way at a time. What it holds stays in the outbox until it is known to
 * be written, so an unknown outcome is simply written again: puts of the same bytes. */

#include "hostd/outbox.h"

#include <stdbool.h>

#include "lib/api/records-json.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

#define BATCH_KEYS  64
#define BATCH_BYTES (512 * KIB)
#define RETRY_NS    (500 * NSEC_PER_MSEC)

typedef struct Word {
        char *json; /* NULL: delete */
        bool sent;  /* in the transaction that is on its way, and not overtaken */
} Word;

struct Outbox {
        Etcd *etcd;
        Map words;
        EtcdRequest *request;
        sd_event_source *timer;
        bool complained;
};

static void word_free(void *value)
{
        Word *word = value;

        free(word->json);
        free(word);
}

static void send_soon(Outbox *outbox, uint64_t delay_ns)
{
        if (outbox->request)
                return;
        sd_event_source_set_time_relative(outbox->timer, delay_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(outbox->timer, SD_EVENT_ONESHOT);
}

static void on_written(void *userdata, const EtcdReply *reply)
{
        Outbox *outbox = userdata;
        bool written = reply->outcome == ETCD_OK;

        outbox->request = NULL;
        if (!written && !outbox->complained)
                log_warning("cannot write what this host observes: %s", reply->message);
        outbox->complained = !written;
        MAP_FOREACH (entry, &outbox->words) {
                Word *word = entry->value;

                if (word->sent && written)
                        word_free(map_remove(&outbox->words, entry->key));
                else
                        word->sent = false;
        }
        if (map_size(&outbox->words) > 0)
                send_soon(outbox, written ? 0 : RETRY_NS);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Outbox *outbox = userdata;
        EtcdTxn *txn = etcd_txn_new();
        size_t bytes = 0;

        if (!txn) {
                send_soon(outbox, RETRY_NS);
                return 0;
        }
        MAP_FOREACH (entry, &outbox->words) {
                Word *word = entry->value;

                if (etcd_txn_size(txn) >= BATCH_KEYS || bytes > BATCH_BYTES)
                        break;
                if (word->json)
                        etcd_txn_put(txn, entry->key, word->json, strlen(word->json), 0);
                else
                        etcd_txn_delete(txn, entry->key, false);
                bytes += word->json ? strlen(word->json) : 0;
                word->sent = true;
        }
        if (etcd_txn_commit(outbox->etcd, txn, on_written, outbox, &outbox->request) < 0)
                send_soon(outbox, RETRY_NS);
        return 0;
}

int outbox_new(Etcd *etcd, Outbox **ret_outbox)
{
        Outbox *outbox = calloc(1, sizeof(*outbox));
        int r;

        if (!outbox)
                return -ENOMEM;
        outbox->etcd = etcd;
        outbox->words.value_free = word_free;
        r = sd_event_add_time(etcd_loop(etcd), &outbox->timer, CLOCK_BOOTTIME, 0, 0, on_timer,
                              outbox);
        if (r == 0)
                r = sd_event_source_set_enabled(outbox->timer, SD_EVENT_OFF);
        if (r < 0) {
                outbox_free(outbox);
                return r;
        }
        *ret_outbox = outbox;
        return 0;
}

Outbox *outbox_free(Outbox *outbox)
{
        if (!outbox)
                return NULL;
        etcd_cancel(outbox->request);
        sd_event_source_disable_unref(outbox->timer);
        map_deinit(&outbox->words);
        free(outbox);
        return NULL;
}

static int say(Outbox *outbox, const RecordKey *key, char *json)
{
        _cleanup_free_ char *owned = json;
        char text[RECORD_KEY_MAX + 1];
        Word *word = calloc(1, sizeof(*word));
        int r;

        if (!word)
                return -ENOMEM;
        word->json = TAKE_PTR(owned);
        r = map_put(&outbox->words, record_key_format(key, text), word);
        if (r < 0) {
                word_free(word);
                return r;
        }
        send_soon(outbox, 0);
        return 0;
}

int outbox_put(Outbox *outbox, const Record *record)
{
        RecordKey key = record_key_of(record);
        char *json;
        int r;

        r = record_encode(record, &json);
        return r < 0 ? r : say(outbox, &key, json);
}

int outbox_delete(Outbox *outbox, const RecordKey *key)
{
        return say(outbox, key, NULL);
}

size_t outbox_pending(const Outbox *outbox)
{
        return map_size(&outbox->words);
}

int outbox_txn_put(EtcdTxn *txn, const Record *record)
{
        RecordKey key = record_key_of(record);
        _cleanup_free_ char *json = NULL;
        char text[RECORD_KEY_MAX + 1];
        int r = record_encode(record, &json);

        if (r == 0)
                etcd_txn_put(txn, record_key_format(&key, text), json, strlen(json), 0);
        return r;
}
