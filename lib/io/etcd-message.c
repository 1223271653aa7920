/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests are written as text, answers are read with sd-json. */

#include "lib/io/etcd-message.h"

#include <inttypes.h>
#include <stdio.h>

struct EtcdTxn {
        StrBuffer compares;
        StrBuffer operations;
        size_t n_operations;
};

void etcd_message_deinit(EtcdMessage *message)
{
        for (size_t i = 0; i < message->n_kvs; i++) {
                free((char *) message->kvs[i].key);
                free((char *) message->kvs[i].value);
        }
        free(message->kvs);
        free(message->members);
        free(message->deleted);
        free(message->reason);
        sd_json_variant_unref(message->root);
        *message = (EtcdMessage) {};
}

static int64_t number_of(sd_json_variant *object, const char *name)
{
        sd_json_variant *value = sd_json_variant_by_key(object, name);

        if (sd_json_variant_is_string(value))
                return strtoll(sd_json_variant_string(value), NULL, 10);
        return sd_json_variant_is_integer(value) ? sd_json_variant_integer(value) : 0;
}

static bool flag_of(sd_json_variant *object, const char *name)
{
        sd_json_variant *value = sd_json_variant_by_key(object, name);

        return sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

static int bytes_of(sd_json_variant *object, const char *name, const char **ret_data,
                    size_t *ret_length)
{
        sd_json_variant *value = sd_json_variant_by_key(object, name);
        _cleanup_free_ void *data = NULL;
        size_t length = 0;
        char *text;
        int r;

        if (value) {
                r = sd_json_variant_unbase64(value, &data, &length);
                if (r < 0)
                        return r == -ENOMEM ? r : -EBADMSG;
        }
        text = malloc(length + 1);
        if (!text)
                return -ENOMEM;
        if (length > 0)
                memcpy(text, data, length);
        text[length] = '\0';
        *ret_data = text;
        if (ret_length)
                *ret_length = length;
        return 0;
}

static int kv_of(sd_json_variant *object, EtcdKv *kv)
{
        int r;

        r = bytes_of(object, "key", &kv->key, NULL);
        if (r < 0)
                return r;
        r = bytes_of(object, "value", &kv->value, &kv->length);
        if (r < 0)
                return r;
        kv->create_revision = number_of(object, "create_revision");
        kv->mod_revision = number_of(object, "mod_revision");
        kv->lease = number_of(object, "lease");
        return 0;
}

static int kvs_of(sd_json_variant *list, bool events, EtcdMessage *message)
{
        size_t n = list ? sd_json_variant_elements(list) : 0;
        int r;

        if (n == 0)
                return 0;
        message->kvs = calloc(n, sizeof(*message->kvs));
        message->deleted = calloc(n, sizeof(*message->deleted));
        if (!message->kvs || !message->deleted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                sd_json_variant *element = sd_json_variant_by_index(list, i);
                sd_json_variant *type = events ? sd_json_variant_by_key(element, "type") : NULL;

                message->n_kvs = i + 1;
                message->deleted[i] = sd_json_variant_is_string(type) &&
                                      str_equal(sd_json_variant_string(type), "DELETE");
                r = kv_of(events ? sd_json_variant_by_key(element, "kv") : element,
                          &message->kvs[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static const char *text_of(sd_json_variant *value)
{
        return sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
}

static int members_of(sd_json_variant *list, EtcdMessage *message)
{
        size_t n = list ? sd_json_variant_elements(list) : 0;

        if (n == 0)
                return 0;
        message->members = calloc(n, sizeof(*message->members));
        if (!message->members)
                return -ENOMEM;
        message->n_members = n;
        for (size_t i = 0; i < n; i++) {
                sd_json_variant *element = sd_json_variant_by_index(list, i);
                sd_json_variant *urls = sd_json_variant_by_key(element, "peerURLs");
                const char *id = text_of(sd_json_variant_by_key(element, "ID"));

                message->members[i] = (EtcdMember) {
                        .name = text_of(sd_json_variant_by_key(element, "name")),
                        .peer_url = text_of(urls ? sd_json_variant_by_index(urls, 0) : NULL),
                        .learner = flag_of(element, "isLearner"),
                };
                if (str_to_u64(id, UINT64_MAX, &message->members[i].id) < 0)
                        return -EBADMSG;
        }
        return 0;
}

int etcd_message_parse(const char *text, EtcdMessage *ret_message)
{
        _cleanup_(etcd_message_deinit) EtcdMessage message = {};
        sd_json_variant *body, *error, *reason;
        int r;

        r = sd_json_parse(text, 0, &message.root, NULL, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        if (!sd_json_variant_is_object(message.root))
                return -EBADMSG;
        body = sd_json_variant_by_key(message.root, "result") ?: message.root;
        message.revision = number_of(sd_json_variant_by_key(body, "header"), "revision");
        message.lease = number_of(body, "ID");
        message.ttl_s = (uint64_t) MAX(number_of(body, "TTL"), 0);
        message.compact_revision = number_of(body, "compact_revision");
        message.more = flag_of(body, "more");
        message.succeeded = flag_of(body, "succeeded");
        message.created = flag_of(body, "created");
        message.canceled = flag_of(body, "canceled");
        reason = sd_json_variant_by_key(body, "cancel_reason");
        error = sd_json_variant_by_key(message.root, "error");
        if (sd_json_variant_is_object(error)) { /* a stream's end */
                message.canceled = true;
                reason = sd_json_variant_by_key(error, "message");
        }
        if (sd_json_variant_is_string(reason)) {
                r = str_set(&message.reason, sd_json_variant_string(reason));
                if (r < 0)
                        return r;
        }
        r = kvs_of(sd_json_variant_by_key(body, "kvs"), false, &message);
        if (r == 0)
                r = kvs_of(message.kvs ? NULL : sd_json_variant_by_key(body, "events"), true,
                           &message);
        if (r == 0)
                r = members_of(sd_json_variant_by_key(body, "members"), &message);
        if (r < 0)
                return r;
        *ret_message = message;
        message = (EtcdMessage) {};
        return 0;
}

EtcdOutcome etcd_outcome_of_text(const char *text)
{
        static const struct {
                const char *part;
                EtcdOutcome outcome;
        } texts[] = {
                {"database space exceeded", ETCD_NO_SPACE},
                {"has been compacted", ETCD_COMPACTED},
                {"lease not found", ETCD_LEASE_GONE},
                {"request is too large", ETCD_TOO_LARGE},
                {"too many operations", ETCD_TOO_LARGE},
                {"larger than max", ETCD_TOO_LARGE},
                {"request timed out", ETCD_NO_QUORUM},
                {"no leader", ETCD_NO_QUORUM},
                {"leader changed", ETCD_NO_QUORUM},
                {"not capable", ETCD_NO_QUORUM},
                {"server stopped", ETCD_NO_QUORUM},
                {"too many requests", ETCD_NO_QUORUM},
                {"connection refused", ETCD_UNREACHABLE}, /* the gateway's own connection */
                {"not supported for learner", ETCD_UNREACHABLE},
                {"member not found", ETCD_MEMBER_UNKNOWN},
                {"in sync with leader", ETCD_NOT_IN_SYNC},
                {"unhealthy cluster", ETCD_NOT_IN_SYNC},
                {"too many learner members", ETCD_NOT_IN_SYNC},
                {"re-configuration failed", ETCD_NOT_IN_SYNC},
                {"deadline exceeded", ETCD_TIMEOUT},
                {"transport is closing", ETCD_TIMEOUT},
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (strstr(text, texts[i].part))
                        return texts[i].outcome;
        return ETCD_REFUSED;
}

/* The gateway's error object has the text as "message" or "error". */
static EtcdOutcome outcome_of_body(const HttpResult *result, char **ret_message)
{
        sd_json_variant *root = NULL, *text = NULL;
        EtcdOutcome outcome;

        if (sd_json_parse(result->body, 0, &root, NULL, NULL) >= 0) {
                text = sd_json_variant_by_key(root, "message");
                if (!sd_json_variant_is_string(text))
                        text = sd_json_variant_by_key(root, "error");
        }
        if (sd_json_variant_is_string(text)) {
                *ret_message = strdup(sd_json_variant_string(text));
                outcome = etcd_outcome_of_text(sd_json_variant_string(text));
        } else {
                *ret_message = str_printf("HTTP status %u", result->status);
                outcome = ETCD_REFUSED;
        }
        if (outcome == ETCD_REFUSED && (result->status == 503 || result->status == 504))
                outcome = ETCD_NO_QUORUM;
        sd_json_variant_unref(root);
        return outcome;
}

EtcdOutcome etcd_outcome_of(const HttpResult *result, char **ret_message)
{
        if (result->error != 0) {
                *ret_message = strdup(result->message);
                switch (result->error) {
                case -ECONNREFUSED:
                        return ETCD_UNREACHABLE;
                case -EKEYREJECTED: /* it did not get as far as a request */
                        return ETCD_UNREACHABLE;
                case -EFBIG:
                        return ETCD_TOO_LARGE;
                default:
                        return ETCD_TIMEOUT;
                }
        }
        if (result->status == 200) {
                *ret_message = strdup("");
                return ETCD_OK;
        }
        return outcome_of_body(result, ret_message);
}

void etcd_add_bytes(StrBuffer *buffer, const void *data, size_t length)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const unsigned char *in = data;
        char out[4];

        str_buffer_append(buffer, "\"", 1);
        for (size_t i = 0; i < length; i += 3) {
                size_t left = length - i;
                uint32_t bits = (uint32_t) in[i] << 16;

                if (left > 1)
                        bits |= (uint32_t) in[i + 1] << 8;
                if (left > 2)
                        bits |= in[i + 2];
                out[0] = digits[bits >> 18];
                out[1] = digits[bits >> 12 & 63];
                out[2] = left > 1 ? digits[bits >> 6 & 63] : '=';
                out[3] = left > 2 ? digits[bits & 63] : '=';
                str_buffer_append(buffer, out, sizeof(out));
        }
        str_buffer_append(buffer, "\"", 1);
}

void etcd_add_range(StrBuffer *buffer, const char *key, bool prefix)
{
        _cleanup_free_ char *end = NULL;
        size_t length = strlen(key);

        str_buffer_add(buffer, "\"key\":");
        etcd_add_bytes(buffer, key, length);
        if (!prefix || length == 0)
                return;
        /* the first key behind all with this prefix; our keys never end in 0xff */
        end = strdup(key);
        if (!end) {
                buffer->failed = true;
                return;
        }
        end[length - 1]++;
        str_buffer_add(buffer, ",\"range_end\":");
        etcd_add_bytes(buffer, end, length);
}

EtcdTxn *etcd_txn_new(void)
{
        return calloc(1, sizeof(EtcdTxn));
}

EtcdTxn *etcd_txn_free(EtcdTxn *txn)
{
        if (!txn)
                return NULL;
        str_buffer_deinit(&txn->compares);
        str_buffer_deinit(&txn->operations);
        free(txn);
        return NULL;
}

static void txn_compare(EtcdTxn *txn, const char *key, const char *target, const char *member,
                        int64_t value)
{
        str_buffer_add(&txn->compares, txn->compares.length ? ",{\"key\":" : "{\"key\":");
        etcd_add_bytes(&txn->compares, key, strlen(key));
        str_buffer_addf(&txn->compares,
                        ",\"target\":\"%s\",\"result\":\"EQUAL\",\"%s\":\"%" PRId64 "\"}", target,
                        member, value);
}

void etcd_txn_if_created(EtcdTxn *txn, const char *key, int64_t create_revision)
{
        txn_compare(txn, key, "CREATE", "create_revision", create_revision);
}

void etcd_txn_if_modified(EtcdTxn *txn, const char *key, int64_t mod_revision)
{
        txn_compare(txn, key, "MOD", "mod_revision", mod_revision);
}

void etcd_txn_put(EtcdTxn *txn, const char *key, const void *value, size_t length, int64_t lease)
{
        StrBuffer *buffer = &txn->operations;

        str_buffer_add(buffer, buffer->length ? ",{\"request_put\":{\"key\":"
                                              : "{\"request_put\":{\"key\":");
        etcd_add_bytes(buffer, key, strlen(key));
        str_buffer_add(buffer, ",\"value\":");
        etcd_add_bytes(buffer, value, length);
        str_buffer_addf(buffer, ",\"lease\":\"%" PRId64 "\"}}", lease);
        txn->n_operations++;
}

void etcd_txn_delete(EtcdTxn *txn, const char *key, bool prefix)
{
        StrBuffer *buffer = &txn->operations;

        str_buffer_add(buffer, buffer->length ? ",{\"request_delete_range\":{"
                                              : "{\"request_delete_range\":{");
        etcd_add_range(buffer, key, prefix);
        str_buffer_add(buffer, "}}");
        txn->n_operations++;
}

size_t etcd_txn_size(const EtcdTxn *txn)
{
        return txn->n_operations;
}

int etcd_txn_take_body(EtcdTxn *txn, char **ret_body)
{
        StrBuffer body = {};

        if (txn->n_operations > ETCD_TXN_MAX)
                return -E2BIG;
        if (txn->compares.failed || txn->operations.failed)
                return -ENOMEM;
        str_buffer_add(&body, "{\"compare\":[");
        str_buffer_append(&body, txn->compares.data ?: "", txn->compares.length);
        str_buffer_add(&body, "],\"success\":[");
        str_buffer_append(&body, txn->operations.data ?: "", txn->operations.length);
        str_buffer_add(&body, "]}");
        return str_buffer_take(&body, ret_body);
}
