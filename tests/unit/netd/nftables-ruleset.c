/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/nftables-internal.h"

#include <linux/netfilter.h>

#include "tests/unit/test.h"

static void the_digest_is_the_rulesets_own(void **state)
{
        uint64_t digest = nftables_ruleset_digest();

        assert_true(digest != 0);
        assert_true(digest == nftables_ruleset_digest());
        assert_true(nftables_ruleset_rules(NFPROTO_INET) > 30);
        assert_true(nftables_ruleset_rules(NFPROTO_BRIDGE) > 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_digest_is_the_rulesets_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
