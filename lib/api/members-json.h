/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Structs that own what they point at, as JSON by a table of their members. Decoding is for what
 * hostile guests send: every type and bound is checked; members that the table does not have are
 * passed over. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-json.h>

#include "lib/base/macros.h"

typedef enum MemberKind {
        MEMBER_END,
        MEMBER_TEXT,  /* char *: one line, no control characters */
        MEMBER_LINES, /* char *: newlines and tabs as well */
        MEMBER_RAW,   /* char *: any text */
        MEMBER_BYTES, /* uint8_t * and a count: base64 */
        MEMBER_NUMBER,
        MEMBER_BOOL,
        MEMBER_WORD,   /* unsigned: one of a list of words */
        MEMBER_OBJECT, /* a struct inside the struct */
        MEMBER_LIST,   /* pointer to structs and a count */
        MEMBER_TEXTS,  /* char ** and a count */
} MemberKind;

typedef struct Member Member;

struct Member {
        MemberKind kind;
        bool optional;
        const char *name;
        size_t offset;
        size_t count_offset;
        uint64_t max;             /* value, bytes or entries */
        const char *const *words; /* max of them */
        const Member *members;    /* of the object or of each entry */
        size_t size;              /* of an entry */
};

#define MEMBERS_LIST_MAX 1000 /* entries of any list */

enum {
        MEMBERS_REFUSED = 1, /* not what the table says */
};

/** members_free() - Free what a struct owns, also a half-decoded one; its pointers stay */
void members_free(const Member *members, void *object);

/**
 * members_encode() - Make a JSON object of a struct
 * @members: table
 * @object:  struct
 * @type:    first member, "type", of a message; NULL for none
 * @ret:     owned
 *
 * Return: 0; -EINVAL when a text that is needed is NULL or one is not UTF-8; -ENOMEM.
 */
int members_encode(const Member *members, const void *object, const char *type,
                   sd_json_variant **ret);

/**
 * members_decode() - Read a JSON object into a struct
 * @members: table
 * @value:   any JSON value
 * @object:  all zeroes; owns on any return what was read so far
 * @problem: on MEMBERS_REFUSED the member that is wrong, static text, or unchanged
 *
 * Return: 0; MEMBERS_REFUSED; -ENOMEM.
 */
int members_decode(const Member *members, sd_json_variant *value, void *object,
                   const char **problem);
