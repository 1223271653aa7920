/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/hash.h"

#include "tests/unit/test.h"

/* These values are stored by running clusters: a change here is a change of format. */
static void values_never_change(void **state)
{
        uint64_t seed = 1;

        assert_true(hash_mix(1) == UINT64_C(0x5692161d100b05e5));
        assert_true(random_next(&seed) == UINT64_C(0x910a2dec89025cc1));
        assert_true(hash_text("web_IN_0", 0) != hash_text("web_IN_1", 0));
        assert_true(hash_text("web_IN_0", 0) != hash_text("web_IN_0", 1));
        assert_true(hash_text("a", 7) == hash_bytes("a", 1, 7));
}

static void below_is_even(void **state)
{
        unsigned count[10] = {};
        uint64_t seed = 42;

        for (unsigned i = 0; i < 100000; i++)
                count[random_below(&seed, 10)]++;
        for (unsigned i = 0; i < 10; i++)
                assert_in_range(count[i], 9500, 10500);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_never_change),
                cmocka_unit_test(below_is_even),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
