/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/hypervisor.h"

#include <string.h>

#include "lib/base/array.h"
#include "tests/unit/test.h"

static void a_list_knows_what_is_in_it(void **state)
{
        DomainList list = {};

        assert_int_equal(domain_list_state(&list, "a"), DOMAIN_ABSENT);
        assert_int_equal(ARRAY_APPEND(list.entries, list.n_entries,
                                      (DomainEntry) {strdup("a"), DOMAIN_PAUSED}),
                         0);
        assert_int_equal(ARRAY_APPEND(list.entries, list.n_entries,
                                      (DomainEntry) {strdup("b"), DOMAIN_RUNNING}),
                         0);
        assert_int_equal(domain_list_state(&list, "b"), DOMAIN_RUNNING);
        assert_string_equal(domain_state_to_string(domain_list_state(&list, "a")), "paused");
        domain_list_deinit(&list);
        assert_int_equal(list.n_entries, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_list_knows_what_is_in_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
