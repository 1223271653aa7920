/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Against the kernel, in a network namespace of its own; skipped where that is not allowed. */

#include "netd/nftables.h"

#include "tests/unit/netd/example.h"

static void all_elements(const State *state, Elements *elements)
{
        for (int kind = 0; kind < OBJECT_KINDS; kind++)
                MAP_FOREACH (entry, &state->objects[kind])
                        assert_int_equal(elements_of(elements, state, entry->value), 0);
        elements_sort(elements);
}

static void what_is_written_is_read_back(void **unused)
{
        Elements none = {}, wanted = {}, found = {}, gone = {}, new = {};
        char why[NFTABLES_WHY_MAX] = "";
        Nftables *nftables;
        State state = {};
        bool current = true;

        example_namespace();
        example_state(&state);
        state_endpoint(&state, "http")->backends[1].in_rotation = true;
        all_elements(&state, &wanted);
        assert_int_equal(nftables_new(&nftables), 0);
        assert_int_equal(nftables_read(nftables, &current, &found), 0);
        assert_false(current);
        assert_int_equal(nftables_write(nftables, true, &none, &wanted, why), 0);
        assert_int_equal(nftables_read(nftables, &current, &found), 0);
        assert_true(current);
        assert_true(wanted.n_items >= 10);
        assert_int_equal(elements_diff(&found, &wanted, &gone, &new), 0);
        assert_int_equal(gone.n_items + new.n_items, 0);
        elements_deinit(&found);
        assert_int_equal(nftables_write(nftables, true, &none, &wanted, why), 0); /* over the old */
        assert_int_equal(nftables_read(nftables, &current, &found), 0);
        assert_int_equal(found.n_items, wanted.n_items);
        nftables_free(nftables);
        elements_deinit(&wanted);
        elements_deinit(&found);
        state_deinit(&state);
}

static void a_refused_transaction_changes_nothing(void **unused)
{
        Element one = {.set = SET_VIP, .key_length = 4, .key = {198, 18, 0, 1}};
        Element other = {.set = SET_VIP, .key_length = 4, .key = {198, 18, 0, 2}};
        Elements none = {}, gone = {}, new = {}, found = {};
        char why[NFTABLES_WHY_MAX] = "";
        Nftables *nftables;
        bool current;

        example_namespace();
        assert_int_equal(nftables_new(&nftables), 0);
        assert_int_equal(nftables_read(nftables, &current, &found), 0);
        assert_int_equal(nftables_write(nftables, true, &none, &none, why), 0);
        assert_int_equal(elements_add(&gone, &other) | elements_add(&new, &one), 0);
        assert_int_equal(nftables_write(nftables, false, &gone, &new, why), -ENOENT);
        assert_non_null(strstr(why, "nf_tables"));
        assert_int_equal(nftables_read(nftables, &current, &found), 0);
        assert_int_equal(found.n_items, 0);
        nftables_free(nftables);
        elements_deinit(&gone);
        elements_deinit(&new);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_written_is_read_back),
                cmocka_unit_test(a_refused_transaction_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
