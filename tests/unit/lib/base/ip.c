/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/ip.h"

#include "lib/base/str.h"
#include "tests/unit/test.h"

static IpAddress ip(const char *text)
{
        IpAddress address;

        assert_int_equal(ip_parse(text, &address), 0);
        return address;
}

static void reads_and_writes(void **state)
{
        static const char *const good[] = {"0.0.0.0", "198.18.0.1", "255.255.255.255",
                                           "::", "2001:db8::1"};
        static const char *const bad[] = {"",         "1.2.3",     "1.2.3.4.5", "1.2.3.256",
                                          " 1.2.3.4", "1.2.3.4/8", ":",         "g::"};
        char text[IP_TEXT_MAX];
        IpAddress none = {};

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                IpAddress address = ip(good[i]);

                assert_string_equal(ip_format(&address, text), good[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(ip_parse(bad[i], &none), -EINVAL);
        assert_string_equal(ip_format(&none, text), "");
}

static void reads_ranges(void **state)
{
        static const char *const bad[] = {
                "10.0.0.0/33", "10.0.0.0/",
                "/8",          "10.0.0.0/-1",
                "::/129",      "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8"};
        char text[IP_TEXT_MAX];
        IpAddress address;
        unsigned prefix;

        assert_int_equal(ip_parse_range("10.64.0.0/10", &address, &prefix), 0);
        assert_int_equal(prefix, 10);
        assert_string_equal(ip_format(&address, text), "10.64.0.0");
        assert_int_equal(ip_parse_range("2001:db8::1", &address, &prefix), 0);
        assert_int_equal(prefix, 128);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(ip_parse_range(bad[i], &address, &prefix), -EINVAL);
}

static void adds_with_carry(void **state)
{
        IpAddress a = ip("10.0.255.254"), last = ip("255.255.255.255"), six = ip("2001:db8::ffff");
        char text[IP_TEXT_MAX];
        IpAddress sum;

        assert_int_equal(ip_add(&a, 3, &sum), 0);
        assert_string_equal(ip_format(&sum, text), "10.1.0.1");
        assert_int_equal(ip_add(&a, 1 << 24, &sum), 0);
        assert_string_equal(ip_format(&sum, text), "11.0.255.254");
        assert_int_equal(ip_add(&last, 1, &sum), -ERANGE);
        assert_int_equal(ip_add(&a, UINT64_C(1) << 32, &sum), -ERANGE);
        assert_int_equal(ip_add(&six, 1, &sum), 0);
        assert_string_equal(ip_format(&sum, text), "2001:db8::1:0");
}

static void knows_networks(void **state)
{
        IpAddress a = ip("10.64.7.9"), b = ip("10.64.8.1"), n = ip("10.64.7.0");
        IpAddress network = ip_network(&a, 24);

        assert_int_equal(ip_compare(&network, &n), 0);
        assert_true(ip_in_network(&a, &n, 24));
        assert_false(ip_in_network(&b, &n, 24));
        assert_true(ip_in_network(&b, &n, 10));
        assert_true(ip_compare(&a, &b) < 0);
        network = ip("::");
        assert_true(ip_compare(&a, &network) < 0);
        assert_false(ip_in_network(&network, &n, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_and_writes),
                cmocka_unit_test(reads_ranges),
                cmocka_unit_test(adds_with_carry),
                cmocka_unit_test(knows_networks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
