/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/fetch-holders.h"

#include <string.h>

#include "tests/unit/test.h"

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const FetchSource three[] = {{.host = "h1"}, {.host = "h2"}, {.host = "h3"}};

static const char *pick(FetchHolders *holders, const char *digest, const char *last,
                        uint64_t now_ns)
{
        const FetchSource *source = fetch_holders_pick(holders, digest, three, 3, last, now_ns);

        return source ? source->host : "";
}

static void they_take_turns(void **state)
{
        FetchHolders holders;

        fetch_holders_init(&holders);
        assert_string_equal(pick(&holders, DIGEST_A, "", 0), "h1");
        assert_string_equal(pick(&holders, DIGEST_A, "h1", 0), "h2");
        assert_string_equal(pick(&holders, DIGEST_A, "h3", 0), "h1");
        assert_string_equal(pick(&holders, DIGEST_A, "h9", 0), "h1"); /* gone meanwhile */
        assert_null(fetch_holders_pick(&holders, DIGEST_A, NULL, 0, "h1", 0));
        fetch_holders_deinit(&holders);
}

static void who_is_avoided_is_passed_over_for_a_while(void **state)
{
        FetchHolders holders;

        fetch_holders_init(&holders);
        fetch_holders_avoid(&holders, DIGEST_A, "h2", 10);
        assert_string_equal(pick(&holders, DIGEST_A, "h1", 9), "h3");
        assert_string_equal(pick(&holders, DIGEST_B, "h1", 9), "h2"); /* another blob */
        assert_string_equal(pick(&holders, DIGEST_A, "h1", 10), "h2");
        fetch_holders_avoid(&holders, DIGEST_A, "h2", 20);
        fetch_holders_avoid(&holders, DIGEST_A, "h1", 20);
        fetch_holders_avoid(&holders, DIGEST_A, "h3", 20);
        fetch_holders_avoid(&holders, DIGEST_B, "h3", 20);
        assert_string_equal(pick(&holders, DIGEST_A, "h1", 19), "");
        fetch_holders_forget(&holders, DIGEST_A);
        assert_string_equal(pick(&holders, DIGEST_A, "h1", 19), "h2");
        assert_string_equal(pick(&holders, DIGEST_B, "h2", 19), "h1");
        fetch_holders_deinit(&holders);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(they_take_turns),
                cmocka_unit_test(who_is_avoided_is_passed_over_for_a_while),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
