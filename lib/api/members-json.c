/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Structs that own their texts and lists, as JSON by a table of their members: freeing, encoding
 * and decoding walk the same tables. A pointer or count that a decoder has not reached yet is zero,
 * so a half-decoded struct can be freed. */

#include "lib/api/members-json.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"

#define MEMBERS_MAX 40 /* of an object */

/* The name on the wire: that of the struct's member, "text" for "log.text". */
static const char *wire_name(const Member *member)
{
        const char *dot = strrchr(member->name, '.');

        return dot ? dot + 1 : member->name;
}

void members_free(const Member *member, void *object)
{
        for (; member->kind != MEMBER_END; member++) {
                void *at = (char *) object + member->offset;
                size_t count = member->count_offset > 0
                                       ? *(size_t *) ((char *) object + member->count_offset)
                                       : 0;

                switch (member->kind) {
                case MEMBER_OBJECT:
                        members_free(member->members, at);
                        break;
                case MEMBER_LIST:
                        for (size_t i = 0; i < count; i++)
                                members_free(member->members, *(char **) at + i * member->size);
                        free(*(void **) at);
                        break;
                case MEMBER_TEXTS:
                        for (size_t i = 0; i < count; i++)
                                free((*(char ***) at)[i]);
                        free(*(void **) at);
                        break;
                case MEMBER_TEXT:
                case MEMBER_LINES:
                case MEMBER_RAW:
                case MEMBER_BYTES:
                        free(*(void **) at);
                        break;
                default:
                        break;
                }
        }
}

/* Collects the entries first: appending to a JSON array one by one would copy it each time. */
static int encode_list(const Member *member, const void *at, size_t count, sd_json_variant **ret)
{
        sd_json_variant **entries = calloc(count + 1, sizeof(*entries));
        size_t n = 0;
        int r = 0;

        if (!entries)
                return -ENOMEM;
        for (; n < count && r >= 0; n++)
                if (member->kind == MEMBER_TEXTS)
                        r = sd_json_variant_new_string(&entries[n], (*(char ***) at)[n]);
                else
                        r = members_encode(member->members,
                                           *(const char *const *) at + n * member->size, NULL,
                                           &entries[n]);
        if (r >= 0)
                r = sd_json_variant_new_array(ret, entries, count);
        sd_json_variant_unref_many(entries, n); /* frees the array as well */
        return r;
}

static int encode_member(const Member *member, const void *object, sd_json_variant **ret)
{
        const void *at = (const char *) object + member->offset;
        size_t count = member->count_offset > 0
                               ? *(const size_t *) ((const char *) object + member->count_offset)
                               : 0;
        unsigned word;

        switch (member->kind) {
        case MEMBER_TEXT:
        case MEMBER_LINES:
        case MEMBER_RAW:
                if (!*(char *const *) at)
                        return member->optional ? sd_json_variant_new_null(ret) : -EINVAL;
                return sd_json_variant_new_string(ret, *(char *const *) at);
        case MEMBER_BYTES:
                return sd_json_variant_new_base64(ret, *(uint8_t *const *) at, count);
        case MEMBER_NUMBER:
                return sd_json_variant_new_unsigned(ret, *(const uint64_t *) at);
        case MEMBER_BOOL:
                return sd_json_variant_new_boolean(ret, *(const bool *) at);
        case MEMBER_WORD:
                word = *(const unsigned *) at;
                assert(word < member->max);
                return sd_json_variant_new_string(ret, member->words[word]);
        case MEMBER_OBJECT:
                return members_encode(member->members, at, NULL, ret);
        default:
                return encode_list(member, at, count, ret);
        }
}

int members_encode(const Member *members, const void *object, const char *type,
                   sd_json_variant **ret)
{
        sd_json_variant *parts[2 * MEMBERS_MAX] = {};
        size_t n = 0;
        int r = 0;

        if (type) {
                n = 2;
                r = sd_json_variant_new_string(&parts[0], "type");
                if (r >= 0)
                        r = sd_json_variant_new_string(&parts[1], type);
        }
        for (const Member *member = members; member->kind != MEMBER_END && r >= 0; member++) {
                assert(n + 2 <= 2 * MEMBERS_MAX);
                r = sd_json_variant_new_string(&parts[n++], wire_name(member));
                if (r >= 0)
                        r = encode_member(member, object, &parts[n++]);
        }
        if (r >= 0)
                r = sd_json_variant_new_object(ret, parts, n);
        while (n > 0)
                sd_json_variant_unref(parts[--n]);
        return r;
}

