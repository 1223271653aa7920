/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/state.h"

#include "tests/unit/netd/example.h"

static size_t size(const State *state)
{
        size_t n = map_size(&state->claims);

        for (int kind = 0; kind < OBJECT_KINDS; kind++)
                n += map_size(&state->objects[kind]);
        return n;
}

static void the_same_again_is_no_change(void **unused)
{
        StateChange change = {};
        StateError error = {};
        Net1State wanted;
        State state = {};

        example_state(&state);
        example_wanted(&wanted);
        assert_int_equal(state_plan(&state, &wanted, true, &change, &error), 0);
        assert_int_equal(change.n_objects, 0);
        state_change_deinit(&change);
        net1_state_deinit(&wanted);
        state_deinit(&state);
}

static void a_refused_change_changes_nothing(void **unused)
{
        StateError error = {};
        Net1State wanted = {};
        State state = {};
        size_t before;

        example_state(&state);
        before = size(&state);
        example_endpoint(&wanted, "ok", 81);
        example_endpoint(&wanted, "taken", 80);
        assert_int_equal(example_declare(&state, &wanted, false, &error), STATE_REFUSED);
        assert_string_equal(error.name, ERROR_CONFLICT);
        assert_non_null(strstr(error.text, "endpoint http"));
        assert_int_equal(size(&state), before);
        assert_null(state_endpoint(&state, "ok"));
        net1_state_deinit(&wanted);

        assert_int_equal(ARRAY_APPEND(wanted.gone, wanted.n_gone, (Net1Gone) {"vip", "198.18.0.9"}),
                         0);
        assert_int_equal(example_declare(&state, &wanted, false, &error), STATE_REFUSED);
        assert_string_equal(error.name, ERROR_UNKNOWN);
        wanted.gone[0] = (Net1Gone) {"network", "d"};
        assert_int_equal(example_declare(&state, &wanted, false, &error), STATE_REFUSED);
        assert_string_equal(error.name, ERROR_UNKNOWN);
        wanted.gone[0] = (Net1Gone) {"planet", "d"};
        assert_int_equal(example_declare(&state, &wanted, false, &error), STATE_REFUSED);
        assert_string_equal(error.name, ERROR_INVALID);
        assert_int_equal(size(&state), before);
        net1_state_deinit(&wanted);
        state_deinit(&state);
}

static void two_objects_may_exchange_what_they_claim(void **unused)
{
        StateError error = {};
        Net1State wanted = {};
        State state = {};

        example_state(&state);
        example_endpoint(&wanted, "other", 81);
        assert_int_equal(example_declare(&state, &wanted, false, &error), 0);
        net1_state_deinit(&wanted);
        example_endpoint(&wanted, "http", 81);
        example_endpoint(&wanted, "other", 80);
        assert_int_equal(example_declare(&state, &wanted, false, &error), 0);
        assert_int_equal(state_endpoint(&state, "http")->port, 81);
        assert_int_equal(state_endpoint(&state, "other")->port, 80);
        net1_state_deinit(&wanted);
        state_deinit(&state);
}

static void an_applied_change_can_be_taken_back(void **unused)
{
        StateChange change = {};
        StateError error = {};
        Net1State wanted = {};
        State state = {};
        size_t before;

        example_state(&state);
        before = size(&state);
        assert_int_equal(state_plan(&state, &wanted, true, &change, &error), 0);
        assert_int_equal(state_apply(&state, &change, &error), 0);
        assert_int_equal(size(&state), 0);
        state_revert(&state, &change);
        assert_int_equal(size(&state), before);
        assert_non_null(state_instance(&state, "d/web_IN_1"));
        state_change_deinit(&change);
        state_deinit(&state);
}

static void an_address_must_be_the_networks(void **unused)
{
        StateError error = {};
        Net1State wanted;
        State state = {};

        example_wanted(&wanted);
        wanted.instances[0].address = "10.65.0.2";
        assert_int_equal(example_declare(&state, &wanted, true, &error), STATE_REFUSED);
        wanted.instances[0].address = "10.64.0.1";
        assert_int_equal(example_declare(&state, &wanted, true, &error), STATE_REFUSED);
        wanted.instances[0].address = "10.64.0.3";
        assert_int_equal(example_declare(&state, &wanted, true, &error), STATE_REFUSED);
        assert_string_equal(error.name, ERROR_CONFLICT);
        wanted.instances[0].address = "10.64.0.2";
        assert_int_equal(ARRAY_APPEND(wanted.networks, wanted.n_networks,
                                      (Net1Network) {"e", "tby", 8, "10.64.0.129/25", 1450}),
                         0);
        assert_int_equal(example_declare(&state, &wanted, true, &error), STATE_REFUSED);
        assert_non_null(strstr(error.text, "overlap"));
        assert_int_equal(size(&state), 0);
        net1_state_deinit(&wanted);
        state_deinit(&state);
}

static void rotation_is_readiness_and_probe(void **unused)
{
        State state = {};
        const char *why;
        Endpoint *e;

        example_state(&state);
        e = state_endpoint(&state, "http");
        assert_true(endpoint_in_rotation(&state, &e->backends[0], &why));
        e->backends[0].ready = false;
        assert_false(endpoint_in_rotation(&state, &e->backends[0], &why));
        assert_string_equal(why, "not ready");
        e->ignore_status = true;
        assert_true(endpoint_in_rotation(&state, &e->backends[0], &why));
        e->probe_kind = NET1_PROBE_TCP;
        assert_false(endpoint_in_rotation(&state, &e->backends[0], &why));
        e->backends[0].good = true;
        assert_true(endpoint_in_rotation(&state, &e->backends[0], &why));
        state_deinit(&state);
}

static void hosts_and_remotes_are_known(void **unused)
{
        Net1State wanted;
        State state = {};
        StateError error = {};

        example_state(&state);
        assert_false(state_has_hosts(&state));
        assert_false(state_has_remotes(&state, "d"));
        example_hosts(&wanted, 1, 1);
        assert_int_equal(example_declare(&state, &wanted, true, &error), 0);
        assert_true(state_has_hosts(&state));
        assert_true(state_has_remotes(&state, "d"));
        assert_false(state_has_remotes(&state, "e"));
        net1_state_deinit(&wanted);
        state_deinit(&state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_again_is_no_change),
                cmocka_unit_test(a_refused_change_changes_nothing),
                cmocka_unit_test(two_objects_may_exchange_what_they_claim),
                cmocka_unit_test(an_applied_change_can_be_taken_back),
                cmocka_unit_test(an_address_must_be_the_networks),
                cmocka_unit_test(rotation_is_readiness_and_probe),
                cmocka_unit_test(hosts_and_remotes_are_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
