/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/role-unit.h"

#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/failing.h"
#include "tests/unit/test.h"

#define T(text) ((char *) (uintptr_t) (text))

static AgentPair extra = {.name = T("EXTRA"), .value = T("more")};
static AgentTask tasks[] = {
        {.command = T("echo one"), .elevated = true},
        {.command = T("echo two"), .environment = &extra, .n_environment = 1},
};
static const AgentConfig config = {.instance = T("web_IN_0"),
                                   .kind = AGENT_ROLE_WORKER,
                                   .entry_point = T("./work"),
                                   .tasks = tasks,
                                   .n_tasks = 2,
                                   .memory_bytes = 64 * MIB,
                                   .tasks_max = 9};

static bool has_variable(const UnitSpec *spec, const char *text)
{
        for (char **at = spec->environment; at && *at; at++)
                if (str_equal(*at, text))
                        return true;
        return false;
}

static void the_role_is_a_command_of_its_user(void **state)
{
        UnitSpec spec = {};

        assert_int_equal(role_unit_fill("role", &config, NULL, &spec), 0);
        assert_string_equal(spec.arguments[0], "/bin/sh");
        assert_string_equal(spec.arguments[2], "./work");
        assert_null(spec.arguments[3]);
        assert_string_equal(spec.user, "troupe-role");
        assert_string_equal(spec.directory, AGENT_PAYLOAD_ROOT);
        assert_int_equal(spec.memory_max, 64 * MIB);
        assert_int_equal(spec.tasks_max, 9);
        assert_non_null(spec.environment);
        assert_false(has_variable(&spec, "EXTRA=more"));
        role_unit_clear(&spec);
        assert_null(spec.environment);
}

static void a_task_has_its_own_variables_and_user(void **state)
{
        UnitSpec spec = {};

        assert_int_equal(role_unit_fill("task-0", &config, NULL, &spec), 0);
        assert_string_equal(spec.arguments[2], "echo one");
        assert_null(spec.user);
        role_unit_clear(&spec);
        assert_int_equal(role_unit_fill("task-1", &config, NULL, &spec), 0);
        assert_string_equal(spec.user, "troupe-role");
        assert_true(has_variable(&spec, "EXTRA=more"));
        role_unit_clear(&spec);
        assert_int_equal(role_unit_fill("task-2", &config, NULL, &spec), -EINVAL);
        role_unit_clear(&spec);
}

static void programs_of_the_guest_are_root_s(void **state)
{
        UnitSpec spec = {}, mkfs = {};

        assert_int_equal(role_unit_fill("nginx", &config, NULL, &spec), 0);
        assert_string_equal(spec.arguments[4], "/run/troupe/nginx/nginx.conf");
        assert_string_equal(spec.pid_file, "/run/troupe/nginx/nginx.pid");
        assert_null(spec.user);
        assert_null(spec.environment);
        assert_int_equal(role_unit_fill("mkfs", &config, "/dev/vdc1", &mkfs), 0);
        assert_string_equal(mkfs.arguments[9], "/dev/vdc1");
        assert_null(mkfs.arguments[10]);
}

static int fill_and_clear(void)
{
        UnitSpec spec = {};
        int r = role_unit_fill("task-1", &config, NULL, &spec);

        role_unit_clear(&spec);
        return r;
}

static void short_memory_is_told(void **state)
{
        FAILING_EACH(fill_and_clear());
}

int main(void)
{
        const struct CMUnitTest all[] = {
                cmocka_unit_test(the_role_is_a_command_of_its_user),
                cmocka_unit_test(a_task_has_its_own_variables_and_user),
                cmocka_unit_test(programs_of_the_guest_are_root_s),
                cmocka_unit_test(short_memory_is_told),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
