/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/elements.h"

#include "tests/unit/netd/example.h"

static size_t count(const Elements *elements, ElementSet set)
{
        size_t n = 0;

        for (size_t i = 0; i < elements->n_items; i++)
                n += elements->items[i].set == set;
        return n;
}

static void an_endpoint_is_its_class_and_buckets(void **unused)
{
        Elements elements = {};
        State state = {};
        Endpoint *e;

        example_state(&state);
        e = state_endpoint(&state, "http");
        assert_int_equal(elements_of(&elements, &state, &e->object), 0);
        assert_int_equal(elements.n_items, 0); /* nobody is in rotation: the port refuses */
        e->backends[0].in_rotation = e->backends[1].in_rotation = true;
        assert_int_equal(elements_of(&elements, &state, &e->object), 0);
        assert_int_equal(count(&elements, SET_ENDPOINT), 1);
        assert_int_equal(count(&elements, SET_BUCKET), 2);
        elements_deinit(&elements);
        e->balancing = NET1_BY_SOURCE;
        assert_int_equal(elements_of(&elements, &state, &e->object), 0);
        assert_int_equal(count(&elements, SET_BUCKET), 61);
        elements_deinit(&elements);
        state_deinit(&state);
}

static void an_instance_is_its_tap_and_addresses(void **unused)
{
        static const uint8_t key[] =
                "tvx0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\x02\0\0\x0a\x40\0\x02";
        Elements elements = {};
        State state = {};

        example_state(&state);
        assert_int_equal(
                elements_of(&elements, &state, &state_instance(&state, "d/web_IN_0")->object), 0);
        elements_sort(&elements);
        assert_int_equal(elements.n_items, 2);
        assert_int_equal(elements.items[1].set, SET_GUEST);
        assert_int_equal(elements.items[1].key_length, 28);
        assert_memory_equal(elements.items[1].key, key, 28);
        elements_deinit(&elements);
        state_deinit(&state);
}

static void the_difference_leads_from_one_to_the_other(void **unused)
{
        Element a = {.set = 1, .key = {1}}, b = {.set = 1, .key = {2}}, c = {.set = 2};
        Element b2 = {.set = 1, .key = {2}, .data = {9}};
        Elements before = {}, after = {}, gone = {}, new = {};

        assert_int_equal(elements_add(&before, &b) | elements_add(&before, &a), 0);
        assert_int_equal(elements_add(&after, &c) | elements_add(&after, &b2) |
                                 elements_add(&after, &a) | elements_add(&after, &a),
                         0);
        elements_sort(&before);
        elements_sort(&after);
        assert_int_equal(after.n_items, 3);
        assert_int_equal(elements_diff(&before, &after, &gone, &new), 0);
        assert_int_equal(gone.n_items, 1);
        assert_int_equal(gone.items[0].key[0], 2);
        assert_int_equal(new.n_items, 2);
        assert_int_equal(new.items[0].data[0], 9);
        elements_deinit(&gone);
        elements_deinit(&new);
        assert_int_equal(elements_diff(&after, &after, &gone, &new), 0);
        assert_int_equal(gone.n_items + new.n_items, 0);
        elements_deinit(&before);
        elements_deinit(&after);
}

static void overlapping_reach_rules_become_one_interval(void **unused)
{
        const char *from[] = {"worker"};
        Net1State wanted = {};
        Elements elements = {};
        StateError error;
        State state = {};

        example_state(&state);
        for (uint16_t port = 100; port < 103; port++) {
                Net1Reach reach = {"d", "web", NET1_TCP, port, (uint16_t) (port + 10), NULL, 0};

                assert_int_equal(ARRAY_APPEND(reach.from, reach.n_from, from[0]), 0);
                assert_int_equal(ARRAY_APPEND(wanted.reaches, wanted.n_reaches, reach), 0);
        }
        assert_int_equal(example_declare(&state, &wanted, false, &error), 0);
        assert_int_equal(
                elements_of(&elements, &state, &state_instance(&state, "d/web_IN_0")->object), 0);
        assert_int_equal(count(&elements, SET_GUARDED), 2); /* its start and its end */
        assert_int_equal(count(&elements, SET_REACH), 2);
        assert_int_equal(count(&elements, SET_GROUP), 1);
        elements_deinit(&elements);
        net1_state_deinit(&wanted);
        state_deinit(&state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_endpoint_is_its_class_and_buckets),
                cmocka_unit_test(an_instance_is_its_tap_and_addresses),
                cmocka_unit_test(the_difference_leads_from_one_to_the_other),
                cmocka_unit_test(overlapping_reach_rules_become_one_interval),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
