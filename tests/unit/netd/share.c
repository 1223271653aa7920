/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/share.h"

#include "netd/elements.h"
#include "tests/unit/failing.h"
#include "tests/unit/netd/example.h"

static Endpoint *shared(State *state, uint32_t weight1, uint32_t weight2)
{
        StateError error = {};
        Net1State wanted;
        Endpoint *e;

        example_hosts(&wanted, weight1, weight2);
        assert_int_equal(example_declare(state, &wanted, true, &error), 0);
        net1_state_deinit(&wanted);
        e = state_endpoint(state, "http");
        e->backends[0].in_rotation = true;
        return e;
}

static uint32_t owned(const Endpoint *e, uint16_t number)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < e->chains.size; i++)
                n += e->chains.chains[i].hosts[0] == number;
        return n;
}

static void buckets_follow_the_weights(void **unused)
{
        State state = {};
        Endpoint *e = shared(&state, 1, 2);
        uint16_t h1 = state_peer(&state, "h1")->number, h2 = state_peer(&state, "h2")->number;

        assert_int_equal(share_step(&state, e), 0);
        share_settle(e);
        assert_int_equal(e->chains.size, 61);
        assert_in_range(owned(e, h1), 20, 21);
        e->backends[0].in_rotation = false; /* and nobody else is in rotation here */
        assert_int_equal(share_step(&state, e), 0);
        assert_int_equal(owned(e, h2), e->chains.size);
        share_undo(e);
        assert_in_range(owned(e, h1), 20, 21);
        state_deinit(&state);
}

static void with_nobody_anywhere_they_stay(void **unused)
{
        State state = {};
        Endpoint *e = shared(&state, 1, 1);
        uint16_t h2 = state_peer(&state, "h2")->number;

        assert_int_equal(share_step(&state, e), 0);
        share_settle(e);
        e = shared(&state, 0, 0);
        assert_int_equal(share_step(&state, e), 0);
        share_settle(e);
        assert_in_range(owned(e, h2), 30, 31);
        state_deinit(&state);
}

static void only_other_hosts_that_live_are_usable(void **unused)
{
        State state = {};
        Peer *h2;

        shared(&state, 1, 1);
        h2 = state.numbers[state_peer(&state, "h2")->number];
        assert_false(share_usable(&state, state_self(&state)->number));
        assert_true(share_usable(&state, h2->number));
        h2->alive = false;
        assert_false(share_usable(&state, h2->number));
        assert_false(share_usable(&state, PEER_NUMBERS - 1));
        assert_false(share_usable(&state, UINT16_MAX));
        state_deinit(&state);
}

/* What netd forgets when it ends, the kernel's elements tell. */
static void elements_tell_the_chains(void **unused)
{
        Elements elements = {};
        LbChains recalled;
        State state = {};
        Endpoint *e = shared(&state, 0, 1);

        assert_int_equal(share_step(&state, e), 0);
        share_settle(e);
        e = shared(&state, 1, 1);
        assert_int_equal(share_step(&state, e), 0);
        share_settle(e);
        assert_int_equal(elements_of(&elements, &state, &e->object), 0);
        elements_sort(&elements);
        assert_int_equal(elements_recall(&elements, &state, e, &recalled), 0);
        assert_true(lb_chains_equal(&recalled, &e->chains));
        lb_chains_deinit(&recalled);
        elements_deinit(&elements);
        state_deinit(&state);
}

/* A swap: each endpoint takes the other's VIP, and its past. */
static void the_past_is_the_ports(void **unused)
{
        StateError error = {};
        Net1State wanted;
        State state = {};
        Endpoint *e;

        e = shared(&state, 1, 1);
        assert_int_equal(share_step(&state, e), 0);
        share_settle(e);
        example_hosts(&wanted, 1, 1);
        wanted.endpoints[0].id = "other";
        assert_int_equal(example_declare(&state, &wanted, true, &error), 0);
        net1_state_deinit(&wanted);
        assert_int_equal(state_endpoint(&state, "other")->chains.size, 61);
        state_deinit(&state);
}

static void short_memory_is_told(void **unused)
{
        State state = {};
        Endpoint *e = shared(&state, 1, 1);

        FAILING_EACH(share_step(&state, e));
        state_deinit(&state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(buckets_follow_the_weights),
                cmocka_unit_test(with_nobody_anywhere_they_stay),
                cmocka_unit_test(only_other_hosts_that_live_are_usable),
                cmocka_unit_test(elements_tell_the_chains),
                cmocka_unit_test(the_past_is_the_ports),
                cmocka_unit_test(short_memory_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
