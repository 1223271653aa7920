/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/config-essence.h"

#include "tests/unit/test.h"

#define T(text) ((char *) (uintptr_t) (text))

static void settings_do_not_matter(void **state)
{
        AgentPair red = {T("Colour"), T("red")};
        AgentConfig a = {.entry_point = T("x"), .serial = 1, .settings = &red, .n_settings = 1};
        AgentConfig b = {.entry_point = T("x"), .serial = 2, .slot = T("staging")};

        assert_true(config_essence_equal(&a, &b));
}

static void what_is_run_matters(void **state)
{
        AgentTask task = {.command = T("t")}, other = {.command = T("t"), .elevated = true};
        AgentResource here = {.name = T("a")}, there = {.name = T("b")};
        AgentConfig a = {.entry_point = T("x"),
                         .tasks = &task,
                         .n_tasks = 1,
                         .resources = &here,
                         .n_resources = 1};
        AgentConfig b = a;

        assert_true(config_essence_equal(&a, &b));
        b.entry_point = T("y");
        assert_false(config_essence_equal(&a, &b));
        b = a, b.entry_point = NULL;
        assert_false(config_essence_equal(&a, &b));
        b = a, b.tasks = &other;
        assert_false(config_essence_equal(&a, &b));
        b = a, b.resources = &there;
        assert_false(config_essence_equal(&a, &b));
        b = a, b.n_tasks = 0;
        assert_false(config_essence_equal(&a, &b));
        b = a, b.elevated = true;
        assert_false(config_essence_equal(&a, &b));
        b = a, b.memory_bytes = 1;
        assert_false(config_essence_equal(&a, &b));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(settings_do_not_matter),
                cmocka_unit_test(what_is_run_matters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
