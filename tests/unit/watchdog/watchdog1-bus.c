/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Without a bus there is nobody to tell; what is said on one, tests/control/watchdog looks at. */

#include "watchdog/manager.h"

#include <stdio.h>

#include "tests/unit/test.h"

static void telling_nobody_is_no_error(void **state)
{
        Manager manager = {};

        watchdog1_bus_changed(&manager);
        snprintf(manager.settings.bus, sizeof(manager.settings.bus), "unix:path=/nonexistent");
        assert_int_equal(sd_event_new(&manager.event), 0);
        assert_true(watchdog1_bus_begin(&manager) < 0);
        assert_null(manager.bus);
        sd_event_unref(manager.event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(telling_nobody_is_no_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