static bool text_allowed(const char *text, MemberKind kind)
{
        if (kind == MEMBER_RAW)
                return true;
        for (; *text; text++) {
                unsigned char c = (unsigned char) *text;

                if ((c < 0x20 || c == 0x7f) && !(kind == MEMBER_LINES && (c == '\n' || c == '\t')))
                        return false;
        }
        return true;
}

static int decode_text(const Member *member, sd_json_variant *value, char **ret)
{
        const char *text;

        if (!sd_json_variant_is_string(value))
                return MEMBERS_REFUSED;
        text = sd_json_variant_string(value);
        if (strlen(text) > member->max || !text_allowed(text, member->kind))
                return MEMBERS_REFUSED;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int decode_bytes(const Member *member, sd_json_variant *value, void *object)
{
        void *bytes = NULL;
        size_t n = 0;
        int r;

        if (!sd_json_variant_is_string(value) ||
            strlen(sd_json_variant_string(value)) > member->max * 4 / 3 + 4)
                return MEMBERS_REFUSED;
        r = sd_json_variant_unbase64(value, &bytes, &n);
        if (r < 0)
                return r == -ENOMEM ? r : MEMBERS_REFUSED;
        if (n > member->max) {
                free(bytes);
                return MEMBERS_REFUSED;
        }
        *(void **) ((char *) object + member->offset) = bytes;
        *(size_t *) ((char *) object + member->count_offset) = n;
        return 0;
}

static int decode_list(const Member *member, sd_json_variant *value, void *object,
                       const char **problem)
{
        size_t count = sd_json_variant_is_array(value) ? sd_json_variant_elements(value) : SIZE_MAX;
        size_t size = member->kind == MEMBER_TEXTS ? sizeof(char *) : member->size;
        size_t *ret_count = (size_t *) ((char *) object + member->count_offset);
        char *entries;
        int r = 0;

        if (count > MEMBERS_LIST_MAX)
                return MEMBERS_REFUSED;
        if (count == 0)
                return 0;
        entries = calloc(count, size);
        if (!entries)
                return -ENOMEM;
        *(char **) ((char *) object + member->offset) = entries;
        *ret_count = count;
        for (size_t i = 0; i < count && r == 0; i++) {
                sd_json_variant *entry = sd_json_variant_by_index(value, i);

                if (member->kind == MEMBER_TEXTS)
                        r = decode_text(&(Member) {.kind = MEMBER_TEXT, .max = member->max}, entry,
                                        (char **) (entries + i * size));
                else
                        r = members_decode(member->members, entry, entries + i * size, problem);
        }
        return r;
}

static int decode_word(const Member *member, sd_json_variant *value, unsigned *ret)
{
        if (!sd_json_variant_is_string(value))
                return MEMBERS_REFUSED;
        for (unsigned i = 0; i < member->max; i++)
                if (str_equal(member->words[i], sd_json_variant_string(value))) {
                        *ret = i;
                        return 0;
                }
        return MEMBERS_REFUSED;
}

static int decode_member(const Member *member, sd_json_variant *value, void *object,
                         const char **problem)
{
        void *at = (char *) object + member->offset;

        switch (member->kind) {
        case MEMBER_TEXT:
        case MEMBER_LINES:
        case MEMBER_RAW:
                return decode_text(member, value, at);
        case MEMBER_BYTES:
                return decode_bytes(member, value, object);
        case MEMBER_NUMBER:
                if (!sd_json_variant_is_unsigned(value) ||
                    sd_json_variant_unsigned(value) > member->max)
                        return MEMBERS_REFUSED;
                *(uint64_t *) at = sd_json_variant_unsigned(value);
                return 0;
        case MEMBER_BOOL:
                if (!sd_json_variant_is_boolean(value))
                        return MEMBERS_REFUSED;
                *(bool *) at = sd_json_variant_boolean(value);
                return 0;
        case MEMBER_WORD:
                return decode_word(member, value, at);
        case MEMBER_OBJECT:
                return members_decode(member->members, value, at, problem);
        default:
                return decode_list(member, value, object, problem);
        }
}

int members_decode(const Member *members, sd_json_variant *value, void *object,
                   const char **problem)
{
        if (!sd_json_variant_is_object(value))
                return MEMBERS_REFUSED;
        for (const Member *member = members; member->kind != MEMBER_END; member++) {
                sd_json_variant *part = sd_json_variant_by_key(value, wire_name(member));
                int r;

                if (!part || sd_json_variant_is_null(part)) {
                        if (member->optional)
                                continue;
                        *problem = member->name;
                        return MEMBERS_REFUSED;
                }
                *problem = NULL;
                r = decode_member(member, part, object, problem);
                if (r != 0) {
                        if (!*problem)
                                *problem = member->name;
                        return r;
                }
        }
        return 0;
}
