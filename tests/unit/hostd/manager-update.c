/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <stdio.h>

#include "hostd/image-version.h"
#include "hostd/manager.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

/* Told in this very boot it begins, and what it says is what the alive record will say. */
static void what_the_updater_says_is_kept(void **state)
{
        HostUpdate update = {.operation = "op1", .begun = true, .url = "no address"};
        Manager manager = {};

        boot_id_read(update.boot);
        assert_true(update.boot[0]);
        assert_true(sd_event_new(&manager.event) >= 0);
        assert_int_equal(manager_add_updater(&manager), 0);
        updater_look(manager.updater, &update);
        assert_string_equal(manager.report.operation, "op1");
        assert_true(manager.report.problem[0]);
        updater_look(manager.updater, &(HostUpdate) {});
        assert_string_equal(manager.report.operation, "");
        updater_free(manager.updater);
        sd_event_unref(manager.event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_the_updater_says_is_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
