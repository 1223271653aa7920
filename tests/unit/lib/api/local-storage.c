/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/local-storage.h"

#include "lib/base/macros.h"
#include "tests/unit/test.h"

static void a_piece_is_its_size_and_some(void **state)
{
        for (uint64_t mb = 1; mb <= 16 * 1024 * 1024; mb = mb * 3 + 1) {
                uint64_t bytes = local_storage_piece(mb);

                assert_int_equal(bytes % MIB, 0);
                assert_true(bytes >= (mb + 8) * MIB + mb * MIB / 16);
                assert_true(bytes <= (mb + 9) * MIB + mb * MIB / 16);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_piece_is_its_size_and_some),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
