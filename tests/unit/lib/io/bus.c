/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/io/bus.h"

#include "lib/base/str.h"
#include "tests/unit/test.h"

static void test_errors(void **state)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        assert_true(bus_error(&error, "NoSuchHost", "there is no host \"%s\"", "h9") < 0);
        assert_string_equal(error.name, "org.troupe.Error.NoSuchHost");
        assert_string_equal(error.message, "there is no host \"h9\"");
        sd_bus_error_free(&error);
        assert_int_equal(bus_error_invalid(&error, "%d", 7), -EINVAL);
        assert_string_equal(error.name, SD_BUS_ERROR_INVALID_ARGS);
}

static void test_memory(void **state)
{
        BusPolkit *polkit = bus_polkit_new();

        assert_non_null(polkit);
        assert_null(bus_polkit_free(polkit));
        assert_null(bus_polkit_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
