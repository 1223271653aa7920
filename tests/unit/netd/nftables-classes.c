/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/nftables-classes.h"

#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "lb/table.h"
#include "tests/unit/test.h"

static unsigned messages_of(const Batch *batch, uint16_t type)
{
        const struct nlmsghdr *m = (const struct nlmsghdr *) batch->data;
        int left = (int) batch->length;
        unsigned n = 0;

        for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
                n += m->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type);
        return n;
}

static void every_class_has_its_chain_and_rules(void **state)
{
        Batch batch = {};

        batch_classes(&batch, 1);
        assert_false(batch.failed);
        assert_int_equal(messages_of(&batch, NFT_MSG_NEWRULE), nftables_class_rules());
        assert_int_equal(messages_of(&batch, NFT_MSG_NEWSET), 5);
        assert_int_equal(messages_of(&batch, NFT_MSG_NEWSETELEM), 5);
        assert_true(messages_of(&batch, NFT_MSG_NEWCHAIN) > LB_SIZES_MAX);
        assert_true(messages_of(&batch, NFT_MSG_NEWCHAIN) <= nftables_class_rules());
        free(batch.data);
}

static void maps_have_the_names_that_rules_ask(void **state)
{
        static const char *const names[] = {CLASS_MAP, CLASS_ACL_MAP, MUX_MAP, AGAIN_MAP,
                                            ERROR_MAP};
        Batch batch = {};

        batch_classes(&batch, 1);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                assert_non_null(memmem(batch.data, batch.length, names[i], strlen(names[i]) + 1));
        free(batch.data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_class_has_its_chain_and_rules),
                cmocka_unit_test(maps_have_the_names_that_rules_ask),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
