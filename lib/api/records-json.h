/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Records as the JSON values that etcd holds; docs/state.md is their schema. Reading is strict
 * about types and bounds, and passes over members it does not know (a newer version wrote them). */

#include "lib/api/records.h"

/**
 * record_encode() - Write a record as JSON
 * @record:   borrowed
 * @ret_json: owned text; members that are empty, 0 or false are left out, but not a cluster's
 *
 * Return: 0; -E2BIG when it would be longer than RECORD_VALUE_MAX; -ENOMEM.
 */
int record_encode(const Record *record, char **ret_json);

/**
 * record_decode() - Read a record
 * @key:        whole etcd key, which says the type and what the record is called
 * @json:       value; need not end in a NUL
 * @length:     bytes of @json
 * @ret_record: owned, free with record_deinit()
 * @ret_error:  on -EBADMSG what is wrong, owned: `KEY: FIELD: why`; NULL when memory was short;
 *              may itself be NULL
 *
 * What the key says (names, ids) is not in the value: it is taken from the key.
 *
 * Return: 0; -ENOENT when it is no record's key; -EBADMSG when the key or value is not right;
 *         -ENOMEM.
 */
int record_decode(const char *key, const char *json, size_t length, Record *ret_record,
                  char **ret_error);
