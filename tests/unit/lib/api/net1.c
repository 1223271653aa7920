/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/net1.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/base/array.h"
#include "tests/unit/test.h"

/* sd-bus makes messages only for a bus that has begun; a socket pair will do. */
static sd_bus *bus_of_nobody(void)
{
        sd_bus *bus = NULL;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        close(fds[1]);
        return bus;
}

static sd_bus_message *message_of(sd_bus *bus)
{
        sd_bus_message *m = NULL;

        assert_true(sd_bus_message_new_method_call(bus, &m, NET1_NAME, NET1_PATH, NET1_INTERFACE,
                                                   "Update") >= 0);
        return m;
}

static void example(Net1State *s)
{
        Net1Endpoint e = {.id = "e",
                          .vip = "198.18.0.9",
                          .protocol = NET1_TCP,
                          .port = 80,
                          .balancing = NET1_BY_SOURCE,
                          .idle_timeout_s = 30};
        Net1Reach reach = {
                .network = "n", .group = "web", .protocol = NET1_UDP, .first = 5, .last = 9};
        Net1Share share = {.endpoint = "e"};

        e.probe = (Net1Probe) {NET1_PROBE_HTTP, 8080, "/up", 5000, 11000};
        assert_int_equal(ARRAY_APPEND(e.acl, e.n_acl, (Net1Rule) {true, "198.18.0.0/16"}), 0);
        assert_int_equal(ARRAY_APPEND(e.backends, e.n_backends, (Net1Backend) {"i", 81, true}), 0);
        assert_int_equal(ARRAY_APPEND(reach.from, reach.n_from, "worker"), 0);
        assert_int_equal(ARRAY_APPEND(share.weights, share.n_weights, (Net1Weight) {"h1", 3}), 0);
        assert_int_equal(ARRAY_APPEND(s->networks, s->n_networks,
                                      (Net1Network) {"n", "tb1", 1, "10.64.0.1/24", 1450}),
                         0);
        assert_int_equal(ARRAY_APPEND(s->instances, s->n_instances,
                                      (Net1Instance) {"i", "n", "web", "tv0", "02:00:00:00:00:02",
                                                      "10.64.0.2", 64055}),
                         0);
        assert_int_equal(
                ARRAY_APPEND(s->vips, s->n_vips, (Net1Vip) {"198.18.0.9", "eth0", true, 100}), 0);
        assert_int_equal(ARRAY_APPEND(s->endpoints, s->n_endpoints, e), 0);
        assert_int_equal(ARRAY_APPEND(s->reaches, s->n_reaches, reach), 0);
        assert_int_equal(
                ARRAY_APPEND(s->peers, s->n_peers, (Net1Peer) {"h1", "192.0.2.1", true, true}), 0);
        assert_int_equal(ARRAY_APPEND(s->shares, s->n_shares, share), 0);
        assert_int_equal(ARRAY_APPEND(s->remotes, s->n_remotes,
                                      (Net1Remote) {"d/web_IN_9", "d", "web", "02:00:00:00:00:09",
                                                    "10.64.0.9", "h2"}),
                         0);
        assert_int_equal(ARRAY_APPEND(s->gone, s->n_gone, (Net1Gone) {"endpoint", "old"}), 0);
}

static void what_goes_in_comes_out(void **state)
{
        Net1State in = {}, out = {};
        const char *what = NULL;
        sd_bus *bus = bus_of_nobody();
        sd_bus_message *m = message_of(bus);

        example(&in);
        assert_int_equal(net1_append_update(m, &in), 0);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        assert_string_equal(sd_bus_message_get_signature(m, true), "a(ss)" NET1_STATE_TYPE);
        assert_int_equal(net1_read_update(m, &out, &what), 0);
        assert_int_equal(out.n_endpoints, 1);
        assert_string_equal(out.endpoints[0].probe.path, "/up");
        assert_int_equal(out.endpoints[0].probe.timeout_ms, 11000);
        assert_int_equal(out.endpoints[0].balancing, NET1_BY_SOURCE);
        assert_true(out.endpoints[0].acl[0].permit);
        assert_true(out.endpoints[0].backends[0].ready);
        assert_int_equal(out.endpoints[0].backends[0].port, 81);
        assert_string_equal(out.instances[0].tap, "tv0");
        assert_int_equal(out.instances[0].owner, 64055);
        assert_true(out.vips[0].owned);
        assert_string_equal(out.networks[0].gateway, "10.64.0.1/24");
        assert_string_equal(out.reaches[0].from[0], "worker");
        assert_int_equal(out.shares[0].weights[0].weight, 3);
        assert_true(out.peers[0].self);
        assert_true(out.peers[0].alive);
        assert_int_equal(out.n_remotes, 1);
        assert_string_equal(out.remotes[0].peer, "h2");
        assert_string_equal(out.gone[0].key, "old");
        net1_state_deinit(&in);
        net1_state_deinit(&out);
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
}

static void too_much_is_named_and_nothing_is_returned(void **state)
{
        Net1State in = {}, out = {};
        const char *what = NULL;
        sd_bus *bus = bus_of_nobody();
        sd_bus_message *m = message_of(bus);

        for (int i = 0; i <= NET1_PEERS_MAX; i++)
                assert_int_equal(
                        ARRAY_APPEND(in.peers, in.n_peers, (Net1Peer) {"h", "::1", false, true}),
                        0);
        assert_int_equal(net1_append_state(m, &in), 0);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        assert_int_equal(net1_read_state(m, &out, &what), NET1_TOO_LARGE);
        assert_string_equal(what, "peers");
        assert_int_equal(out.n_peers, 0);
        net1_state_deinit(&in);
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
}

static void other_types_are_refused(void **state)
{
        Net1State out = {};
        const char *what = NULL;
        sd_bus *bus = bus_of_nobody();
        sd_bus_message *m = message_of(bus);

        assert_true(sd_bus_message_append(m, "a(ss)", 1, "a", "b") >= 0);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        assert_true(net1_read_state(m, &out, &what) < 0);
        assert_true(sd_bus_message_rewind(m, true) >= 0);
        assert_true(net1_read_update(m, &out, &what) < 0);
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_goes_in_comes_out),
                cmocka_unit_test(too_much_is_named_and_nothing_is_returned),
                cmocka_unit_test(other_types_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
