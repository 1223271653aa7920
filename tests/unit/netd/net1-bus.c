/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Without a bus there is nobody to tell; with one, tests/net/contract compares with the XML. */

#include "netd/manager.h"

#include "tests/unit/netd/example.h"

static void telling_nobody_is_no_error(void **unused)
{
        Manager manager = {};

        example_state(&manager.state);
        net1_bus_rotation(&manager, &state_endpoint(&manager.state, "http")->backends[0]);
        assert_string_equal(
                manager_why(&manager, &state_endpoint(&manager.state, "http")->backends[0]), "");
        state_deinit(&manager.state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(telling_nobody_is_no_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
