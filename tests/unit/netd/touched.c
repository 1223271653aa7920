/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/touched.h"

#include "tests/unit/failing.h"
#include "tests/unit/netd/example.h"

static void find(State *state, const Net1State *wanted, StateChange *change, Touched *touched)
{
        StateError error = {};

        assert_int_equal(state_plan(state, wanted, true, change, &error), 0);
        assert_int_equal(touched_find(state, change, touched), 0);
}

static bool touches(const Touched *touched, ObjectKind kind, const char *key)
{
        for (size_t i = 0; i < touched->n_objects; i++)
                if (touched->objects[i]->kind == kind && strcmp(touched->objects[i]->key, key) == 0)
                        return true;
        return false;
}

static void an_instance_that_moves_touches_its_endpoint(void **unused)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        _cleanup_(touched_deinit) Touched touched = {};
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        State state = {};

        example_state(&state);
        example_wanted(&wanted);
        wanted.instances[0].address = "10.64.0.7";
        find(&state, &wanted, &change, &touched);
        assert_int_equal(touched.n_objects, 1);
        assert_true(touches(&touched, OBJECT_ENDPOINT, "http"));
        state_deinit(&state);
}

/* Another name of its interface is no reason to look at the endpoint. */
static void what_elements_do_not_depend_on_touches_nothing(void **unused)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        _cleanup_(touched_deinit) Touched touched = {};
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        State state = {};

        example_state(&state);
        example_wanted(&wanted);
        wanted.instances[0].tap = "tvx7";
        find(&state, &wanted, &change, &touched);
        assert_int_equal(change.n_objects, 1);
        assert_int_equal(touched.n_objects, 0);
        state_deinit(&state);
}

static void reach_rules_touch_their_network(void **unused)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        _cleanup_(touched_deinit) Touched touched = {};
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        Net1Reach reach = {.network = "d", .group = "web", .protocol = NET1_TCP};
        StateError error = {};
        State state = {};

        example_hosts(&wanted, 1, 1);
        assert_int_equal(example_declare(&state, &wanted, true, &error), 0);
        reach.first = reach.last = 8080;
        assert_int_equal(ARRAY_APPEND(reach.from, reach.n_from, "web"), 0);
        assert_int_equal(ARRAY_APPEND(wanted.reaches, wanted.n_reaches, reach), 0);
        find(&state, &wanted, &change, &touched);
        assert_int_equal(touched.n_objects, 3);
        assert_true(touches(&touched, OBJECT_INSTANCE, "d/web_IN_0"));
        assert_true(touches(&touched, OBJECT_REMOTE, "d/web_IN_9"));
        assert_false(touches(&touched, OBJECT_ENDPOINT, "http"));
        state_deinit(&state);
}

/* What is in the change is not touched by it, or its elements would be written twice. */
static void what_changes_is_not_touched(void **unused)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        _cleanup_(touched_deinit) Touched touched = {};
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        StateError error = {};
        State state = {};

        example_hosts(&wanted, 1, 1);
        assert_int_equal(example_declare(&state, &wanted, true, &error), 0);
        wanted.peers[1].alive = false;
        wanted.endpoints[0].backends[0].port = 8081;
        find(&state, &wanted, &change, &touched);
        assert_int_equal(change.n_objects, 2);
        assert_int_equal(touched.n_objects, 0);
        state_deinit(&state);
}

static void each_side_has_its_elements(void **unused)
{
        _cleanup_(elements_deinit) Elements before = {}, after = {}, gone = {}, new = {};
        _cleanup_(state_change_deinit) StateChange change = {};
        _cleanup_(touched_deinit) Touched touched = {};
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        StateError error = {};
        State state = {};

        example_state(&state);
        state_endpoint(&state, "http")->backends[0].in_rotation = true;
        example_wanted(&wanted);
        wanted.instances[0].address = "10.64.0.7";
        find(&state, &wanted, &change, &touched);
        assert_int_equal(touched_elements(&state, &change, false, &touched, &before), 0);
        assert_int_equal(state_apply(&state, &change, &error), 0);
        assert_int_equal(touched_elements(&state, &change, true, &touched, &after), 0);
        elements_sort(&before);
        elements_sort(&after);
        assert_int_equal(elements_diff(&before, &after, &gone, &new), 0);
        assert_int_equal(gone.n_items, new.n_items);
        assert_true(new.n_items > 1); /* its own, and the endpoint's buckets */
        state_deinit(&state);
}

static void short_memory_is_told(void **unused)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        StateError error = {};
        Touched touched = {};
        State state = {};
        int r;

        example_state(&state);
        example_wanted(&wanted);
        wanted.instances[0].address = "10.64.0.7";
        assert_int_equal(state_plan(&state, &wanted, true, &change, &error), 0);
        FAILING_EACH(({
                r = touched_find(&state, &change, &touched);
                touched_deinit(&touched);
                r;
        }));
        state_deinit(&state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_instance_that_moves_touches_its_endpoint),
                cmocka_unit_test(what_elements_do_not_depend_on_touches_nothing),
                cmocka_unit_test(reach_rules_touch_their_network),
                cmocka_unit_test(what_changes_is_not_touched),
                cmocka_unit_test(each_side_has_its_elements),
                cmocka_unit_test(short_memory_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
