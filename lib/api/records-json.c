/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The codec of records: a record's key says its type and its names, its value is the struct of that
 * type by the table of records-fields.c. Values come from the store, which other versions of Troupe
 * and people with etcdctl write to: every type, bound and name is checked. */

#include "lib/api/records-json.h"

#include <string.h>
#include <systemd/sd-json.h>

#include "lib/api/records-fields.h"
#include "lib/base/str.h"

int record_encode(const Record *record, char **ret_json)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        _cleanup_free_ char *json = NULL;
        int r;

        r = fields_encode(record_fields(record->type), (const char *) record + RECORD_BODY_OFFSET,
                          record->type == RECORD_CLUSTER, &value);
        if (r < 0)
                return r;
        r = sd_json_variant_format(value, 0, &json);
        if (r < 0)
                return r;
        if (strlen(json) > RECORD_VALUE_MAX)
                return -E2BIG;
        *ret_json = TAKE_PTR(json);
        return 0;
}

static void record_set_key(Record *record, const RecordKey *key)
{
        switch (key->type) {
        case RECORD_INSTANCE:
                record->instance.id = key->instance;
                break;
        case RECORD_OBSERVED:
                memcpy(record->observed.host, key->name, sizeof(RecordName));
                record->observed.id = key->instance;
                break;
        case RECORD_HOST:
                memcpy(record->host.name, key->name, sizeof(RecordName));
                break;
        case RECORD_ALIVE:
                memcpy(record->alive.host, key->name, sizeof(RecordName));
                break;
        case RECORD_SERVICE:
                memcpy(record->service.name, key->name, sizeof(RecordName));
                break;
        case RECORD_OPERATION:
                memcpy(record->operation.id, key->name, sizeof(RecordName));
                break;
        case RECORD_DEPLOYMENT:
                memcpy(record->deployment.id, key->name, sizeof(RecordId));
                break;
        case RECORD_PACKAGE:
                memcpy(record->package.digest, key->name, sizeof(RecordDigest));
                break;
        case RECORD_OS:
                memcpy(record->os.family, key->name, sizeof(RecordVersion));
                memcpy(record->os.version, key->version, sizeof(RecordVersion));
                break;
        case RECORD_CERTIFICATE:
                memcpy(record->certificate.digest, key->name, sizeof(RecordDigest));
                break;
        case RECORD_TOKEN:
                memcpy(record->token.id, key->name, sizeof(RecordName));
                break;
        case RECORD_ISSUED:
                memcpy(record->issued.serial, key->name, sizeof(RecordName));
                break;
        case RECORD_CLUSTER:
        case RECORD_MEMBERS:
        case RECORD_TYPES:
                break;
        }
}

static int decode_value(const char *json, size_t length, Record *record, Complaint *complaint)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (length > RECORD_VALUE_MAX)
                return complain(complaint, "is too long");
        if (memchr(json, '\0', length))
                return complain(complaint, "has a zero byte");
        text = strndup(json, length);
        if (!text)
                return -ENOMEM;
        r = sd_json_parse(text, 0, &value, NULL, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return complain(complaint, "is not JSON");
        return fields_decode(record_fields(record->type), value,
                             (char *) record + RECORD_BODY_OFFSET, complaint);
}

int record_decode(const char *key, const char *json, size_t length, Record *ret_record,
                  char **ret_error)
{
        Complaint complaint = {};
        Record record;
        RecordKey parts;
        int r;

        if (ret_error)
                *ret_error = NULL;
        r = record_key_parse(key, &parts);
        if (r == -ENOENT)
                return r;
        if (r < 0) {
                if (ret_error)
                        *ret_error = str_printf("%s: is not a key that Troupe writes", key);
                return -EBADMSG;
        }
        record_init(&record, parts.type);
        record_set_key(&record, &parts);
        r = decode_value(json, length, &record, &complaint);
        if (r < 0) {
                if (r == -EBADMSG && ret_error)
                        *ret_error = str_printf("%s: %s %s", key, complaint.path ?: "value",
                                                complaint.why);
                free(complaint.path);
                record_deinit(&record);
                return r;
        }
        *ret_record = record;
        return 0;
}
