/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A burst, its refill, and that one address does not use up another's. */

#include "lib/io/rate-limit.h"

#include <string.h>

#include "tests/unit/test.h"

static IpAddress ip(const char *text)
{
        IpAddress address;

        assert_int_equal(ip_parse(text, &address), 0);
        return address;
}

static unsigned take_all(RateLimit *limit, const IpAddress *address, uint64_t now_ns)
{
        unsigned n = 0;

        while (n < 1000 && rate_limit_take(limit, address, now_ns))
                n++;
        return n;
}

static void test_burst_and_refill(void **state)
{
        RateLimit limit = {.per_s = 10, .burst = 50, .seed = 7};
        IpAddress a = ip("192.0.2.1"), b = ip("192.0.2.2");
        uint64_t now = 1000 * NSEC_PER_SEC;

        assert_int_equal(take_all(&limit, &a, now), 50);
        assert_int_equal(take_all(&limit, &b, now), 50);
        assert_int_equal(take_all(&limit, &a, now + NSEC_PER_SEC), 10);
        assert_int_equal(take_all(&limit, &a, now + NSEC_PER_SEC + NSEC_PER_SEC / 20), 0);
        assert_int_equal(take_all(&limit, &a, now + 100 * NSEC_PER_SEC), 50);
}

static void test_networks_of_ipv6(void **state)
{
        RateLimit limit = {.per_s = 1, .burst = 3, .seed = 7};
        IpAddress a = ip("2001:db8:1:2::1"), b = ip("2001:db8:1:2:ffff::9");
        IpAddress other = ip("2001:db8:1:3::1");

        assert_int_equal(take_all(&limit, &a, NSEC_PER_SEC), 3);
        assert_int_equal(take_all(&limit, &b, NSEC_PER_SEC), 0);
        assert_int_equal(take_all(&limit, &other, NSEC_PER_SEC), 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_burst_and_refill),
                cmocka_unit_test(test_networks_of_ipv6),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
