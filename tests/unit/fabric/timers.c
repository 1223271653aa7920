/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/timers.h"

#include "lib/base/hash.h"
#include "tests/unit/test.h"

#define N 500

static void fire_in_order_also_after_changes(void **state)
{
        static Timer timer[N];
        Timers timers = {};
        uint64_t seed = 3, last = 0;
        unsigned fired = 0;
        Timer *next;

        assert_true(timers_next(&timers) == UINT64_MAX);
        assert_null(timers_pop(&timers, UINT64_MAX));
        for (unsigned i = 0; i < N; i++)
                assert_int_equal(timers_set(&timers, &timer[i], random_below(&seed, 100)), 0);
        for (unsigned i = 0; i < N; i += 3)
                assert_int_equal(timers_set(&timers, &timer[i], random_below(&seed, 100)), 0);
        for (unsigned i = 1; i < N; i += 3) {
                timers_clear(&timers, &timer[i]);
                timers_clear(&timers, &timer[i]);
        }
        assert_int_equal(timers.n_heap, N - (N - 1 + 2) / 3);
        while ((next = timers_pop(&timers, 99))) {
                assert_true(next->at_ns >= last);
                assert_int_equal(next->place, 0);
                last = next->at_ns;
                fired++;
        }
        assert_int_equal(fired, N - (N + 1) / 3);
        timers_deinit(&timers);
}

static void nothing_fires_early(void **state)
{
        Timer a = {}, b = {};
        Timers timers = {};

        assert_int_equal(timers_set(&timers, &a, 10), 0);
        assert_int_equal(timers_set(&timers, &b, 10), 0);
        assert_null(timers_pop(&timers, 9));
        assert_ptr_equal(timers_pop(&timers, 10), &a);
        assert_ptr_equal(timers_pop(&timers, 10), &b);
        timers_deinit(&timers);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fire_in_order_also_after_changes),
                cmocka_unit_test(nothing_fires_early),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
