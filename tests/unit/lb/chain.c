/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lb/chain.h"

#include <string.h>

#include "lb/table.h"
#include "tests/unit/failing.h"
#include "tests/unit/test.h"

static void step(LbChains *chains, const uint16_t *owners, uint32_t size)
{
        LbChains after;

        assert_int_equal(lb_chains_step(chains, owners, size, &after), 0);
        lb_chains_deinit(chains);
        *chains = after;
}

static void assert_chain(const LbChain *chain, uint16_t a, uint16_t b, uint16_t c, uint16_t d)
{
        const uint16_t hosts[LB_CHAIN_MAX] = {a, b, c, d};

        assert_memory_equal(chain->hosts, hosts, sizeof(hosts));
}

static void the_newest_comes_first_and_each_once(void **state)
{
        LbChains chains = {};

        step(&chains, (uint16_t[]) {1, 2}, 2);
        assert_chain(&chains.chains[0], 1, 0, 0, 0);
        step(&chains, (uint16_t[]) {1, 3}, 2);
        step(&chains, (uint16_t[]) {1, 2}, 2);
        assert_chain(&chains.chains[0], 1, 0, 0, 0);
        assert_chain(&chains.chains[1], 2, 3, 0, 0);
        for (uint16_t i = 4; i <= 6; i++)
                step(&chains, (uint16_t[]) {1, i}, 2);
        assert_chain(&chains.chains[1], 6, 5, 4, 2); /* 3 is the one longest ago */
        lb_chains_deinit(&chains);
}

/* Whoever had a hash's bucket has a place in the chain of its bucket of any size. */
static void sizes_may_change(void **state)
{
        static const uint32_t sizes[] = {1, 61, 421, 61, 1, 2521};
        uint16_t owners[2521];

        for (size_t i = 0; i + 1 < ARRAY_SIZE(sizes); i++) {
                LbChains chains = {};

                for (uint32_t b = 0; b < sizes[i]; b++)
                        owners[b] = (uint16_t) (1 + b % 3);
                step(&chains, owners, sizes[i]);
                for (uint32_t b = 0; b < sizes[i + 1]; b++)
                        owners[b] = 9;
                step(&chains, owners, sizes[i + 1]);
                for (uint64_t hash = 0; hash <= UINT32_MAX; hash += 65521) {
                        uint32_t old = (uint32_t) (hash * sizes[i] >> 32);
                        const LbChain *chain = &chains.chains[hash * sizes[i + 1] >> 32];
                        bool found = false;

                        assert_int_equal(chain->hosts[0], 9);
                        for (size_t place = 1; place < LB_CHAIN_MAX; place++)
                                found = found || chain->hosts[place] == 1 + old % 3;
                        assert_true(found);
                }
                lb_chains_deinit(&chains);
        }
}

static void copies_are_equal(void **state)
{
        LbChains chains = {}, copy;

        assert_int_equal(lb_chains_copy(&chains, &copy), 0);
        assert_true(lb_chains_equal(&chains, &copy));
        step(&chains, (uint16_t[]) {1, 2, 3}, 3);
        assert_false(lb_chains_equal(&chains, &copy));
        assert_int_equal(lb_chains_copy(&chains, &copy), 0);
        assert_true(lb_chains_equal(&chains, &copy));
        copy.chains[2].hosts[0] = 4;
        assert_false(lb_chains_equal(&chains, &copy));
        lb_chains_deinit(&copy);
        lb_chains_deinit(&chains);
}

static void short_memory_changes_nothing(void **state)
{
        LbChains chains = {}, after = {};

        step(&chains, (uint16_t[]) {1, 2}, 2);
        FAILING_EACH(lb_chains_step(&chains, (const uint16_t[]) {2, 1}, 2, &after));
        assert_chain(&after.chains[0], 2, 1, 0, 0);
        lb_chains_deinit(&after);
        assert_chain(&chains.chains[0], 1, 0, 0, 0);
        lb_chains_deinit(&chains);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_newest_comes_first_and_each_once),
                cmocka_unit_test(sizes_may_change),
                cmocka_unit_test(copies_are_equal),
                cmocka_unit_test(short_memory_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
