/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lb/table.h"

#include <string.h>

#include "lib/base/hash.h"
#include "tests/unit/test.h"

static uint16_t table[LB_TABLE_MAX], other[LB_TABLE_MAX];

static size_t members_make(LbMember *members, size_t n)
{
        for (size_t i = 0; i < n; i++)
                members[i] = (LbMember) {hash_bytes(&i, sizeof(i), 7), 1};
        return n;
}

static void every_group_is_served_evenly(void **state)
{
        LbMember members[LB_MEMBERS_MAX];

        for (size_t n = 1; n <= LB_MEMBERS_MAX; n = n < 40 ? n + 1 : n * 2) {
                uint32_t size = lb_size(lb_size_index(n, n & 1));
                uint32_t counts[LB_MEMBERS_MAX] = {}, least = UINT32_MAX, most = 0;

                members_make(members, n);
                assert_true(size >= n);
                assert_int_equal(lb_table_fill(members, n, table, size), 0);
                for (uint32_t i = 0; i < size; i++)
                        counts[table[i]]++;
                for (size_t i = 0; i < n; i++) {
                        least = MIN(least, counts[i]);
                        most = MAX(most, counts[i]);
                }
                assert_true(least >= 1 && most - least <= 1);
        }
}

static void order_does_not_matter(void **state)
{
        LbMember members[9], turned[9];

        members_make(members, 9);
        for (size_t i = 0; i < 9; i++)
                turned[i] = members[8 - i];
        assert_int_equal(lb_table_fill(members, 9, table, 421), 0);
        assert_int_equal(lb_table_fill(turned, 9, other, 421), 0);
        for (size_t i = 0; i < 421; i++)
                assert_int_equal(table[i], 8 - other[i]);
}

static void one_that_leaves_moves_few_of_the_others(void **state)
{
        LbMember members[20];
        size_t moved = 0, its = 0;

        members_make(members, 20);
        assert_int_equal(lb_table_fill(members, 20, table, 2521), 0);
        members[5].weight = 0;
        assert_int_equal(lb_table_fill(members, 20, other, 2521), 0);
        for (size_t i = 0; i < 2521; i++) {
                assert_int_not_equal(other[i], 5);
                if (table[i] == 5)
                        its++;
                else if (table[i] != other[i])
                        moved++;
        }
        assert_true(its >= 126 && its <= 127);
        assert_true(moved < 2521 / 10); /* a plain modulo would move 95 of 100 */
}

static void weights_are_kept_in_proportion(void **state)
{
        LbMember members[3];
        uint32_t counts[3] = {};

        members_make(members, 3);
        members[1].weight = 3;
        members[2].weight = 0;
        assert_int_equal(lb_table_fill(members, 3, table, 421), 0);
        for (size_t i = 0; i < 421; i++)
                counts[table[i]]++;
        assert_int_equal(counts[2], 0);
        assert_in_range(counts[0], 104, 106);
        assert_in_range(counts[1], 315, 317);
}

static void nobody_is_an_answer(void **state)
{
        LbMember member = {1, 0};

        assert_int_equal(lb_table_fill(&member, 1, table, 1), -ENOENT);
        assert_int_equal(lb_table_fill(NULL, 0, table, 1), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_group_is_served_evenly),
                cmocka_unit_test(order_does_not_matter),
                cmocka_unit_test(one_that_leaves_moves_few_of_the_others),
                cmocka_unit_test(weights_are_kept_in_proportion),
                cmocka_unit_test(nobody_is_an_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
