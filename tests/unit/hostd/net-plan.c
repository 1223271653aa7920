/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/net-plan.h"

#include <string.h>

#include "lib/base/array.h"
#include "tests/unit/test.h"

static NetPlan plan(const char *vip, bool ready)
{
        Net1Endpoint endpoint = {
                .id = "e", .vip = vip, .protocol = NET1_TCP, .port = 80, .probe.path = ""};
        NetPlan made = {};

        assert_int_equal(ARRAY_APPEND(endpoint.backends, endpoint.n_backends,
                                      (Net1Backend) {"i", 8080, ready}),
                         0);
        assert_int_equal(
                ARRAY_APPEND(made.state.vips, made.state.n_vips, (Net1Vip) {vip, "", true, 0}), 0);
        assert_int_equal(ARRAY_APPEND(made.state.endpoints, made.state.n_endpoints, endpoint), 0);
        assert_int_equal(ARRAY_APPEND(made.state.peers, made.state.n_peers,
                                      (Net1Peer) {"h1", "198.18.0.1", true}),
                         0);
        return made;
}

static void equal_plans_have_no_difference(void **state)
{
        NetPlan a = plan("192.0.2.1", true), b = plan("192.0.2.1", true), update;

        assert_int_equal(net_plan_diff(&a, &b, &update), NET_PLAN_SAME);
        net_plan_deinit(&a);
        net_plan_deinit(&b);
}

static void only_what_differs_is_said(void **state)
{
        NetPlan a = plan("192.0.2.1", false), b = plan("192.0.2.1", true), update;

        assert_int_equal(net_plan_diff(&a, &b, &update), 0);
        assert_int_equal(update.state.n_endpoints, 1);
        assert_true(update.state.endpoints[0].backends[0].ready);
        assert_int_equal(update.state.n_vips + update.state.n_peers + update.state.n_gone, 0);
        net_plan_diff_deinit(&update);
        net_plan_deinit(&a);
        net_plan_deinit(&b);
}

static void what_is_gone_is_named(void **state)
{
        NetPlan a = plan("192.0.2.1", true), b = plan("192.0.2.2", true), nothing = {}, update;

        assert_int_equal(net_plan_diff(&a, &b, &update), 0);
        assert_int_equal(update.state.n_gone, 1);
        assert_string_equal(update.state.gone[0].kind, "vip");
        assert_string_equal(update.state.gone[0].key, "192.0.2.1");
        assert_int_equal(update.state.n_vips, 1);
        assert_int_equal(update.state.n_endpoints, 1);
        net_plan_diff_deinit(&update);
        assert_int_equal(net_plan_diff(&a, &nothing, &update), 0);
        assert_int_equal(update.state.n_gone, 3);
        net_plan_diff_deinit(&update);
        net_plan_deinit(&a);
        net_plan_deinit(&b);
}

static void texts_live_with_their_plan(void **state)
{
        NetPlan made = {};

        for (int i = 0; i < 100; i++)
                assert_non_null(net_plan_text(&made, "text %d", i));
        assert_string_equal(made.texts[99], "text 99");
        net_plan_deinit(&made);
        assert_int_equal(made.n_texts, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_plans_have_no_difference),
                cmocka_unit_test(only_what_differs_is_said),
                cmocka_unit_test(what_is_gone_is_named),
                cmocka_unit_test(texts_live_with_their_plan),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
