/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/role-log.h"

#include <string.h>
#include <unistd.h>

#include "tests/unit/test.h"

/* The worker's only thread waits for the end of the pipe: so what is dropped does not depend on how
 * fast it is. */
static int held[2];

static int hold_run(WorkerJob *job)
{
        char byte;

        return read(held[0], &byte, 1) == 0 ? 0 : -EIO;
}

static void hold_done(WorkerJob *job, int result)
{
}

static WorkerJob hold = {.run = hold_run, .done = hold_done};

/* A flood of one guest must neither hold up the loop nor grow hostd; what reaches the journal is
 * tests/rack's to look at, as there may be no journal where this runs. */
static void a_flood_costs_bounded_memory(void **state)
{
        static char text[AGENT_LOG_TEXT_BYTES_MAX];
        const InstanceId id = {.deployment = "d00000001", .role = "web"};
        AgentMessage message = {.type = AGENT_LOG, .log.text = text};
        sd_event *event;
        Worker *worker;
        RoleLog *log;

        memset(text, 'x', sizeof(text) - 1);
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(worker_new(event, 1, &worker), 0);
        assert_int_equal(role_log_new(worker, &log), 0);
        assert_int_equal(pipe(held), 0);
        worker_submit(worker, &hold);
        for (int i = 0; i < 100000; i++)
                role_log_message(log, "shop", &id, &message);
        assert_true(role_log_dropped(log, &id) > 99000);
        role_log_forget(log, &id);
        assert_int_equal(role_log_dropped(log, &id), 0);
        close(held[1]);
        worker_free(worker);
        role_log_free(log);
        sd_event_unref(event);
        close(held[0]);
}

static void one_guests_flood_leaves_room_for_another(void **state)
{
        static char text[AGENT_LOG_TEXT_BYTES_MAX];
        const InstanceId loud = {.deployment = "d00000001", .role = "web"};
        const InstanceId quiet = {.deployment = "d00000001", .role = "web", .number = 1};
        AgentMessage message = {.type = AGENT_LOG, .log.text = text};
        sd_event *event;
        Worker *worker;
        RoleLog *log;

        memset(text, 'x', sizeof(text) - 1);
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(worker_new(event, 1, &worker), 0);
        assert_int_equal(role_log_new(worker, &log), 0);
        for (int i = 0; i < 1000; i++)
                role_log_message(log, "shop", &loud, &message);
        role_log_message(log, "shop", &quiet, &message);
        assert_int_equal(role_log_dropped(log, &quiet), 0);
        worker_free(worker);
        role_log_free(log);
        sd_event_unref(event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_flood_costs_bounded_memory),
                cmocka_unit_test(one_guests_flood_leaves_room_for_another),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
