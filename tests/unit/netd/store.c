/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/store.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/netd/example.h"

static char directory[] = "/tmp/netd-store-XXXXXX";

static void append_to_log(const char *text)
{
        _cleanup_free_ char *path = str_printf("%s/state", directory);
        FILE *f = fopen(path, "a");

        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static void declare(Store *store, State *state, const Net1State *wanted, uint64_t generation)
{
        StateChange change = {};
        StateError error;

        assert_int_equal(state_plan(state, wanted, false, &change, &error), 0);
        assert_int_equal(state_apply(state, &change, &error), 0);
        assert_int_equal(store_append(store, &change, generation), 0);
        state_change_deinit(&change);
}

static void what_was_committed_is_found_again(void **unused)
{
        uint64_t generation = 99;
        Net1State wanted;
        State state = {}, again = {};
        Store *store;

        assert_non_null(mkdtemp(directory));
        assert_int_equal(store_open(directory, &state, &generation, &store), 0);
        assert_int_equal(generation, 0);
        example_wanted(&wanted);
        declare(store, &state, &wanted, 1);
        net1_state_deinit(&wanted);
        example_endpoint(&wanted, "two", 81);
        declare(store, &state, &wanted, 2);
        net1_state_deinit(&wanted);
        example_endpoint(&wanted, "undone", 82);
        declare(store, &state, &wanted, 3);
        assert_int_equal(store_undo(store), 0);
        net1_state_deinit(&wanted);
        assert_int_equal(ARRAY_APPEND(wanted.gone, wanted.n_gone, (Net1Gone) {"endpoint", "http"}),
                         0);
        declare(store, &state, &wanted, 3);
        net1_state_deinit(&wanted);
        store_free(store);
        append_to_log("G\tendpoint\ttwo\n"); /* a crash came before the commit */

        assert_int_equal(store_open(directory, &again, &generation, &store), 0);
        assert_int_equal(generation, 3);
        assert_null(state_endpoint(&again, "http"));
        assert_null(state_endpoint(&again, "undone"));
        assert_non_null(state_endpoint(&again, "two"));
        assert_int_equal(state_endpoint(&again, "two")->n_backends, 2);
        assert_true(object_equal(&state_instance(&state, "d/web_IN_0")->object,
                                 &state_instance(&again, "d/web_IN_0")->object));
        store_free(store);
        state_deinit(&state);
        state_deinit(&again);
}

static void a_damaged_log_is_set_aside(void **unused)
{
        _cleanup_free_ char *bad = str_printf("%s/state.bad", directory);
        uint64_t generation = 99;
        State state = {};
        Store *store;

        append_to_log("Z\tnonsense\nC\t9\n");
        assert_int_equal(store_open(directory, &state, &generation, &store), 0);
        assert_int_equal(generation, 0);
        assert_int_equal(map_size(&state.objects[OBJECT_ENDPOINT]), 0);
        assert_int_equal(access(bad, F_OK), 0);
        store_free(store);
        state_deinit(&state);
        unlink(bad);
}

static int clean_up(void **unused)
{
        _cleanup_free_ char *path = str_printf("%s/state", directory);

        unlink(path);
        rmdir(directory);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_committed_is_found_again),
                cmocka_unit_test(a_damaged_log_is_set_aside),
        };

        return cmocka_run_group_tests(tests, NULL, clean_up);
}
