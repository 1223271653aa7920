/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/objects.h"

#include <string.h>

#include "tests/unit/test.h"

#include "ctl/bus.h"
#include "tests/unit/ctl/fake-host1.h"

static sd_bus *bus;

static char *json_of(const char *types, ...)
{
        _cleanup_message_ sd_bus_message *message = NULL;
        _cleanup_json_ sd_json_variant *value = NULL;
        char *text = NULL;
        va_list args;
        int r;

        assert_true(sd_bus_message_new_method_call(bus, &message, "a.b", "/", "a.b", "C") >= 0);
        va_start(args, types);
        assert_true(sd_bus_message_appendv(message, types, args) >= 0);
        va_end(args);
        assert_true(sd_bus_message_seal(message, 1, 0) >= 0);
        r = objects_value(message, &value);
        if (r < 0)
                return strdup(strerror(-r));
        assert_true(sd_json_variant_format(value, 0, &text) >= 0);
        return text;
}

static void every_type_has_its_json(void **state)
{
        _cleanup_free_ char *number = json_of("t", UINT64_MAX), *list = json_of("as", 2, "a", "b"),
                            *properties =
                                    json_of("a{sv}", 2, "InRotation", "b", true, "Name", "s", "x"),
                            *names = json_of("a{su}", 1, "WebRole", 3),
                            *roles = json_of("a(ssuu)", 1, "web", "web", 2, 1),
                            *none = json_of("a{sv}", 0), *signed_number = json_of("x", INT64_MIN),
                            *deep = json_of("v", "v", "v", "i", -1);

        assert_string_equal(number, "18446744073709551615");
        assert_string_equal(list, "[\"a\",\"b\"]");
        assert_string_equal(properties, "{\"in_rotation\":true,\"name\":\"x\"}");
        assert_string_equal(names, "{\"WebRole\":3}");
        assert_string_equal(roles, "[[\"web\",\"web\",2,1]]");
        assert_string_equal(none, "{}");
        assert_string_equal(signed_number, "-9223372036854775808");
        assert_string_equal(deep, "-1");
}

static void descriptors_and_odd_keys_have_none(void **state)
{
        _cleanup_free_ char *fd = json_of("h", 0), *keys = json_of("a{us}", 1, 7, "x");

        assert_string_equal(fd, strerror(EBADMSG));
        assert_string_equal(keys, strerror(EBADMSG));
}

static void member_names_are_snake_case(void **state)
{
        _cleanup_free_ char *a = objects_member_name("FaultDomain"), *b = objects_member_name("Id");

        assert_string_equal(a, "fault_domain");
        assert_string_equal(b, "id");
}

static void all_objects_come_in_one_answer(void **state)
{
        _cleanup_json_ sd_json_variant *objects = NULL;
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;

        assert_int_equal(objects_read(bus, &error, &objects), 0);
        assert_non_null(sd_json_variant_by_key(
                sd_json_variant_by_key(objects, "/org/troupe/Host1/service/guestbook"),
                "org.troupe.Host1.Service"));
}

static int open_bus(void **state)
{
        return fake_start(state) < 0 ? -1 : sd_bus_open_system(&bus);
}

static int close_bus(void **state)
{
        bus = sd_bus_flush_close_unref(bus);
        return fake_stop(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_has_its_json),
                cmocka_unit_test(descriptors_and_odd_keys_have_none),
                cmocka_unit_test(member_names_are_snake_case),
                cmocka_unit_test(all_objects_come_in_one_answer),
        };

        return cmocka_run_group_tests(tests, open_bus, close_bus);
}
