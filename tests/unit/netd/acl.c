/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/acl.h"

#include <string.h>

#include "tests/unit/test.h"

static AclRule rule(bool permit, const char *range)
{
        AclRule rule = {.permit = permit};

        assert_int_equal(ip_parse_range(range, &rule.network, &rule.prefix), 0);
        return rule;
}

static bool denied(const AclRange *ranges, size_t n, const char *text)
{
        IpAddress address;

        assert_int_equal(ip_parse(text, &address), 0);
        for (size_t i = 0; i < n; i++)
                if (memcmp(address.bytes, ranges[i].first, 4) >= 0 &&
                    memcmp(address.bytes, ranges[i].last, 4) <= 0)
                        return true;
        return false;
}

static void the_first_rule_that_contains_it_decides(void **state)
{
        AclRange ranges[ACL_RANGES_MAX];
        AclRule rules[] = {rule(false, "10.0.1.0/24"), rule(true, "10.0.0.0/8"),
                           rule(false, "10.2.0.0/16")};
        size_t n = acl_denied(rules, 3, ranges);

        assert_true(denied(ranges, n, "10.0.1.7"));
        assert_false(denied(ranges, n, "10.0.2.7"));
        assert_false(denied(ranges, n, "10.2.0.1")); /* the permit came first */
        assert_true(denied(ranges, n, "11.0.0.0"));  /* in none, and there is a permit */
        assert_true(denied(ranges, n, "0.0.0.0"));
        assert_true(denied(ranges, n, "255.255.255.255"));
        assert_int_equal(n, 3);
}

static void only_denials_let_the_rest_in(void **state)
{
        AclRange ranges[ACL_RANGES_MAX];
        AclRule rules[] = {rule(false, "192.0.2.0/25"), rule(false, "192.0.2.128/25")};
        size_t n = acl_denied(rules, 2, ranges);

        assert_int_equal(n, 1); /* neighbours become one range */
        assert_true(denied(ranges, n, "192.0.2.255"));
        assert_false(denied(ranges, n, "192.0.3.0"));
        assert_int_equal(acl_denied(rules, 0, ranges), 0);
}

static void all_and_nothing(void **state)
{
        AclRange ranges[ACL_RANGES_MAX];
        AclRule all = rule(false, "0.0.0.0/0"), none = rule(true, "0.0.0.0/0");
        AclRule six = rule(true, "2001:db8::/32");

        assert_int_equal(acl_denied(&all, 1, ranges), 1);
        assert_true(denied(ranges, 1, "255.255.255.255"));
        assert_int_equal(acl_denied(&none, 1, ranges), 0);
        assert_int_equal(acl_denied(&six, 1, ranges), 1); /* only IPv6 clients were permitted */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_rule_that_contains_it_decides),
                cmocka_unit_test(only_denials_let_the_rest_in),
                cmocka_unit_test(all_and_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
