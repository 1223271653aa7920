/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/role-program.h"

#include "tests/unit/agent/run.h"

static void every_start_has_a_unit_of_its_own(void **state)
{
        char first[UNITS_NAME_MAX];

        assert_false(program_runs(&run.role));
        program_start(&run, &run.role, S);
        assert_true(program_runs(&run.role));
        memcpy(first, run.role.unit, sizeof(first));
        assert_ptr_equal(program_of_unit(&run, first), &run.role);
        program_forget(&run, &run.role);
        assert_false(program_runs(&run.role));
        program_start(&run, &run.role, S);
        assert_null(program_of_unit(&run, first));
        assert_asked("start role;release role;start role;");
}

static void tasks_come_after_what_is_always_there(void **state)
{
        size_t n = 0;

        assert_int_equal(role_run_configure(&run, &full, S), 0);
        while (program_at(&run, n))
                n++;
        assert_int_equal(n, 3 + 3);
        assert_ptr_equal(program_at(&run, 3), &run.tasks[0]);
}

static void what_is_wanted_is_the_configurations(void **state)
{
        assert_false(wants_role(&run));
        assert_false(wants_nginx(&run));
        run.config = &worker;
        assert_true(wants_role(&run));
        assert_false(wants_nginx(&run));
        run.config = &full;
        assert_true(wants_nginx(&run));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(every_start_has_a_unit_of_its_own),
                TEST(tasks_come_after_what_is_always_there),
                TEST(what_is_wanted_is_the_configurations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
