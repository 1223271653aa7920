/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/nftables-set.h"

#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "tests/unit/test.h"

static void keys_fit_their_elements(void **state)
{
        for (ElementSet set = 0; set < SETS; set++) {
                assert_non_null(nftables_set(set)->name);
                assert_true(nftables_set(set)->key_length <= ELEMENT_KEY_MAX);
                assert_true(nftables_set(set)->data_length <= ELEMENT_DATA_MAX);
        }
}

static void every_set_has_a_name_of_its_own(void **state)
{
        for (ElementSet a = 0; a < SETS; a++)
                for (ElementSet b = 0; b < a; b++)
                        assert_string_not_equal(nftables_set(a)->name, nftables_set(b)->name);
}

static void a_map_of_verdicts_is_one_set_and_its_elements(void **state)
{
        Batch batch = {};
        struct nlmsghdr *message = batch_verdicts(&batch, "verdicts", 1);
        struct nlattr *elements;
        size_t before = batch.length;

        assert_non_null(message);
        assert_true(before > 0); /* the map itself */
        elements = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
        put_verdict(message, 0x41, (uint32_t) NFT_GOTO, "somewhere");
        mnl_attr_nest_end(message, elements);
        batch_commit_message(&batch, message);
        assert_true(batch.length > before);
        assert_non_null(memmem(batch.data + before, batch.length - before, "somewhere", 10));
        assert_false(batch.failed);
        free(batch.data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_fit_their_elements),
                cmocka_unit_test(every_set_has_a_name_of_its_own),
                cmocka_unit_test(a_map_of_verdicts_is_one_set_and_its_elements),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
