/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Against the kernel, in a network namespace of its own; skipped where that is not allowed. */

#include "netd/links.h"

#include <net/if.h>

#include "netd/elements.h"
#include "tests/unit/netd/example.h"

static void declare(State *state)
{
        StateError error = {};
        Net1State wanted;

        example_hosts(&wanted, 1, 1);
        assert_int_equal(example_declare(state, &wanted, true, &error), 0);
        net1_state_deinit(&wanted);
}

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
        declare(&state);
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

static void numbers_lead_to_hosts(void **unused)
{
        LinkPeers peers;
        State state = {};
        LinkPeer peer;
        Links *links;

        example_namespace();
        declare(&state);
        peer = (LinkPeer) {state_peer(&state, "h2")->number, state_peer(&state, "h2")->address};
        assert_int_equal(links_new(&links), 0);
        assert_true(links_ensure_peer(links, &peer) < 0);
        /* without any address the kernel has no table to tell a gateway by */
        assert_int_equal(links_ensure_bridge(links, state_network(&state, "d")), 0);
        for (int twice = 0; twice < 2; twice++) {
                assert_int_equal(links_ensure_fabric(links, &state_self(&state)->address, ""), 0);
                assert_int_equal(links_ensure_peer(links, &peer), 0);
        }
        assert_true(if_nametoindex(FABRIC_LINK) > 0);
        assert_int_equal(links_peers(links, &peers), 0);
        assert_int_equal(peers.n_peers, 1);
        assert_int_equal(peers.peers[0].number, peer.number);
        assert_int_equal(ip_compare(&peers.peers[0].address, &peer.address), 0);
        free(peers.peers);
        links_remove_peer(links, &peer);
        links_remove_peer(links, &peer);
        assert_int_equal(links_peers(links, &peers), 0);
        assert_int_equal(peers.n_peers, 0);
        links_free(links);
        state_deinit(&state);
}

static void what_is_carried_is_told_in_a_table_of_its_own(void **unused)
{
        IpAddress vip;
        LinkPeers vips;
        Links *links;

        example_namespace();
        assert_int_equal(ip_parse("198.18.0.9", &vip), 0);
        assert_int_equal(links_new(&links), 0);
        for (int twice = 0; twice < 2; twice++)
                assert_int_equal(links_ensure_carried(links, &vip), 0);
        assert_int_equal(links_carried(links, &vips), 0);
        assert_int_equal(vips.n_peers, 1);
        assert_int_equal(ip_compare(&vips.peers[0].address, &vip), 0);
        free(vips.peers);
        assert_int_equal(links_peers(links, &vips), 0); /* it is no way to a host */
        assert_int_equal(vips.n_peers, 0);
        for (int twice = 0; twice < 2; twice++)
                links_remove_carried(links, &vip);
        assert_int_equal(links_carried(links, &vips), 0);
        assert_int_equal(vips.n_peers, 0);
        links_free(links);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_overlay_joins_a_bridge),
                cmocka_unit_test(numbers_lead_to_hosts),
                cmocka_unit_test(what_is_carried_is_told_in_a_table_of_its_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
