/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Against the kernel, in a network namespace of its own; skipped where that is not allowed. */

#include "netd/links.h"

#include <net/if.h>
#include <stdlib.h>

#include "netd/elements.h"
#include "tests/unit/netd/example.h"

static void numbers_lead_to_hosts(void **unused)
{
        LinkPeers peers;
        State state = {};
        LinkPeer peer;
        Links *links;

        example_namespace();
        example_declare_hosts(&state);
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

/* How many rules lead a mark of this number to its table of direct ways. */
static int direct_rules(uint16_t number)
{
        char command[128];

        snprintf(command, sizeof(command),
                 "test 1 = $(ip rule | grep -c '^49:.*fwmark 0x%x0000 lookup %u ')", number,
                 21504 + PEER_NUMBERS + number);
        return system(command) == 0;
}

static void a_host_is_led_to_directly_and_not(void **unused)
{
        State state = {};
        LinkPeer peer;
        char name[IFNAMSIZ];
        IpAddress address;
        Links *links;
        int index;

        example_namespace();
        example_declare_hosts(&state);
        peer = (LinkPeer) {state_peer(&state, "h2")->number, state_peer(&state, "h2")->address};
        assert_int_equal(links_new(&links), 0);
        assert_int_equal(links_ensure_direct(links, &state_self(&state)->address, "up9"), -ENODEV);
        assert_int_equal(system("ip address add 192.0.2.9/32 dev lo"), 0);
        assert_int_equal(ip_parse("192.0.2.9", &address), 0);
        assert_int_equal(links_device_of(links, &address, name), 0);
        assert_string_equal(name, "");
        assert_int_equal(ip_parse("192.0.2.1", &address), 0);
        assert_int_equal(links_device_of(links, &address, name), 0);
        assert_string_equal(name, "");
        assert_int_equal(system("ip link add up9 type veth peer name far9 && ip link set up9 up && "
                                "ip link set far9 up && ip address add 192.0.2.1/24 dev up9"),
                         0);
        assert_int_equal(links_device_of(links, &address, name), 0);
        assert_string_equal(name, "up9");
        assert_int_equal(links_ensure_fabric(links, &state_self(&state)->address, "up9"), 0);
        assert_int_equal(links_ensure_peer(links, &peer), 0);
        for (int twice = 0; twice < 2; twice++)
                assert_int_equal(links_ensure_direct(links, &state_self(&state)->address, "up9"),
                                 0);
        index = (int) if_nametoindex(FABRIC_DIRECT);
        assert_int_equal(system("grep -q 8 /proc/sys/net/ipv4/conf/" FABRIC_DIRECT "/arp_ignore"),
                         0);
        for (int twice = 0; twice < 2; twice++)
                assert_int_equal(links_lead_directly(links, &peer, true), 0);
        assert_true(direct_rules(peer.number));
        for (int twice = 0; twice < 2; twice++)
                assert_int_equal(links_lead_directly(links, &peer, false), 0);
        assert_false(direct_rules(peer.number));
        /* the uplink is another one: made anew */
        assert_int_equal(links_ensure_direct(links, &state_self(&state)->address, "far9"), 0);
        assert_int_not_equal(if_nametoindex(FABRIC_DIRECT), index);
        assert_int_equal(links_lead_directly(links, &peer, true), 0);
        links_remove_peer(links, &peer);
        assert_false(direct_rules(peer.number));
        assert_int_equal(links_remove(links, FABRIC_DIRECT), 0);
        assert_int_equal(if_nametoindex(FABRIC_DIRECT), 0);
        links_free(links);
        state_deinit(&state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_lead_to_hosts),
                cmocka_unit_test(what_is_carried_is_told_in_a_table_of_its_own),
                cmocka_unit_test(a_host_is_led_to_directly_and_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
