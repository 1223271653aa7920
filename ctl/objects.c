/* SPDX-License-Identifier: GPL-3.0-or-later */

/* From bus messages to JSON. Written once for every type, so that a property added to the contract
 * is shown by --json without a change here. */

#include "ctl/objects.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"

char *objects_member_name(const char *property)
{
        StrBuffer buffer = {};
        char *name = NULL;

        for (const char *c = property; *c; c++) {
                bool upper = *c >= 'A' && *c <= 'Z';
                char lower = upper ? (char) (*c - 'A' + 'a') : *c;

                if (upper && c != property)
                        str_buffer_append(&buffer, "_", 1);
                str_buffer_append(&buffer, &lower, 1);
        }
        return str_buffer_take(&buffer, &name) < 0 ? NULL : name;
}

static int read_basic(sd_bus_message *message, char type, sd_json_variant **ret)
{
        union {
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
                const char *s;
        } v;
        int r;

        if (type == SD_BUS_TYPE_UNIX_FD)
                return -EBADMSG;
        r = sd_bus_message_read_basic(message, type, &v);
        if (r < 0)
                return r;
        switch (type) {
        case SD_BUS_TYPE_BYTE:
                return sd_json_variant_new_unsigned(ret, v.y);
        case SD_BUS_TYPE_BOOLEAN:
                return sd_json_variant_new_boolean(ret, v.b);
        case SD_BUS_TYPE_INT16:
                return sd_json_variant_new_integer(ret, v.n);
        case SD_BUS_TYPE_UINT16:
                return sd_json_variant_new_unsigned(ret, v.q);
        case SD_BUS_TYPE_INT32:
                return sd_json_variant_new_integer(ret, v.i);
        case SD_BUS_TYPE_UINT32:
                return sd_json_variant_new_unsigned(ret, v.u);
        case SD_BUS_TYPE_INT64:
                return sd_json_variant_new_integer(ret, v.x);
        case SD_BUS_TYPE_UINT64:
                return sd_json_variant_new_unsigned(ret, v.t);
        case SD_BUS_TYPE_DOUBLE:
                return sd_json_variant_new_real(ret, v.d);
        default:
                return sd_json_variant_new_string(ret, v.s);
        }
}

/* Recursion through objects_value() ends at sd-bus's own limit of containers in containers. */
static int read_dictionary(sd_bus_message *message, char key_type, bool properties,
                           sd_json_variant **ret)
{
        _cleanup_json_ sd_json_variant *object = NULL;
        int r = sd_json_variant_new_object(&object, NULL, 0);

        if (key_type != SD_BUS_TYPE_STRING && key_type != SD_BUS_TYPE_OBJECT_PATH)
                return -EBADMSG;
        while (r >= 0 && (r = sd_bus_message_at_end(message, false)) == 0) {
                _cleanup_json_ sd_json_variant *value = NULL;
                _cleanup_free_ char *member = NULL;
                const char *key;

                r = sd_bus_message_enter_container(message, SD_BUS_TYPE_DICT_ENTRY, NULL);
                if (r >= 0)
                        r = sd_bus_message_read_basic(message, key_type, &key);
                if (r < 0)
                        return r;
                member = properties ? objects_member_name(key) : strdup(key);
                if (!member)
                        return -ENOMEM;
                r = objects_value(message, &value);
                if (r >= 0)
                        r = sd_json_variant_set_field(&object, member, value);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

static int read_list(sd_bus_message *message, sd_json_variant **ret)
{
        _cleanup_json_ sd_json_variant *array = NULL;
        int r = sd_json_variant_new_array(&array, NULL, 0);

        while (r >= 0 && (r = sd_bus_message_at_end(message, false)) == 0) {
                _cleanup_json_ sd_json_variant *value = NULL;

                r = objects_value(message, &value);
                if (r >= 0)
                        r = sd_json_variant_append_array(&array, value);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 0;
}

/* @contents is the message's, and another after the next look at a type. */
static int read_container(sd_bus_message *message, char type, const char *contents,
                          sd_json_variant **ret)
{
        bool dictionary = type == SD_BUS_TYPE_ARRAY && contents[0] == '{';
        bool properties = dictionary && str_equal(contents, "{sv}");
        char key_type = dictionary ? contents[1] : '\0';
        _cleanup_json_ sd_json_variant *value = NULL;
        int r = sd_bus_message_enter_container(message, type, contents);

        if (r < 0)
                return r;
        if (type == SD_BUS_TYPE_VARIANT)
                r = objects_value(message, &value);
        else if (dictionary)
                r = read_dictionary(message, key_type, properties, &value);
        else
                r = read_list(message, &value);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(value);
        return 0;
}

int objects_value(sd_bus_message *message, sd_json_variant **ret_value)
{
        const char *contents;
        char type;
        int r = sd_bus_message_peek_type(message, &type, &contents);

        if (r < 0)
                return r;
        if (r == 0)
                return -EBADMSG;
        switch (type) {
        case SD_BUS_TYPE_ARRAY:
        case SD_BUS_TYPE_VARIANT:
        case SD_BUS_TYPE_STRUCT:
                return read_container(message, type, contents, ret_value);
        default:
                return read_basic(message, type, ret_value);
        }
}

static inline void message_unrefp(sd_bus_message **message)
{
        sd_bus_message_unref(*message);
}

/* Calls a method of the object at the top and takes the one value of its reply. */
static int call(sd_bus *bus, const char *interface, const char *method, const char *argument,
                sd_bus_error *error, sd_json_variant **ret)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, interface, method, error, &reply,
                               argument ? "s" : "", argument);
        return r < 0 ? r : objects_value(reply, ret);
}

/* GetManagedObjects() gives what is below the object at the top, but not that itself. */
int objects_read(sd_bus *bus, sd_bus_error *error, sd_json_variant **ret_objects)
{
        _cleanup_json_ sd_json_variant *objects = NULL, *properties = NULL, *manager = NULL;
        int r;

        r = call(bus, "org.freedesktop.DBus.Properties", "GetAll", HOST1_MANAGER, error,
                 &properties);
        if (r >= 0)
                r = call(bus, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
                         error, &objects);
        if (r >= 0)
                r = sd_json_variant_set_field(&manager, HOST1_MANAGER, properties);
        if (r >= 0)
                r = sd_json_variant_set_field(&objects, HOST1_PATH, manager);
        if (r < 0)
                return r;
        *ret_objects = TAKE_PTR(objects);
        return 0;
}
