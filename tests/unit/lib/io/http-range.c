/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ranges that are honoured, ranges that are not there, and everything else. */

#include "lib/io/http-range.h"

#include <string.h>

#include "tests/unit/test.h"

static void check(const char *text, int r, uint64_t first, uint64_t length)
{
        uint64_t got_first = 77, got_length = 77;

        assert_int_equal(http_range_parse(text, 1000, &got_first, &got_length), r);
        if (r == HTTP_RANGE_UNSATISFIABLE)
                first = length = 77;
        assert_int_equal(got_first, first);
        assert_int_equal(got_length, length);
}

static void test_parts(void **state)
{
        check("bytes=0-", HTTP_RANGE_PART, 0, 1000);
        check("bytes=10-", HTTP_RANGE_PART, 10, 990);
        check("bytes=999-", HTTP_RANGE_PART, 999, 1);
        check("bytes=10-19", HTTP_RANGE_PART, 10, 10);
        check("bytes=10-5000", HTTP_RANGE_PART, 10, 990);
        check("bytes=0010-0019", HTTP_RANGE_PART, 10, 10);
        check("bytes=-1", HTTP_RANGE_PART, 999, 1);
        check("bytes=-5000", HTTP_RANGE_PART, 0, 1000);
        check("bytes=10-99999999999999999999999999", HTTP_RANGE_PART, 10, 990);
}

static void test_behind_the_end(void **state)
{
        uint64_t first, length;

        check("bytes=1000-", HTTP_RANGE_UNSATISFIABLE, 0, 0);
        check("bytes=18446744073709551615-", HTTP_RANGE_UNSATISFIABLE, 0, 0);
        check("bytes=99999999999999999999999999-", HTTP_RANGE_UNSATISFIABLE, 0, 0);
        check("bytes=-0", HTTP_RANGE_UNSATISFIABLE, 0, 0);
        assert_int_equal(http_range_parse("bytes=0-", 0, &first, &length),
                         HTTP_RANGE_UNSATISFIABLE);
        assert_int_equal(http_range_parse("bytes=-5", 0, &first, &length),
                         HTTP_RANGE_UNSATISFIABLE);
}

static void test_not_understood(void **state)
{
        static const char *const texts[] = {
                NULL,        "",           "bytes",        "bytes=",    "bytes=-",    "bytes=5",
                "bytes=9-5", "bytes=a-b",  "bytes=1-2,5-", "lines=1-2", "bytes= 1-2", "bytes=1--2",
                "bytes=+1-", "bytes=0x1-", "bytes=1-2 ",   "bytes=--1",
        };
        char longest[HTTP_RANGE_TEXT_MAX + 1];

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                check(texts[i], 0, 0, 1000);
        memset(longest, '0', sizeof(longest));
        memcpy(longest, "bytes=", 6);
        longest[sizeof(longest) - 2] = '-';
        longest[sizeof(longest) - 1] = '\0';
        check(longest, 0, 0, 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parts),
                cmocka_unit_test(test_behind_the_end),
                cmocka_unit_test(test_not_understood),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
