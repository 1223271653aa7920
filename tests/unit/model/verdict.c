/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/verdict.h"

#include <errno.h>

#include "tests/unit/test.h"

static const VerdictEntry good = {.file = "a.csdef",
                                  .line = 3,
                                  .element = "WebRole",
                                  .attribute = "name",
                                  .verdict = VERDICT_HONOURED,
                                  .reason = "names it"};

static void entries_are_copied_in_order(void **state)
{
        VerdictList list = {};
        char element[] = "Site";
        VerdictEntry entry = good;

        entry.element = element;
        entry.attribute = NULL;
        assert_int_equal(verdict_list_add(&list, &good), 0);
        assert_int_equal(verdict_list_add(&list, &entry), 0);
        element[0] = 'X';
        assert_int_equal(list.n_entries, 2);
        assert_string_equal(list.entries[0].attribute, "name");
        assert_string_equal(list.entries[1].element, "Site");
        assert_null(list.entries[1].attribute);
        assert_int_equal(list.n_refused, 0);
        verdict_list_deinit(&list);
        assert_int_equal(list.n_entries, 0);
}

static void refusals_and_breaks_are_counted(void **state)
{
        VerdictList list = {};
        VerdictEntry entry = good;

        entry.verdict = VERDICT_REFUSED;
        assert_int_equal(verdict_list_add(&list, &entry), 0);
        entry.broken = true;
        assert_int_equal(verdict_list_add(&list, &entry), 0);
        assert_int_equal(list.n_refused, 2);
        assert_int_equal(list.n_broken, 1);
        verdict_list_deinit(&list);
}

static void first_refusal_stays(void **state)
{
        VerdictList list = {};

        assert_int_equal(verdict_list_add(&list, &good), 0);
        assert_int_equal(verdict_list_change(&list, 0, VERDICT_REFUSED, "first"), 0);
        assert_int_equal(verdict_list_change(&list, 0, VERDICT_REFUSED, "second"), 0);
        assert_string_equal(list.entries[0].reason, "first");
        assert_int_equal(list.n_refused, 1);
        verdict_list_deinit(&list);
}

static void list_is_bounded(void **state)
{
        VerdictList list = {};

        for (unsigned i = 0; i < VERDICT_ENTRIES_MAX; i++)
                assert_int_equal(verdict_list_add(&list, &good), 0);
        assert_int_equal(verdict_list_add(&list, &good), -E2BIG);
        assert_int_equal(list.n_entries, VERDICT_ENTRIES_MAX);
        verdict_list_deinit(&list);
}

static void words(void **state)
{
        assert_string_equal(verdict_to_string(VERDICT_HONOURED), "honoured");
        assert_string_equal(verdict_to_string(VERDICT_IGNORED), "ignored");
        assert_string_equal(verdict_to_string(VERDICT_REFUSED), "refused");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(entries_are_copied_in_order),
                cmocka_unit_test(refusals_and_breaks_are_counted),
                cmocka_unit_test(first_refusal_stays),
                cmocka_unit_test(list_is_bounded),
                cmocka_unit_test(words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
