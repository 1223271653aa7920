/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/map.h"

#include "lib/base/str.h"
#include "tests/unit/failing.h"
#include "tests/unit/test.h"

static void put_get_remove(void **state)
{
        Map map = {};
        int a = 1, b = 2;

        assert_null(map_get(&map, "a"));
        assert_int_equal(map_put(&map, "a", &a), 0);
        assert_int_equal(map_put(&map, "b", &b), 0);
        assert_int_equal(map_put(&map, "a", &b), 0);
        assert_ptr_equal(map_get(&map, "a"), &b);
        assert_int_equal(map_size(&map), 2);
        assert_ptr_equal(map_remove(&map, "a"), &b);
        assert_null(map_remove(&map, "a"));
        assert_false(map_contains(&map, "a"));
        assert_true(map_contains(&map, "b"));
        map_deinit(&map);
}

static void keeps_order_through_growth_and_holes(void **state)
{
        Map map = {.value_free = free};
        unsigned expected = 1;

        for (unsigned i = 0; i < 5000; i++) {
                _cleanup_free_ char *key = str_printf("key-%u", i);

                assert_int_equal(map_put(&map, key, strdup(key)), 0);
        }
        for (unsigned i = 0; i < 5000; i += 2) {
                _cleanup_free_ char *key = str_printf("key-%u", i), *value = map_remove(&map, key);

                assert_string_equal(value, key);
        }
        for (unsigned i = 5000; i < 9000; i++) {
                _cleanup_free_ char *key = str_printf("key-%u", i);

                assert_int_equal(map_put(&map, key, strdup(key)), 0);
        }
        assert_int_equal(map_size(&map), 6500);
        MAP_FOREACH (entry, &map) {
                _cleanup_free_ char *key = str_printf("key-%u", expected);

                assert_string_equal(entry->key, key);
                expected += expected < 4999 ? 2 : 1;
        }
        assert_int_equal(expected, 9000);
        map_deinit(&map);
}

static void churn_does_not_grow_without_end(void **state)
{
        Map map = {};

        for (unsigned i = 0; i < 100000; i++) {
                _cleanup_free_ char *key = str_printf("key-%u", i);

                assert_int_equal(map_put(&map, key, key), 0);
                map_remove(&map, key);
        }
        assert_true(map.n_slots <= 64);
        map_deinit(&map);
}

static void numbers_begin_as_told_and_stay(void **state)
{
        _cleanup_(map_deinit) Map map = {.value_free = free};

        *map_number(&map, "a", 7) += 1;
        assert_int_equal(*map_number(&map, "a", 7), 8);
        assert_int_equal(*map_number(&map, "b", 1), 1);
        assert_int_equal(map_size(&map), 2);
}

static int count(void)
{
        _cleanup_(map_deinit) Map map = {.value_free = free};

        return map_number(&map, "a", 1) ? 0 : -ENOMEM;
}

static int fill(void)
{
        _cleanup_(map_deinit) Map map = {};

        for (unsigned i = 0; i < 20; i++) {
                char key[2] = {(char) ('a' + i), '\0'};
                int r = map_put(&map, key, &map);

                if (r < 0) {
                        assert_false(map_contains(&map, key));
                        assert_int_equal(map_size(&map), i);
                        return r;
                }
        }
        return 0;
}

static void short_memory_changes_nothing(void **state)
{
        FAILING_EACH(fill());
        FAILING_EACH(count());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(put_get_remove),
                cmocka_unit_test(keeps_order_through_growth_and_holes),
                cmocka_unit_test(short_memory_changes_nothing),
                cmocka_unit_test(numbers_begin_as_told_and_stay),
                cmocka_unit_test(churn_does_not_grow_without_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
