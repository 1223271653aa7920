/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/role-run.h"

#include "tests/unit/agent/run.h"

static void begins_in_order(void **state)
{
        assert_status("StartingVM");
        assert_int_equal(role_run_configure(&run, &full, S), 0);
        assert_asked("prepare;start task-0;");
        assert_status("CreatingRole");
        start(&run.tasks[0], S);
        end(&run.tasks[0], "exited", 0, S, 2 * S);
        assert_asked("release task-0;start task-1;start task-2;start role;start nginx;");
        assert_status("StartingRole");
        start(&run.role, 2 * S);
        assert_status("StartingRole");
        start(&run.nginx, 2 * S);
        assert_status("ReadyRole");
        assert_true(role_run_next_ns(&run) == ROLE_RUN_NEVER);
}

static void failed_task_is_tried_again(void **state)
{
        role_run_configure(&run, &full, S);
        end(&run.tasks[0], "exited", 3, 0, 2 * S);
        assert_asked("prepare;start task-0;release task-0;");
        assert_status("RestartingRole");
        assert_true(role_run_next_ns(&run) == 3 * S);
        role_run_tick(&run, 3 * S - 1);
        assert_asked("");
        for (unsigned i = 0; i < 3; i++) {
                uint64_t now_ns = role_run_next_ns(&run);

                role_run_tick(&run, now_ns);
                assert_asked("prepare;start task-0;");
                end(&run.tasks[0], "exited", 3, 0, now_ns);
                assert_asked("release task-0;");
        }
        assert_status("CyclingRole");
        assert_string_equal(run.detail, "task-0: exited, code 3");
}

static void crash_restarts_at_once_then_later(void **state)
{
        role_run_configure(&run, &worker, S);
        start(&run.role, S);
        assert_status("ReadyRole");
        str_buffer_deinit(&asked);
        end(&run.role, "signal", 0, S, 2 * S);
        assert_asked("start role;release role;");
        assert_status("RestartingRole");
        start(&run.role, 2 * S);
        assert_status("ReadyRole");
        end(&run.role, "exited", 1, S, 3 * S);
        assert_asked("release role;");
        assert_true(role_run_next_ns(&run) == 4 * S);
        role_run_tick(&run, 4 * S);
        assert_asked("start role;");
        end(&run.role, "exited", 1, S, 4 * S);
        assert_status("CyclingRole");
        assert_int_equal(run.restarts, 3);
}

static void start_that_fails_does_not_spin(void **state)
{
        refuse_start = -ENOMEM;
        role_run_configure(&run, &worker, S);
        assert_asked("prepare;start role;start role;release role;release role;");
        assert_true(role_run_next_ns(&run) == 2 * S);
}

static void return_from_run_recycles(void **state)
{
        role_run_configure(&run, &worker, S);
        start(&run.role, S);
        str_buffer_deinit(&asked);
        end(&run.role, "exited", 0, 5 * S, 6 * S);
        assert_asked("release role;stopping 306;prepare clean;start role;");
        assert_status("StartingRole");
}

static void old_unit_is_not_taken_for_a_new_one(void **state)
{
        char old[UNITS_NAME_MAX];

        role_run_configure(&run, &worker, S);
        memcpy(old, run.role.unit, sizeof(old));
        end(&run.role, "signal", 0, S, 2 * S);
        str_buffer_deinit(&asked);
        role_run_ended(&run, &(UnitEnd) {.name = old, .cause = "signal"}, 2 * S);
        assert_asked("release role;");
        assert_true(run.role.unit[0] != '\0');
}

static void ready_and_busy(void **state)
{
        worker.ready_on_start = false;
        role_run_configure(&run, &worker, S);
        worker.ready_on_start = true;
        assert_status("StartingRole");
        run.config = &(AgentConfig) {.kind = AGENT_ROLE_WORKER, .entry_point = T("x")};
        start(&run.role, S);
        assert_status("BusyRole");
        role_run_set_ready(&run, S);
        assert_status("ReadyRole");
        role_run_set_busy(&run, 9 * S, 2 * S);
        assert_status("BusyRole");
        assert_true(role_run_next_ns(&run) == 9 * S);
        role_run_tick(&run, 9 * S);
        assert_status("ReadyRole");
        role_run_set_busy(&run, ROLE_RUN_NEVER, 9 * S);
        assert_status("BusyRole");
        role_run_set_ready(&run, 9 * S);
        assert_status("ReadyRole");
}

