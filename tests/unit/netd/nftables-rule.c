/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the kernel makes of rules is tested with packets in tests/net. */

#include "netd/nftables-rule.h"

#include <string.h>

#include "tests/unit/failing.h"
#include "tests/unit/test.h"

static const RuleText everything = {
        NFPROTO_INET,
        "chain",
        {META(NFPROTO, 0), CT(STATE, 1), DADDR(2), IS(0, TX0, TX0_LENGTH), NOT(0, 1, 1), ANY(1, 2),
         KEEP(4, 1, 2), IN(0, "in_set"), OUT(0, "out_set"), MAP(0, "a_map", 8), SET_MARK(8),
         OBJECT(0, "an_object"), HASH(4, 8, 61, 3), DNAT(8, 9), GOTO("elsewhere")},
};

static bool contains(const Batch *batch, const char *name)
{
        return memmem(batch->data, batch->length, name, strlen(name) + 1);
}

static void each_expression_is_in_the_rule(void **state)
{
        static const char *const names[] = {"meta",    "ct",        "payload",   "cmp",
                                            "bitwise", "lookup",    "objref",    "hash",
                                            "nat",     "immediate", "in_set",    "out_set",
                                            "a_map",   "an_object", "elsewhere", "chain"};
        Batch batch = {};

        batch_rule(&batch, &everything);
        assert_false(batch.failed);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                assert_true(contains(&batch, names[i]));
        free(batch.data);
}

/* A short name of an interface is compared in full: "lo" is not the beginning of "lo1". What leads
 * to hosts has two names, and is compared by what they have in common. */
static void interface_names_are_compared_in_full(void **state)
{
        const RuleText local = {NFPROTO_INET, "c", {META(IIFNAME, 0), IS(0, LO, IFNAMSIZ)}};
        const RuleText hosts = {NFPROTO_INET, "c", {FROM_HOST}};
        const char full[16] = "lo", begin[] = {7, 0, 1, 0, 't', 'x', '0'}; /* an attribute's */
        Batch batch = {};

        batch_rule(&batch, &local);
        assert_non_null(memmem(batch.data, batch.length, full, sizeof(full)));
        assert_null(memmem(batch.data, batch.length, begin, sizeof(begin)));
        batch_rule(&batch, &hosts);
        assert_non_null(memmem(batch.data, batch.length, begin, sizeof(begin)));
        free(batch.data);
}

static void only_base_chains_have_a_hook(void **state)
{
        Batch base = {}, plain = {};

        batch_chain(&base, &(ChainText) {NFPROTO_INET, "mux", "filter", NF_INET_PRE_ROUTING, -300});
        batch_chain(&plain, &(ChainText) {NFPROTO_INET, "mux", NULL, 0, 0});
        assert_true(contains(&base, "filter"));
        assert_false(contains(&plain, "filter"));
        free(base.data);
        free(plain.data);
}

static int build(void)
{
        Batch batch = {};
        int r;

        batch_rule(&batch, &(RuleText) {NFPROTO_INET, "c", {ACCEPT}});
        r = batch.failed || !contains(&batch, "immediate") ? -ENOMEM : 0;
        free(batch.data);
        return r;
}

/* A batch that failed is not sent. */
static void short_memory_fails_the_batch(void **state)
{
        failing_begin(0);
        assert_int_equal(build(), -ENOMEM);
        assert_true(failing_end());
        assert_int_equal(build(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_expression_is_in_the_rule),
                cmocka_unit_test(interface_names_are_compared_in_full),
                cmocka_unit_test(only_base_chains_have_a_hook),
                cmocka_unit_test(short_memory_fails_the_batch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
