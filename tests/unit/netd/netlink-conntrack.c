/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What is counted and cut with real connections is in tests/net/drain. */

#include "netd/conntrack.h"

#include "tests/unit/netd/example.h"

static void an_empty_table_has_nothing(void **unused)
{
        uint32_t count = 9;
        IpAddress address;

        example_namespace();
        assert_int_equal(ip_parse("10.64.0.2", &address), 0);
        assert_int_equal(conntrack_count(&address, &count), 0);
        assert_int_equal(count, 0);
        count = 9;
        assert_int_equal(conntrack_cut(&address, &count), 0);
        assert_int_equal(count, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_table_has_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
