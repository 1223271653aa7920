/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/role-status.h"

#include "tests/unit/agent/run.h"

static void phases_have_their_status(void **state)
{
        static const struct {
                RolePhase phase;
                AgentStatus status;
        } all[] = {
                {ROLE_IDLE, AGENT_STARTING_VM},       {ROLE_FORMATTING, AGENT_CREATING_ROLE},
                {ROLE_TASKS, AGENT_CREATING_ROLE},    {ROLE_WAITING, AGENT_RESTARTING_ROLE},
                {ROLE_STOPPING, AGENT_STOPPING_ROLE}, {ROLE_STOPPED, AGENT_STOPPING_VM},
        };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                run.phase = all[i].phase;
                assert_int_equal(role_status_of(&run, S), all[i].status);
        }
        run.phase = ROLE_STOPPING;
        run.hung = true;
        assert_int_equal(role_status_of(&run, S), AGENT_UNRESPONSIVE_ROLE);
}

static void a_running_role_is_what_its_programs_are(void **state)
{
        run.phase = ROLE_RUNNING;
        run.config = &full;
        assert_int_equal(role_status_of(&run, S), AGENT_STARTING_ROLE);
        run.role.started = run.nginx.started = true;
        assert_int_equal(role_status_of(&run, S), AGENT_BUSY_ROLE); /* not ready yet */
        run.ready = true;
        assert_int_equal(role_status_of(&run, S), AGENT_READY_ROLE);
        run.busy_until_ns = 2 * S;
        assert_int_equal(role_status_of(&run, S), AGENT_BUSY_ROLE);
        assert_int_equal(role_status_of(&run, 2 * S), AGENT_READY_ROLE);
        run.nginx.started = false;
        run.nginx.restart.failures = 1;
        assert_int_equal(role_status_of(&run, S), AGENT_RESTARTING_ROLE);
}

static void failing_again_and_again_is_cycling(void **state)
{
        run.phase = ROLE_RUNNING;
        run.config = &worker;
        while (!restart_is_cycling(&run.role.restart))
                restart_delay_ns(&run.role.restart, 0);
        assert_int_equal(role_status_of(&run, S), AGENT_CYCLING_ROLE);
        run.phase = ROLE_WAITING;
        run.attempts = run.role.restart;
        assert_int_equal(role_status_of(&run, S), AGENT_CYCLING_ROLE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(phases_have_their_status),
                TEST(a_running_role_is_what_its_programs_are),
                TEST(failing_again_and_again_is_cycling),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
