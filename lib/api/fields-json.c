/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Structs as JSON by a table of their fields: one walk for each direction, so what is written and
 * what is read cannot differ. */

#include "lib/api/fields-json.h"

#include <limits.h>
#include <stdio.h>

#include "lib/base/str.h"

/* A number of any width, read and written as 64 bits. */
static uint64_t number_get(const void *at, size_t size)
{
        return size == sizeof(uint16_t)   ? *(const uint16_t *) at
               : size == sizeof(uint32_t) ? *(const uint32_t *) at
                                          : *(const uint64_t *) at;
}

static void number_set(void *at, size_t size, uint64_t value)
{
        if (size == sizeof(uint16_t))
                *(uint16_t *) at = (uint16_t) value;
        else if (size == sizeof(uint32_t))
                *(uint32_t *) at = (uint32_t) value;
        else
                *(uint64_t *) at = value;
}

static int encode_elements(const Field *field, const void *object, sd_json_variant **ret)
{
        size_t n = *(const size_t *) ((const char *) object + field->other);
        const char *at = (const char *) object + field->offset;
        sd_json_variant *elements[32] = {};
        int r = 0;

        _Static_assert(RECORD_ROLES_MAX <= 32 && RECORD_ENDPOINTS_MAX <= 32 &&
                               RECORD_HOLDERS_MAX <= 32 && RECORD_VIP_POOLS_MAX <= 32,
                       "every list fits");
        assert(n <= field->max && n <= ARRAY_SIZE(elements));
        for (size_t i = 0; i < n && r >= 0; i++, at += field->size)
                r = field->type == FIELD_NAMES
                            ? sd_json_variant_new_string(&elements[i], at)
                            : fields_encode(field->fields, at, false, &elements[i]);
        if (r >= 0)
                r = sd_json_variant_new_array(ret, elements, n);
        for (size_t i = 0; i < n; i++)
                sd_json_variant_unref(elements[i]);
        return r;
}

static int encode_address(const Field *field, const void *object, sd_json_variant **ret)
{
        const IpAddress *address = (const void *) ((const char *) object + field->offset);
        char text[IP_TEXT_MAX], range[IP_TEXT_MAX + 4];

        ip_format(address, text);
        if (field->type == FIELD_ADDRESS)
                return sd_json_variant_new_string(ret, text);
        snprintf(range, sizeof(range), "%s/%u", text,
                 *(const unsigned *) ((const char *) object + field->other));
        return sd_json_variant_new_string(ret, range);
}

/* Whether a member says nothing: it is left out then. */
static bool field_is_empty(const Field *field, const void *object)
{
        const char *at = (const char *) object + field->offset;

        switch (field->type) {
        case FIELD_NAME:
        case FIELD_DIGEST:
        case FIELD_TEXT:
                return at[0] == '\0';
        case FIELD_OWNED:
                return !*(char *const *) at;
        case FIELD_BOOL:
                return !*(const bool *) at;
        case FIELD_UNSIGNED:
                return number_get(at, field->size) == 0;
        case FIELD_ADDRESS:
        case FIELD_RANGE:
                return ((const IpAddress *) at)->family == 0;
        case FIELD_INSTANCE:
                return ((const InstanceId *) at)->deployment[0] == '\0';
        case FIELD_NAMES:
        case FIELD_LIST:
                return *(const size_t *) ((const char *) object + field->other) == 0;
        case FIELD_OBJECT:
                for (const Field *f = field->fields; f->name; f++)
                        if (!field_is_empty(f, at))
                                return false;
                return true;
        case FIELD_ENUM:
                break;
        }
        return false;
}

