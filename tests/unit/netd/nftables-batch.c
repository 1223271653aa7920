/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/nftables-internal.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#include "tests/unit/test.h"

static void elements_survive_the_way_to_the_wire_and_back(void **state)
{
        Batch batch = {};
        Elements in = {}, out = {}, gone = {}, new = {};
        const struct nlmsghdr *message;
        unsigned messages = 0;
        int left;

        for (uint32_t i = 0; i < 5000; i++) {
                Element e = {.set = SET_BUCKET, .key_length = 16, .data_length = 8};

                __builtin_memcpy(e.key + 12, &i, 4);
                e.data[0] = (uint8_t) i;
                assert_int_equal(elements_add(&in, &e), 0);
        }
        batch_elements(&batch, true, &in);
        assert_false(batch.failed);
        message = (const struct nlmsghdr *) batch.data;
        left = (int) batch.length;
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left), messages++)
                assert_int_equal(nftables_parse_elements(message, SET_BUCKET, &out), 0);
        assert_true(messages > 1); /* no attribute may pass 64 KiB */
        elements_sort(&in);
        elements_sort(&out);
        assert_int_equal(out.n_items, 5000);
        assert_int_equal(elements_diff(&in, &out, &gone, &new), 0);
        assert_int_equal(gone.n_items + new.n_items, 0);
        free(batch.data);
        elements_deinit(&in);
        elements_deinit(&out);
}

static void a_rate_is_data_too(void **state)
{
        Element e = {.set = SET_RATE, .key_length = 4, .data_length = 4, .data = {0x10, 0x27}};
        Batch batch = {};
        Elements in = {}, out = {};

        assert_int_equal(elements_add(&in, &e), 0);
        batch_elements(&batch, true, &in);
        assert_int_equal(
                nftables_parse_elements((const struct nlmsghdr *) batch.data, SET_RATE, &out), 0);
        assert_int_equal(out.n_items, 1);
        assert_memory_equal(out.items[0].data, e.data, 4);
        free(batch.data);
        elements_deinit(&in);
        elements_deinit(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(elements_survive_the_way_to_the_wire_and_back),
                cmocka_unit_test(a_rate_is_data_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
