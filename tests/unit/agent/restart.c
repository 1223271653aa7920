/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/restart.h"

#include "tests/unit/test.h"

static void waits_longer_each_time(void **state)
{
        static const uint64_t seconds[] = {0, 1, 2, 4, 8, 16, 32, 60, 60, 60};
        Restart restart = {};

        for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
                assert_int_equal(restart_is_cycling(&restart), i >= RESTART_CYCLING_FAILURES);
                assert_int_equal(restart_delay_ns(&restart, NSEC_PER_SEC),
                                 seconds[i] * NSEC_PER_SEC);
        }
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(restart_delay_ns(&restart, 0), RESTART_DELAY_MAX_NS);
}

static void begins_anew_after_it_has_worked(void **state)
{
        Restart restart = {};

        for (unsigned i = 0; i < 5; i++)
                restart_delay_ns(&restart, 0);
        assert_int_equal(restart_delay_ns(&restart, RESTART_GOOD_NS), 0);
        assert_false(restart_is_cycling(&restart));
        assert_int_equal(restart_delay_ns(&restart, RESTART_GOOD_NS - 1), NSEC_PER_SEC);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(waits_longer_each_time),
                cmocka_unit_test(begins_anew_after_it_has_worked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
