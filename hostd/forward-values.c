/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values are carried as JSON: texts, numbers and truth values as such (64-bit numbers as texts), a
 * dictionary as a list of pairs, a descriptor as its number among those that go along. Only what
 * the calls of org.troupe.Host1 and their answers are made of is there; all else is refused. */

#include "hostd/forward-values.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"

#define DEPTH_MAX  4
#define VALUES_MAX 4096

static int encode_all(sd_bus_message *message, unsigned depth, ForwardFiles *files,
                      sd_json_variant **values);

static int encode_fd(sd_bus_message *message, ForwardFiles *files, sd_json_variant **ret_value)
{
        int fd, r;

        if (!files || files->n_fds == FORWARD_FILES_MAX)
                return -EOPNOTSUPP;
        r = sd_bus_message_read_basic(message, 'h', &fd);
        if (r < 0)
                return r;
        files->fds[files->n_fds++] = fd;
        return sd_json_variant_new_unsigned(ret_value, files->n_fds - 1);
}

static int encode_basic(sd_bus_message *message, char type, sd_json_variant **ret_value)
{
        union {
                const char *s;
                uint8_t y;
                uint16_t q;
                uint32_t u;
                int32_t i;
                uint64_t t;
                int b;
        } value;
        char text[32];
        int r;

        if (!strchr("soqutib", type))
                return -EOPNOTSUPP;
        r = sd_bus_message_read_basic(message, type, &value);
        if (r < 0)
                return r;
        switch (type) {
        case 's':
        case 'o':
                return sd_json_variant_new_string(ret_value, value.s);
        case 'q':
                return sd_json_variant_new_unsigned(ret_value, value.q);
        case 'u':
                return sd_json_variant_new_unsigned(ret_value, value.u);
        case 'i':
                return sd_json_variant_new_integer(ret_value, value.i);
        case 'b':
                return sd_json_variant_new_boolean(ret_value, value.b);
        default:
                snprintf(text, sizeof(text), "%" PRIu64, value.t);
                return sd_json_variant_new_string(ret_value, text);
        }
}

static int encode_one(sd_bus_message *message, unsigned depth, char type, const char *contents,
                      ForwardFiles *files, sd_json_variant **ret_value)
{
        int r;

        if (type == 'h')
                return encode_fd(message, files, ret_value);
        if (type != 'a' && type != 'e')
                return encode_basic(message, type, ret_value);
        r = sd_bus_message_enter_container(message, type, contents);
        if (r >= 0)
                r = encode_all(message, depth + 1, files, ret_value);
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int encode_all(sd_bus_message *message, unsigned depth, ForwardFiles *files,
                      sd_json_variant **values)
{
        const char *contents;
        char type;
        int r;

        if (depth > DEPTH_MAX)
                return -EOPNOTSUPP;
        r = sd_json_variant_new_array(values, NULL, 0);
        while (r >= 0 && (r = sd_bus_message_peek_type(message, &type, &contents)) > 0) {
                _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;

                if (sd_json_variant_elements(*values) >= VALUES_MAX)
                        return -E2BIG;
                r = encode_one(message, depth, type, contents, files, &value);
                if (r >= 0)
                        r = sd_json_variant_append_array(values, value);
        }
        return r;
}

int forward_encode(sd_bus_message *message, ForwardFiles *files, sd_json_variant **ret_values)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *values = NULL;
        int r = encode_all(message, 0, files, &values);

        if (r >= 0)
                *ret_values = TAKE_PTR(values);
        return r;
}

static int decode_number(sd_bus_message *message, char type, sd_json_variant *value)
{
        uint64_t number, max = type == 'q' ? UINT16_MAX : type == 'u' ? UINT32_MAX : UINT64_MAX;
        int32_t whole;

        if (type == 'i') {
                if (!sd_json_variant_is_integer(value))
                        return -EBADMSG;
                whole = (int32_t) sd_json_variant_integer(value);
                return sd_bus_message_append(message, "i", whole);
        }
        if (type == 't') {
                if (!sd_json_variant_is_string(value) ||
                    str_to_u64(sd_json_variant_string(value), max, &number) < 0)
                        return -EBADMSG;
                return sd_bus_message_append(message, "t", number);
        }
        if (!sd_json_variant_is_unsigned(value) || sd_json_variant_unsigned(value) > max)
                return -EBADMSG;
        number = sd_json_variant_unsigned(value);
        return type == 'q' ? sd_bus_message_append(message, "q", (uint16_t) number)
                           : sd_bus_message_append(message, "u", (uint32_t) number);
}

