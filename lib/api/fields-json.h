/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Structs as JSON by a table of their fields. Reading is strict about types and bounds, and passes
 * over members that the table does not have. */

#include <systemd/sd-json.h>

#include "lib/api/records.h"

#define FIELDS_MAX 40 /* in a table */

typedef enum FieldType {
        FIELD_NAME,     /* char array: "" or a name */
        FIELD_DIGEST,   /* char array: "" or 64 hexadecimal digits */
        FIELD_TEXT,     /* char array */
        FIELD_OWNED,    /* char *, at most RECORD_TEXT_MAX */
        FIELD_BOOL,     /* bool */
        FIELD_UNSIGNED, /* uint16_t, uint32_t or uint64_t, by its size */
        FIELD_ADDRESS,  /* IpAddress */
        FIELD_RANGE,    /* IpAddress, and the prefix length as unsigned at @other */
        FIELD_ENUM,     /* enumeration, as its @values */
        FIELD_INSTANCE, /* InstanceId, all zero or the id's text */
        FIELD_NAMES,    /* array of RecordName, their number as size_t at @other */
        FIELD_OBJECT,   /* struct, as its @fields */
        FIELD_LIST,     /* array of structs of @size, their number as size_t at @other */
} FieldType;

typedef struct Values {
        const char *(*name)(unsigned value);
        unsigned n_values;
} Values;

typedef struct Field {
        const char *name; /* NULL ends a table */
        FieldType type;
        size_t offset;
        size_t size;  /* of the member; of an element in a list */
        size_t other; /* offset of the member that goes with it */
        uint64_t max; /* elements of a list, or largest number; 0 for the type's own */
        const Values *values;
        const struct Field *fields;
} Field;

/* Where and why reading stopped; @path grows from the inside out, and is owned. */
typedef struct Complaint {
        char *path;
        const char *why;
} Complaint;

/**
 * fields_encode() - Make a JSON object of a struct
 * @fields: table of its fields
 * @object: struct; lists are no longer than their table says
 * @all:    numbers that are 0 and false are written as well; all else that is empty is left out
 * @ret:    owned
 *
 * Return: 0; -ENOMEM; the errno of sd-json.
 */
int fields_encode(const Field *fields, const void *object, bool all, sd_json_variant **ret);

/**
 * fields_decode() - Read a JSON object into a struct
 * @fields:    table of its fields
 * @value:     any JSON value
 * @object:    what the value does not name stays as it is; owned texts that it has are freed with
 * it
 * @complaint: filled in on -EBADMSG
 *
 * Return: 0; -EBADMSG when a type, bound or name is not right; -ENOMEM.
 */
int fields_decode(const Field *fields, sd_json_variant *value, void *object, Complaint *complaint);

/** complain() - Begin a complaint. Return: -EBADMSG */
int complain(Complaint *complaint, const char *why);