static void hung_role_is_recycled(void **state)
{
        role_run_configure(&run, &worker, S);
        start(&run.role, S);
        str_buffer_deinit(&asked);
        role_run_progress(&run, 5 * S);
        role_run_progress(&run, 8 * S);
        role_run_tick(&run, 5 * S);
        assert_asked("");
        role_run_tick(&run, 8 * S);
        assert_asked("stopping 18;kill role 15;");
        assert_status("UnresponsiveRole");
        role_run_tick(&run, 18 * S);
        assert_asked("kill role all 9;");
        end(&run.role, "signal", 0, S, 18 * S);
        assert_asked("prepare clean;start role;release role;");
}

static void stop_waits_for_requests_then_the_role(void **state)
{
        role_run_configure(&run, &full, S);
        end(&run.tasks[0], "exited", 0, S, 2 * S);
        start(&run.role, 2 * S);
        start(&run.nginx, 2 * S);
        str_buffer_deinit(&asked);
        role_run_stop(&run, 100 * S, 10 * S);
        assert_asked("stopping 100;kill nginx 3;");
        assert_status("StoppingRole");
        end(&run.nginx, "exited", 0, S, 11 * S);
        assert_asked("release nginx;kill role 15;");
        end(&run.role, "exited", 0, S, 12 * S);
        assert_asked("release role;"); /* a foreground task holds the stop back */
        assert_status("StoppingRole");
        end(&run.tasks[2], "exited", 0, S, 13 * S);
        assert_asked("release task-2;kill task-1 all 9;release task-1;stopped;");
        assert_status("StoppingVM");
        role_run_stop(&run, 200 * S, 20 * S);
        assert_asked("stopped;");
}

static void stop_of_what_is_still_starting(void **state)
{
        role_run_configure(&run, &full, S);
        end(&run.tasks[0], "exited", 0, S, 2 * S);
        str_buffer_deinit(&asked);
        role_run_stop(&run, 100 * S, 10 * S);
        assert_asked("stopping 100;kill nginx 3;");
        start(&run.nginx, 11 * S);
        assert_asked("kill nginx 3;");
        role_run_tick(&run, 10 * S + ROLE_RUN_NGINX_STOP_NS);
        assert_asked("kill nginx all 9;kill role 15;");
        start(&run.role, 21 * S);
        assert_asked("kill role 15;");
        end(&run.nginx, "signal", 0, S, 21 * S);
        assert_asked("release nginx;");
        end(&run.role, "signal", 0, S, 22 * S);
        end(&run.tasks[2], "exited", 0, S, 22 * S);
        assert_status("StoppingVM");
        str_buffer_deinit(&asked);
}

static void stop_kills_at_its_deadline(void **state)
{
        role_run_configure(&run, &worker, S);
        start(&run.role, S);
        str_buffer_deinit(&asked);
        role_run_stop(&run, 100 * S, 10 * S);
        assert_asked("stopping 100;kill role 15;");
        role_run_tick(&run, 99 * S);
        assert_asked("");
        role_run_tick(&run, 100 * S);
        assert_asked("kill role all 9;");
        /* not even that ends it: it is taken for gone */
        role_run_tick(&run, 100 * S + ROLE_RUN_KILL_NS);
        assert_asked("kill role all 9;release role;stopped;");
}

static void disk_is_formatted_first(void **state)
{
        prepared = ROLE_PREPARE_FORMAT;
        role_run_configure(&run, &worker, S);
        assert_asked("prepare;start mkfs;");
        prepared = 0;
        end(&run.mkfs, "exited", 0, S, 2 * S);
        assert_asked("release mkfs;prepare;start role;");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(begins_in_order),
                TEST(failed_task_is_tried_again),
                TEST(crash_restarts_at_once_then_later),
                TEST(start_that_fails_does_not_spin),
                TEST(return_from_run_recycles),
                TEST(old_unit_is_not_taken_for_a_new_one),
                TEST(ready_and_busy),
                TEST(hung_role_is_recycled),
                TEST(stop_waits_for_requests_then_the_role),
                TEST(stop_of_what_is_still_starting),
                TEST(stop_kills_at_its_deadline),
                TEST(disk_is_formatted_first),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
