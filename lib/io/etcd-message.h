/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* etcd's messages as its JSON gateway has them: bytes are base64, 64-bit numbers are texts, members
 * with their default value are left out. */

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "lib/base/str.h"
#include "lib/io/etcd.h"
#include "lib/io/http.h"

/* A decoded answer; kvs point into what it owns. */
typedef struct EtcdMessage {
        sd_json_variant *root;
        EtcdKv *kvs;
        size_t n_kvs;
        bool *deleted; /* for each of kvs, in a watch's answer: it was deleted */
        EtcdMember *members;
        size_t n_members;
        int64_t revision;
        int64_t lease;
        uint64_t ttl_s;
        int64_t compact_revision;
        bool more;
        bool succeeded; /* of a transaction: its comparisons held */
        bool created;   /* of a watch */
        bool canceled;  /* of a watch */
        char *reason;   /* why it was canceled, or an error in a stream */
} EtcdMessage;

/** etcd_message_deinit() - Free what a message holds */
void etcd_message_deinit(EtcdMessage *message);

/**
 * etcd_message_parse() - Decode an answer, or one line of a stream
 * @text:        NUL-terminated JSON
 * @ret_message: owned, etcd_message_deinit()
 *
 * Return: 0; -EBADMSG when it is not what etcd sends; -ENOMEM.
 */
int etcd_message_parse(const char *text, EtcdMessage *ret_message);

/**
 * etcd_outcome_of() - What an HTTP answer means
 * @result:      answer
 * @ret_message: owned text for people, "" when ETCD_OK
 */
EtcdOutcome etcd_outcome_of(const HttpResult *result, char **ret_message);

/** etcd_outcome_of_text() - What one of etcd's error texts means */
EtcdOutcome etcd_outcome_of_text(const char *text);

/** etcd_add_bytes() - Append bytes as a JSON string in base64, with the quotes */
void etcd_add_bytes(StrBuffer *buffer, const void *data, size_t length);

/** etcd_add_range() - Append `"key":…,"range_end":…` for a prefix, or `"key":…` */
void etcd_add_range(StrBuffer *buffer, const char *key, bool prefix);

/** etcd_txn_take_body() - The transaction's request body; marks itself failed when memory is short
 */
int etcd_txn_take_body(EtcdTxn *txn, char **ret_body);
