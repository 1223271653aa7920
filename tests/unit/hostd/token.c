/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/token.h"

#include <stdio.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW_US      UINT64_C(1800000000000000)

static void make(Token *token, TokenRecord *record)
{
        IpAddress address;

        ip_parse("2001:db8::1", &address);
        token_make(&address, FINGERPRINT, NOW_US, 60, token, record);
}

static void a_token_goes_both_ways(void **state)
{
        char text[TOKEN_TEXT_MAX];
        TokenRecord record;
        Token token, again;

        make(&token, &record);
        token_format(&token, text);
        assert_null(strpbrk(text, " \t\n\"'\\=,"));
        assert_int_equal(token_parse(text, &again), 0);
        assert_int_equal(ip_compare(&again.address, &token.address), 0);
        assert_string_equal(again.fingerprint, FINGERPRINT);
        assert_string_equal(again.id, token.id);
        assert_string_equal(again.secret, token.secret);
        assert_int_equal(again.expires_s, NOW_US / USEC_PER_SEC + 60);
}

static void what_is_no_token_is_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                "troupe1",
                "troupe1/192.0.2.1/" FINGERPRINT "/0123456789abcdef/" FINGERPRINT,
                "troupe1/192.0.2.1/" FINGERPRINT "/0123456789abcdef/" FINGERPRINT "/1/2",
                "troupe1/192.0.2.1/" FINGERPRINT "/0123456789abcdef/" FINGERPRINT "/x",
                "troupe1/192.0.2/" FINGERPRINT "/0123456789abcdef/" FINGERPRINT "/1",
                "troupe1/192.0.2.1/" FINGERPRINT "/0123456789abcdeX/" FINGERPRINT "/1",
                "troupe2/192.0.2.1/" FINGERPRINT "/0123456789abcdef/" FINGERPRINT "/1",
        };
        _cleanup_free_ char *endless = calloc(1, 10000);
        Token token;

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_int_equal(token_parse(wrong[i], &token), TOKEN_BAD);
        memset(endless, '/', 9999);
        assert_int_equal(token_parse(endless, &token), TOKEN_BAD);
        assert_int_equal(token_parse("troupe1/192.0.2.1/" FINGERPRINT
                                     "/0123456789abcdef/" FINGERPRINT "/1",
                                     &token),
                         0);
}

static void only_the_secret_matches_and_only_in_time(void **state)
{
        TokenRecord record;
        Token token;

        make(&token, &record);
        assert_null(strstr(record.hash, token.secret));
        assert_true(token_matches(&record, token.secret, NOW_US));
        assert_true(token_matches(&record, token.secret, NOW_US + 60 * USEC_PER_SEC - 1));
        assert_false(token_matches(&record, token.secret, NOW_US + 60 * USEC_PER_SEC));
        assert_false(token_matches(NULL, token.secret, NOW_US));
        token.secret[63] = token.secret[63] == '0' ? '1' : '0';
        assert_false(token_matches(&record, token.secret, NOW_US));
        assert_false(token_matches(&record, "", NOW_US));
}

static void no_two_are_alike(void **state)
{
        TokenRecord record;
        Token a, b;

        make(&a, &record);
        make(&b, &record);
        assert_string_not_equal(a.id, b.id);
        assert_string_not_equal(a.secret, b.secret);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_token_goes_both_ways),
                cmocka_unit_test(what_is_no_token_is_refused),
                cmocka_unit_test(only_the_secret_matches_and_only_in_time),
                cmocka_unit_test(no_two_are_alike),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
