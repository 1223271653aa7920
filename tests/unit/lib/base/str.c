/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/str.h"

#include "tests/unit/test.h"

static void numbers_are_whole_and_bounded(void **state)
{
        uint64_t value = 7;

        assert_int_equal(str_to_u64("18446744073709551615", UINT64_MAX, &value), 0);
        assert_true(value == UINT64_MAX);
        assert_int_equal(str_to_u64("18446744073709551616", UINT64_MAX, &value), -ERANGE);
        assert_int_equal(str_to_u64("65536", 65535, &value), -ERANGE);
        assert_int_equal(str_to_u64("", 9, &value), -EINVAL);
        assert_int_equal(str_to_u64(" 1", 9, &value), -EINVAL);
        assert_int_equal(str_to_u64("-1", 9, &value), -EINVAL);
        assert_int_equal(str_to_u64("1x", 9, &value), -EINVAL);
        assert_true(value == UINT64_MAX);
}

static void booleans_in_both_spellings(void **state)
{
        bool value = false;

        assert_int_equal(str_to_bool("True", &value), 0);
        assert_true(value);
        assert_int_equal(str_to_bool("0", &value), 0);
        assert_false(value);
        assert_int_equal(str_to_bool("maybe", &value), -EINVAL);
        assert_int_equal(str_to_bool(NULL, &value), -EINVAL);
}

static void names_cannot_leave_a_folder(void **state)
{
        assert_true(str_is_name("web_IN_0", 64));
        assert_false(str_is_name("..", 64));
        assert_false(str_is_name(".x", 64));
        assert_false(str_is_name("a/b", 64));
        assert_false(str_is_name("-o", 64));
        assert_false(str_is_name("", 64));
        assert_false(str_is_name("abcd", 3));
}

static void hexadecimal_both_ways(void **state)
{
        uint8_t bytes[3] = {0, 0xab, 0xff}, back[3];
        char text[7];

        str_hex(bytes, 3, text);
        assert_string_equal(text, "00abff");
        assert_int_equal(str_unhex("00ABff", back, 3), 0);
        assert_memory_equal(bytes, back, 3);
        assert_int_equal(str_unhex("00abf", back, 3), -EINVAL);
        assert_int_equal(str_unhex("00abfg", back, 3), -EINVAL);
}

static void buffer_grows_and_is_taken(void **state)
{
        StrBuffer buffer = {};
        char *text = NULL;

        for (int i = 0; i < 1000; i++)
                str_buffer_addf(&buffer, "%d,", i % 10);
        assert_int_equal(str_buffer_take(&buffer, &text), 0);
        assert_int_equal(strlen(text), 2000);
        free(text);
        assert_int_equal(str_buffer_take(&buffer, &text), 0);
        assert_string_equal(text, "");
        free(text);
}

static void buffer_refuses_more_than_its_limit(void **state)
{
        StrBuffer buffer = {};
        char *text = NULL;

        str_buffer_append(&buffer, "x", 1);
        buffer.length = STR_BUFFER_MAX - 1;
        str_buffer_append(&buffer, "xx", 2);
        assert_int_equal(str_buffer_take(&buffer, &text), -ENOMEM);
        assert_null(text);
        assert_null(buffer.data);
}

static void prefix_suffix_and_set(void **state)
{
        char *text = NULL;

        assert_string_equal(str_after("web_IN_0", "web_"), "IN_0");
        assert_null(str_after("web", "web_"));
        assert_true(str_ends_with("a.csdef", ".csdef"));
        assert_false(str_ends_with("f", ".csdef"));
        assert_int_equal(str_set(&text, "a"), 0);
        assert_int_equal(str_set(&text, text), 0);
        assert_string_equal(text, "a");
        assert_int_equal(str_set(&text, NULL), 0);
        assert_null(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_are_whole_and_bounded),
                cmocka_unit_test(booleans_in_both_spellings),
                cmocka_unit_test(names_cannot_leave_a_folder),
                cmocka_unit_test(hexadecimal_both_ways),
                cmocka_unit_test(buffer_grows_and_is_taken),
                cmocka_unit_test(buffer_refuses_more_than_its_limit),
                cmocka_unit_test(prefix_suffix_and_set),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
