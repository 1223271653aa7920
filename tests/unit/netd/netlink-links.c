/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Against the kernel, in a network namespace of its own; skipped where that is not allowed. */

#include "netd/links.h"

#include "tests/unit/netd/example.h"

static void bridges_and_taps_come_and_go(void **unused)
{
        char uplink[IFNAMSIZ] = "x";
        const Instance *instance;
        const Network *network;
        LinkNames names;
        State state = {};
        Links *links;

        example_namespace();
        example_state(&state);
        network = state_network(&state, "d");
        instance = state_instance(&state, "d/web_IN_0");
        assert_int_equal(links_new(&links), 0);
        for (int twice = 0; twice < 2; twice++) {
                assert_int_equal(links_ensure_bridge(links, network), 0);
                assert_int_equal(links_ensure_tap(links, instance), 0);
                assert_int_equal(links_ensure_port(links, instance, network), 0);
        }
        assert_int_equal(links_list(links, &names), 0);
        assert_int_equal(names.n_names, 2);
        free(names.names);
        assert_int_equal(links_ensure_vip(links, "tbx", &network->gateway), 0);
        assert_int_equal(links_remove_vip(links, "tbx", &network->gateway), 0);
        assert_int_equal(links_remove_vip(links, "tbx", &network->gateway), 0);
        assert_int_equal(links_uplink(links, uplink), 0);
        assert_string_equal(uplink, "");
        for (int twice = 0; twice < 2; twice++) {
                assert_int_equal(links_remove(links, "tvx0"), 0);
                assert_int_equal(links_remove(links, "tbx"), 0);
        }
        assert_int_equal(links_list(links, &names), 0);
        assert_int_equal(names.n_names, 0);
        assert_int_equal(links_ensure_vip(links, "nowhere", &network->gateway), -ENODEV);
        assert_non_null(strstr(links_why(links), "nowhere"));
        links_free(links);
        state_deinit(&state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bridges_and_taps_come_and_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
