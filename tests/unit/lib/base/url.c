/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/url.h"

#include "lib/base/macros.h"
#include "tests/unit/test.h"

static void addresses_of_directories(void **state)
{
        assert_true(url_is_directory("http://192.0.2.1/updates", 100));
        assert_true(url_is_directory("https://[2001:db8::1]:8443/a/b_c/", 100));
        assert_true(url_is_directory("http://a", 8));
        assert_false(url_is_directory("http://a", 7));
}

static void what_is_none(void **state)
{
        static const char *const wrong[] = {
                "",
                "http://",
                "http:///x",
                "ftp://x",
                "file:///etc",
                "http://x/?a",
                "http://x/%2e",
                "http://x/\n[Transfer]",
        };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_false(url_is_directory(wrong[i], 100));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_of_directories),
                cmocka_unit_test(what_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
