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

static void keys_fit_their_elements(void **state)
{
        for (ElementSet set = 0; set < SETS; set++) {
                assert_non_null(nftables_set(set)->name);
                assert_true(nftables_set(set)->key_length <= ELEMENT_KEY_MAX);
                assert_true(nftables_set(set)->data_length <= ELEMENT_DATA_MAX);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_digest_is_the_rulesets_own),
                cmocka_unit_test(keys_fit_their_elements),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
