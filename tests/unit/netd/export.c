/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/export.h"

#include "tests/unit/netd/example.h"

static void what_is_exported_declares_the_same(void **unused)
{
        Export export = {};
        StateError error = {};
        StateChange change = {};
        State state = {};

        example_state(&state);
        assert_int_equal(export_state(&export, &state), 0);
        assert_int_equal(export.state.n_instances, 2);
        assert_string_equal(export.state.instances[0].mac, "02:00:00:00:00:02");
        assert_string_equal(export.state.networks[0].gateway, "10.64.0.1/24");
        assert_int_equal(state_plan(&state, &export.state, true, &change, &error), 0);
        assert_int_equal(change.n_objects, 0);
        state_change_deinit(&change);
        export_deinit(&export);
        state_deinit(&state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_exported_declares_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
