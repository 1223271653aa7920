/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Against the kernel, in a network namespace of its own; skipped where that is not allowed. */

#include "netd/links.h"

#include <net/if.h>

#include "tests/unit/netd/example.h"

static void an_overlay_joins_a_bridge(void **unused)
{
        const Network *network;
        const Remote *remote;
        char name[IFNAMSIZ];
        IpAddress moved;
        State state = {};
        unsigned index;
        Links *links;

        example_namespace();
        example_declare_hosts(&state);
        network = state_network(&state, "d");
        remote = map_get(&state.objects[OBJECT_REMOTE], "d/web_IN_9");
        links_overlay_name(network, name);
        assert_string_equal(name, "tx000007");
        assert_int_equal(links_new(&links), 0);
        assert_int_equal(links_ensure_overlay(links, network, &state_self(&state)->address),
                         -ENODEV);
        assert_int_equal(links_ensure_bridge(links, network), 0);
        for (int twice = 0; twice < 2; twice++) {
                assert_int_equal(links_ensure_overlay(links, network, &state_self(&state)->address),
                                 0);
                assert_int_equal(links_know_remote(links, remote, network,
                                                   &state_peer(&state, "h2")->address),
                                 0);
        }
        index = if_nametoindex(name);
        moved = state_peer(&state, "h3")->address; /* this host's address changes: made anew */
        assert_int_equal(links_ensure_overlay(links, network, &moved), 0);
        assert_true(if_nametoindex(name) != index);
        links_forget_remote(links, remote, network);
        links_forget_remote(links, remote, network);
        assert_int_equal(links_remove(links, name), 0);
        assert_int_equal(if_nametoindex(name), 0);
        links_free(links);
        state_deinit(&state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_overlay_joins_a_bridge),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
