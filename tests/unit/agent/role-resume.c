/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/agent/run.h"

static void next_agent_goes_on(void **state)
{
        _cleanup_free_ char *text = NULL;
        char role[UNITS_NAME_MAX];
        uint64_t generation;

        role_run_configure(&run, &worker, S);
        start(&run.role, S);
        memcpy(role, run.role.unit, sizeof(role));
        generation = run.generation;
        assert_int_equal(role_run_save(&run, &text), 0);
        role_run_deinit(&run);
        str_buffer_deinit(&asked);

        role_run_init(&run, &ops, NULL, 5 * S);
        assert_int_equal(role_run_resume(&run, &worker, "nonsense", 5 * S), -EINVAL);
        assert_int_equal(role_run_resume(&run, &worker, text, 5 * S), 0);
        role_run_adopt(&run, role);
        role_run_adopt(&run, UNITS_PREFIX "grow-0.service");
        role_run_resumed(&run, 5 * S);
        assert_asked("release grow;");
        assert_status("ReadyRole");
        assert_true(run.generation == generation);
        end(&run.role, "signal", 0, S, 6 * S);
        assert_asked("start role;release role;");
        assert_true(run.generation == generation + 1);
}

static void next_agent_starts_what_is_gone(void **state)
{
        _cleanup_free_ char *text = NULL;

        role_run_configure(&run, &worker, S);
        start(&run.role, S);
        assert_int_equal(role_run_save(&run, &text), 0);
        role_run_deinit(&run);
        str_buffer_deinit(&asked);
        role_run_init(&run, &ops, NULL, 5 * S);
        assert_int_equal(role_run_resume(&run, &worker, text, 5 * S), 0);
        role_run_resumed(&run, 5 * S);
        assert_asked("start role;");
}

/* What was due while no agent ran is done at once: a stop's deadline, the next start task. */
static void next_agent_does_what_is_due(void **state)
{
        _cleanup_free_ char *text = NULL;

        role_run_configure(&run, &worker, S);
        start(&run.role, S);
        role_run_stop(&run, 10 * S, 2 * S);
        assert_int_equal(role_run_save(&run, &text), 0);
        role_run_deinit(&run);
        str_buffer_deinit(&asked);
        role_run_init(&run, &ops, NULL, 20 * S);
        assert_int_equal(role_run_resume(&run, &worker, text, 20 * S), 0);
        role_run_adopt(&run, UNITS_PREFIX "role-1.service");
        role_run_resumed(&run, 20 * S);
        assert_asked("kill role all 9;");
        assert_status("StoppingRole");
}

/* A task that ended unseen is done again: it may not have been done. */
static void next_agent_repeats_the_task_that_is_gone(void **state)
{
        _cleanup_free_ char *text = NULL;

        role_run_configure(&run, &full, S);
        start(&run.tasks[0], S);
        assert_int_equal(role_run_save(&run, &text), 0);
        role_run_deinit(&run);
        str_buffer_deinit(&asked);
        role_run_init(&run, &ops, NULL, 5 * S);
        assert_int_equal(role_run_resume(&run, &full, text, 5 * S), 0);
        role_run_resumed(&run, 5 * S);
        assert_asked("start task-0;");
        assert_status("CreatingRole");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(next_agent_goes_on),
                TEST(next_agent_starts_what_is_gone),
                TEST(next_agent_does_what_is_due),
                TEST(next_agent_repeats_the_task_that_is_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
