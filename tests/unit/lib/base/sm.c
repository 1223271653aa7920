/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/sm.h"

#include "tests/unit/test.h"

enum { OPEN, CLOSED, LOCKED };

static const SmState door[] = {
        [OPEN] = {"open", SM_TO(CLOSED)},
        [CLOSED] = {"closed", SM_TO(OPEN) | SM_TO(LOCKED)},
        [LOCKED] = {"locked", SM_TO(CLOSED)},
};

static void moves_only_as_the_table_allows(void **state)
{
        Sm sm;

        sm_init(&sm, door, ARRAY_SIZE(door), OPEN);
        assert_false(sm_may(&sm, LOCKED));
        assert_false(sm_may(&sm, 17));
        sm_move(&sm, CLOSED);
        sm_move(&sm, LOCKED);
        assert_string_equal(sm_name(&sm), "locked");
        assert_false(sm_may(&sm, OPEN));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(moves_only_as_the_table_allows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
