/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A small declared state that netd's unit tests begin with: one network, two instances, one VIP
 * with an endpoint on port 80. */

#include <sched.h>
#include <string.h>

#include "lib/base/array.h"
#include "netd/object.h"
#include "netd/state.h"
#include "tests/unit/test.h"

static inline void example_endpoint(Net1State *s, const char *id, uint16_t port)
{
        Net1Endpoint e = {.id = id,
                          .vip = "198.18.0.9",
                          .protocol = NET1_TCP,
                          .port = port,
                          .probe.path = ""};

        assert_int_equal(
                ARRAY_APPEND(e.backends, e.n_backends, (Net1Backend) {"d/web_IN_0", 8080, true}),
                0);
        assert_int_equal(
                ARRAY_APPEND(e.backends, e.n_backends, (Net1Backend) {"d/web_IN_1", 8080, true}),
                0);
        assert_int_equal(ARRAY_APPEND(s->endpoints, s->n_endpoints, e), 0);
}

static inline void example_wanted(Net1State *s)
{
        const Net1Instance instances[] = {
                {"d/web_IN_0", "d", "web", "tvx0", "02:00:00:00:00:02", "10.64.0.2",
                 NET1_OWNER_NONE},
                {"d/web_IN_1", "d", "web", "tvx1", "02:00:00:00:00:03", "10.64.0.3",
                 NET1_OWNER_NONE},
        };

        *s = (Net1State) {};
        assert_int_equal(ARRAY_APPEND(s->networks, s->n_networks,
                                      (Net1Network) {"d", "tbx", 7, "10.64.0.1/24", 1450}),
                         0);
        for (size_t i = 0; i < ARRAY_SIZE(instances); i++)
                assert_int_equal(ARRAY_APPEND(s->instances, s->n_instances, instances[i]), 0);
        assert_int_equal(ARRAY_APPEND(s->vips, s->n_vips, (Net1Vip) {"198.18.0.9", "", false, 0}),
                         0);
        example_endpoint(s, "http", 80);
}

/* Declares and applies; the change is finished. Gives STATE_REFUSED or 0. */
static inline int example_declare(State *state, const Net1State *wanted, bool replace,
                                  StateError *error)
{
        StateChange change = {};
        int r = state_plan(state, wanted, replace, &change, error);

        if (r == 0)
                r = state_apply(state, &change, error);
        state_change_deinit(&change);
        return r;
}

static inline void example_state(State *state)
{
        Net1State wanted;
        StateError error = {};

        example_wanted(&wanted);
        assert_int_equal(example_declare(state, &wanted, true, &error), 0);
        net1_state_deinit(&wanted);
}

/* As example_wanted(), on host h1 of three; the endpoint is shared by h1 and h2, and h2 has an
 * instance of the network. */
static inline void example_hosts(Net1State *s, uint32_t weight1, uint32_t weight2)
{
        const Net1Peer peers[] = {
                {"h1", "192.0.2.1", true, true},
                {"h2", "192.0.2.2", false, true},
                {"h3", "192.0.2.3", false, true},
        };
        Net1Share share = {.endpoint = "http"};

        example_wanted(s);
        for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
                assert_int_equal(ARRAY_APPEND(s->peers, s->n_peers, peers[i]), 0);
        assert_int_equal(ARRAY_APPEND(s->remotes, s->n_remotes,
                                      (Net1Remote) {"d/web_IN_9", "d", "web", "02:00:00:00:00:09",
                                                    "10.64.0.9", "h2"}),
                         0);
        assert_int_equal(ARRAY_APPEND(share.weights, share.n_weights, (Net1Weight) {"h1", weight1}),
                         0);
        assert_int_equal(ARRAY_APPEND(share.weights, share.n_weights, (Net1Weight) {"h2", weight2}),
                         0);
        assert_int_equal(ARRAY_APPEND(s->shares, s->n_shares, share), 0);
}

/* A network namespace of the test's own; skips the test where that is not allowed. */
static inline void example_namespace(void)
{
        if (unshare(CLONE_NEWNET) < 0)
                skip();
}

/* example_hosts(), declared. */
static inline void example_declare_hosts(State *state)
{
        StateError error = {};
        Net1State wanted;

        example_hosts(&wanted, 1, 1);
        assert_int_equal(example_declare(state, &wanted, true, &error), 0);
        net1_state_deinit(&wanted);
}
