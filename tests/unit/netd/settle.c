/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/settle.h"

#include "tests/unit/netd/machine.h"

/* Declares without rules: what settles. */
static void declare(Manager *m, const Net1State *wanted)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        _cleanup_(touched_deinit) Touched touched = {};
        StateError error = {};

        assert_int_equal(state_plan(&m->state, wanted, true, &change, &error), 0);
        assert_int_equal(touched_find(&m->state, &change, &touched), 0);
        assert_int_equal(state_apply(&m->state, &change, &error), 0);
        assert_int_equal(settle_links(m, &change, &error), 0);
        settle_withdrawn(m, &change);
        settle_change(m, &change, &touched);
}

static void interfaces_come_and_go_with_their_objects(void **unused)
{
        _cleanup_(net1_state_deinit) Net1State wanted = {}, nothing = {};
        Manager m;

        machine_begin(&m);
        example_wanted(&wanted);
        declare(&m, &wanted);
        assert_int_not_equal(if_nametoindex("tbx"), 0);
        assert_int_not_equal(if_nametoindex("tvx0"), 0);
        wanted.instances[0].tap = "tvx9";
        declare(&m, &wanted);
        assert_int_equal(if_nametoindex("tvx0"), 0);
        assert_int_not_equal(if_nametoindex("tvx9"), 0);
        declare(&m, &nothing);
        assert_int_equal(if_nametoindex("tbx"), 0);
        assert_int_equal(if_nametoindex("tvx9"), 0);
        assert_int_equal(if_nametoindex("tvx1"), 0);
        assert_false(machine_repairs(&m));
        machine_end(&m);
}

static void an_interface_that_another_has_stays(void **unused)
{
        const Network same = {.object.kind = OBJECT_NETWORK, .bridge = "tbx"};
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        Manager m;

        machine_begin(&m);
        example_wanted(&wanted);
        declare(&m, &wanted);
        settle_remove_link(&m, NULL, NULL);
        settle_remove_link(&m, &same.object, &same.object);
        assert_int_not_equal(if_nametoindex("tbx"), 0);
        settle_remove_link(&m, &same.object, NULL);
        assert_int_equal(if_nametoindex("tbx"), 0);
        machine_end(&m);
}

/* A VIP whose interface is not there is said, and tried again; all else of the change is done. */
static void what_fails_is_left_to_the_repair(void **unused)
{
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        Manager m;

        machine_begin(&m);
        example_wanted(&wanted);
        wanted.vips[0].uplink = "nowhere";
        wanted.vips[0].owned = true;
        declare(&m, &wanted);
        assert_true(machine_repairs(&m));
        assert_int_not_equal(if_nametoindex("tvx1"), 0);
        machine_end(&m);
}

static void while_vips_are_closed_none_comes_back(void **unused)
{
        const Vip vip = {.object.key = (char *) "198.18.0.9", .uplink = "nowhere", .owned = true};
        char name[IFNAMSIZ];
        Manager m;

        machine_begin(&m);
        assert_true(settle_vip(&m, &vip) < 0);
        m.fenced = true;
        assert_int_equal(settle_vip(&m, &vip), 0);
        assert_string_equal(settle_uplink(&m, &vip, name), "nowhere");
        assert_string_equal(settle_uplink(&m, &(Vip) {}, name), "");
        machine_end(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(interfaces_come_and_go_with_their_objects),
                cmocka_unit_test(an_interface_that_another_has_stays),
                cmocka_unit_test(what_fails_is_left_to_the_repair),
                cmocka_unit_test(while_vips_are_closed_none_comes_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
