/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/state.h"

#include "tests/unit/fabric/world.h"

static void records_are_added_changed_and_dropped(void **state)
{
        RecordKey key = {.type = RECORD_SERVICE, .name = "s"};
        Fabric *fabric;
        Item *item;

        assert_int_equal(fabric_new(&fabric), 0);
        item = state_add(fabric, &key);
        assert_string_equal(item->record.service.name, "s");
        assert_ptr_equal(state_get(fabric, &key), &item->record);
        assert_ptr_equal(state_get_named(fabric, RECORD_SERVICE, "s"), &item->record);
        state_touch(fabric, item);
        state_touch(fabric, item);
        assert_int_equal(fabric->n_dirty, 1);
        state_drop(fabric, item);
        assert_int_equal(fabric->n_dirty, 1);
        assert_null(fabric->dirty[0].item);
        assert_null(state_get(fabric, &key));
        state_free_garbage(fabric);
        fabric_free(fabric);
}

static void a_put_takes_the_place_of_the_older(void **state)
{
        Record record;
        Fabric *fabric;
        Item *first;

        assert_int_equal(fabric_new(&fabric), 0);
        record_init(&record, RECORD_DEPLOYMENT);
        record.deployment.definition = strdup("<a/>");
        first = state_put(fabric, &record);
        assert_ptr_equal(state_put(fabric, &record), first);
        record_deinit(&record);
        assert_string_equal(first->record.deployment.definition, "<a/>");
        fabric_free(fabric);
}

static void spans_do_not_overflow(void **state)
{
        assert_int_equal(state_after(5, 1), 5 + NSEC_PER_MSEC);
        assert_true(state_after(5, UINT64_MAX) == FABRIC_NEVER - 1);
        assert_true(state_after(FABRIC_NEVER - 2, 1) == FABRIC_NEVER - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(records_are_added_changed_and_dropped),
                cmocka_unit_test(a_put_takes_the_place_of_the_older),
                cmocka_unit_test(spans_do_not_overflow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