static int encode_field(const Field *field, const void *object, sd_json_variant **ret)
{
        const char *at = (const char *) object + field->offset;
        char text[RECORD_KEY_MAX + 1];

        switch (field->type) {
        case FIELD_NAME:
        case FIELD_DIGEST:
        case FIELD_TEXT:
                return sd_json_variant_new_string(ret, at);
        case FIELD_OWNED:
                return sd_json_variant_new_string(ret, *(char *const *) at ?: "");
        case FIELD_BOOL:
                return sd_json_variant_new_boolean(ret, *(const bool *) at);
        case FIELD_UNSIGNED:
                return sd_json_variant_new_unsigned(ret, number_get(at, field->size));
        case FIELD_ADDRESS:
        case FIELD_RANGE:
                return encode_address(field, object, ret);
        case FIELD_ENUM:
                return sd_json_variant_new_string(ret, field->values->name(*(const unsigned *) at));
        case FIELD_INSTANCE:
                return sd_json_variant_new_string(
                        ret, instance_id_format((const InstanceId *) at, text));
        case FIELD_OBJECT:
                return fields_encode(field->fields, at, false, ret);
        case FIELD_NAMES:
        case FIELD_LIST:
                return encode_elements(field, object, ret);
        }
        return -EINVAL;
}

int fields_encode(const Field *fields, const void *object, bool all, sd_json_variant **ret)
{
        sd_json_variant *members[2 * FIELDS_MAX];
        size_t n = 0;
        int r = 0;

        for (const Field *field = fields; field->name && r >= 0; field++) {
                bool number = field->type == FIELD_UNSIGNED || field->type == FIELD_BOOL;

                if (field_is_empty(field, object) && !(all && number))
                        continue;
                assert(n + 2 <= ARRAY_SIZE(members));
                r = sd_json_variant_new_string(&members[n], field->name);
                if (r < 0)
                        break;
                r = encode_field(field, object, &members[n + 1]);
                n += r < 0 ? 1 : 2;
        }
        if (r >= 0)
                r = sd_json_variant_new_object(ret, members, n);
        for (size_t i = 0; i < n; i++)
                sd_json_variant_unref(members[i]);
        return r;
}

int complain(Complaint *complaint, const char *why)
{
        complaint->why = why;
        return -EBADMSG;
}

static int complain_at(Complaint *complaint, const char *name, ssize_t index)
{
        _cleanup_free_ char *inner = TAKE_PTR(complaint->path);

        complaint->path =
                index >= 0 ? str_printf("%s[%zd]%s%s", name, index, inner ? "." : "", inner ?: "")
                           : str_printf("%s%s%s", name, inner && inner[0] != '[' ? "." : "",
                                        inner ?: "");
        return complaint->path ? -EBADMSG : -ENOMEM;
}

static int decode_text(const Field *field, sd_json_variant *value, char *at, Complaint *complaint)
{
        const char *text;

        if (!sd_json_variant_is_string(value))
                return complain(complaint, "is not a string");
        text = sd_json_variant_string(value);
        if (field->type == FIELD_OWNED) {
                if (strlen(text) > RECORD_TEXT_MAX)
                        return complain(complaint, "is too long");
                return str_set((char **) at, text);
        }
        if (strlen(text) >= field->size)
                return complain(complaint, "is too long");
        if (field->type == FIELD_NAME && text[0] && !str_is_name(text, field->size - 1))
                return complain(complaint, "is not a name");
        if (field->type == FIELD_DIGEST && text[0] &&
            (strlen(text) != RECORD_DIGEST_MAX ||
             strspn(text, "0123456789abcdef") != RECORD_DIGEST_MAX))
                return complain(complaint, "is not a SHA-256 in hexadecimal");
        memset(at, 0, field->size);
        memcpy(at, text, strlen(text));
        return 0;
}

static int decode_number(const Field *field, sd_json_variant *value, void *at, Complaint *complaint)
{
        uint64_t max = field->size == sizeof(uint16_t)   ? UINT16_MAX
                       : field->size == sizeof(uint32_t) ? UINT32_MAX
                                                         : UINT64_MAX;

        if (!sd_json_variant_is_unsigned(value))
                return complain(complaint, "is not a whole number");
        if (sd_json_variant_unsigned(value) > (field->max > 0 ? field->max : max))
                return complain(complaint, "is too large");
        number_set(at, field->size, sd_json_variant_unsigned(value));
        return 0;
}