static int decode_basic(sd_bus_message *message, char type, sd_json_variant *value)
{
        switch (type) {
        case 's':
        case 'o':
                if (!sd_json_variant_is_string(value))
                        return -EBADMSG;
                return sd_bus_message_append_basic(message, type, sd_json_variant_string(value));
        case 'b':
                if (!sd_json_variant_is_boolean(value))
                        return -EBADMSG;
                return sd_bus_message_append(message, "b", (int) sd_json_variant_boolean(value));
        case 'q':
        case 'u':
        case 'i':
        case 't':
                return decode_number(message, type, value);
        default:
                return -EOPNOTSUPP;
        }
}

/* `as` and its like. */
static int decode_list(sd_bus_message *message, char type, sd_json_variant *list)
{
        const char contents[] = {type, '\0'};
        int r;

        if (!sd_json_variant_is_array(list))
                return -EBADMSG;
        r = sd_bus_message_open_container(message, 'a', contents);
        for (size_t i = 0; i < sd_json_variant_elements(list) && r >= 0; i++)
                r = decode_basic(message, type, sd_json_variant_by_index(list, i));
        return r < 0 ? r : sd_bus_message_close_container(message);
}

/* `a{su}` and its like; calls and their answers have no other containers. */
static int decode_pairs(sd_bus_message *message, const char types[static 2], sd_json_variant *list)
{
        char pair[] = {types[0], types[1], '\0'}, entry[] = {'{', types[0], types[1], '}', '\0'};
        int r;

        if (!sd_json_variant_is_array(list))
                return -EBADMSG;
        r = sd_bus_message_open_container(message, 'a', entry);
        for (size_t i = 0; i < sd_json_variant_elements(list) && r >= 0; i++) {
                sd_json_variant *one = sd_json_variant_by_index(list, i);

                if (!sd_json_variant_is_array(one) || sd_json_variant_elements(one) != 2)
                        return -EBADMSG;
                r = sd_bus_message_open_container(message, 'e', pair);
                for (size_t k = 0; k < 2 && r >= 0; k++)
                        r = decode_basic(message, types[k], sd_json_variant_by_index(one, k));
                if (r >= 0)
                        r = sd_bus_message_close_container(message);
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int decode_fd(sd_bus_message *message, sd_json_variant *value, const ForwardFiles *files)
{
        uint64_t number;

        if (!sd_json_variant_is_unsigned(value))
                return -EBADMSG;
        number = sd_json_variant_unsigned(value);
        if (!files || number >= files->n_fds)
                return -EBADMSG;
        return sd_bus_message_append(message, "h", files->fds[number]);
}

int forward_decode(sd_bus_message *message, const char *signature, sd_json_variant *values,
                   const ForwardFiles *files)
{
        size_t index = 0;
        int r = 0;

        if (!sd_json_variant_is_array(values))
                return -EBADMSG;
        while (*signature && r >= 0) {
                sd_json_variant *value = index < sd_json_variant_elements(values)
                                                 ? sd_json_variant_by_index(values, index++)
                                                 : NULL;

                if (!value)
                        return -EBADMSG;
                if (signature[0] == 'a' && signature[1] == 's') {
                        r = decode_list(message, 's', value);
                        signature += 2;
                } else if (signature[0] == 'a') {
                        if (signature[1] != '{' || strlen(signature) < 5 || signature[4] != '}')
                                return -EOPNOTSUPP;
                        r = decode_pairs(message, signature + 2, value);
                        signature += 5;
                } else if (signature[0] == 'h') {
                        r = decode_fd(message, value, files);
                        signature++;
                } else {
                        r = decode_basic(message, *signature++, value);
                }
        }
        return r < 0 ? r : index == sd_json_variant_elements(values) ? 0 : -EBADMSG;
}

const char *forward_text_of(sd_json_variant *json, const char *name)
{
        sd_json_variant *value = sd_json_variant_by_key(json, name);

        return sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
}
