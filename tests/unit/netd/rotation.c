/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/rotation.h"

#include "tests/unit/netd/example.h"

static void what_is_ready_is_in_rotation_until_taken_back(void **unused)
{
        State state = {};
        Endpoint *e;

        example_state(&state);
        e = state_endpoint(&state, "http");
        assert_int_equal(rotation_step(&state, e), 0);
        assert_true(e->backends[0].in_rotation);
        rotation_undo(e);
        assert_false(e->backends[0].in_rotation);
        rotation_turn(&state, e);
        e->backends[1].ready = false;
        rotation_turn(&state, e);
        assert_true(e->backends[0].in_rotation);
        assert_false(e->backends[1].in_rotation);
        state_deinit(&state);
}

static void a_new_self_begins_where_the_old_one_was(void **unused)
{
        Backend old[] = {{.instance = "a", .port = 80, .in_rotation = true, .told = true}};
        Backend new[] = {{.instance = "a", .port = 81}, {.instance = "a", .port = 80}};
        Endpoint before = {.backends = old, .n_backends = 1};
        Endpoint after = {.backends = new, .n_backends = 2};

        rotation_inherit(&after, &before);
        assert_false(new[0].in_rotation);
        assert_true(new[1].in_rotation);
        assert_true(new[1].told);
}

/* Told once, when nothing else is to be done, and only if it is still there. */
static void changes_are_told_later(void **unused)
{
        Manager manager = {};
        Endpoint gone = {.object.key = (char *) "gone"}, *e;

        assert_true(sd_event_new(&manager.event) >= 0);
        assert_int_equal(rotation_begin(&manager), 0);
        example_state(&manager.state);
        e = state_endpoint(&manager.state, "http");
        rotation_turn(&manager.state, e);
        rotation_tell(&manager, e);
        rotation_tell(&manager, e);
        rotation_tell(&manager, &gone);
        assert_int_equal(map_size(&manager.untold), 2);
        assert_false(e->backends[0].told);
        assert_true(sd_event_run(manager.event, 0) > 0);
        assert_true(e->backends[0].told);
        assert_int_equal(map_size(&manager.untold), 0);
        assert_int_equal(sd_event_run(manager.event, 0), 0);
        state_deinit(&manager.state);
        sd_event_source_disable_unref(manager.teller);
        sd_event_unref(manager.event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_ready_is_in_rotation_until_taken_back),
                cmocka_unit_test(a_new_self_begins_where_the_old_one_was),
                cmocka_unit_test(changes_are_told_later),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