static int decode_address(const Field *field, sd_json_variant *value, char *object,
                          Complaint *complaint)
{
        IpAddress *address = (IpAddress *) (object + field->offset);
        const char *text;
        int r;

        if (!sd_json_variant_is_string(value))
                return complain(complaint, "is not a string");
        text = sd_json_variant_string(value);
        if (field->type == FIELD_ADDRESS && text[0] == '\0') {
                *address = (IpAddress) {};
                return 0;
        }
        r = field->type == FIELD_ADDRESS
                    ? ip_parse(text, address)
                    : ip_parse_range(text, address, (unsigned *) (object + field->other));
        return r < 0 ? complain(complaint, "is not an address") : 0;
}

static int decode_enum(const Field *field, sd_json_variant *value, unsigned *at,
                       Complaint *complaint)
{
        if (!sd_json_variant_is_string(value))
                return complain(complaint, "is not a string");
        for (unsigned i = 0; i < field->values->n_values; i++)
                if (str_equal(field->values->name(i), sd_json_variant_string(value))) {
                        *at = i;
                        return 0;
                }
        return complain(complaint, "is not one of the values it may have");
}

static int decode_elements(const Field *field, sd_json_variant *value, char *object,
                           Complaint *complaint)
{
        static const Field name = {.type = FIELD_NAME, .size = sizeof(RecordName)};
        char *at = object + field->offset;
        size_t n;

        if (!sd_json_variant_is_array(value))
                return complain(complaint, "is not a list");
        n = sd_json_variant_elements(value);
        if (n > field->max)
                return complain(complaint, "has too many elements");
        for (size_t i = 0; i < n; i++, at += field->size) {
                sd_json_variant *element = sd_json_variant_by_index(value, i);
                int r;

                memset(at, 0, field->size);
                r = field->type == FIELD_NAMES
                            ? decode_text(&name, element, at, complaint)
                            : fields_decode(field->fields, element, at, complaint);
                if (r == -EBADMSG)
                        return complain_at(complaint, "", (ssize_t) i);
                if (r < 0)
                        return r;
        }
        *(size_t *) (object + field->other) = n;
        return 0;
}

static int decode_field(const Field *field, sd_json_variant *value, char *object,
                        Complaint *complaint)
{
        char *at = object + field->offset;

        switch (field->type) {
        case FIELD_NAME:
        case FIELD_DIGEST:
        case FIELD_TEXT:
        case FIELD_OWNED:
                return decode_text(field, value, at, complaint);
        case FIELD_BOOL:
                if (!sd_json_variant_is_boolean(value))
                        return complain(complaint, "is not true or false");
                *(bool *) at = sd_json_variant_boolean(value);
                return 0;
        case FIELD_UNSIGNED:
                return decode_number(field, value, at, complaint);
        case FIELD_ADDRESS:
        case FIELD_RANGE:
                return decode_address(field, value, object, complaint);
        case FIELD_ENUM:
                return decode_enum(field, value, (unsigned *) at, complaint);
        case FIELD_INSTANCE:
                if (!sd_json_variant_is_string(value) ||
                    instance_id_parse(sd_json_variant_string(value), (InstanceId *) at) < 0)
                        return complain(complaint, "is not an instance's id");
                return 0;
        case FIELD_OBJECT:
                return fields_decode(field->fields, value, at, complaint);
        case FIELD_NAMES:
        case FIELD_LIST:
                return decode_elements(field, value, object, complaint);
        }
        return -EINVAL;
}

int fields_decode(const Field *fields, sd_json_variant *value, void *object, Complaint *complaint)
{
        if (!sd_json_variant_is_object(value))
                return complain(complaint, "is not an object");
        for (const Field *field = fields; field->name; field++) {
                sd_json_variant *member = sd_json_variant_by_key(value, field->name);
                int r = member ? decode_field(field, member, object, complaint) : 0;

                if (r == -EBADMSG)
                        return complain_at(complaint, field->name, -1);
                if (r < 0)
                        return r;
        }
        return 0;
}
