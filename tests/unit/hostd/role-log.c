/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/role-log.h"

#include <string.h>

#include "lib/base/clock.h"
#include "tests/unit/test.h"

#define MESSAGE_BYTES (AGENT_LOG_TEXT_BYTES_MAX - 1 + 256)

/* How many of so many messages were taken: each that was not is counted, until one is. */
static unsigned flood(RoleLog *log, const InstanceId *id, const AgentMessage *message, unsigned n)
{
        unsigned n_taken = 0;

        for (unsigned i = 0; i < n; i++) {
                uint64_t before = role_log_dropped(log, id);

                role_log_message(log, "shop", id, message);
                n_taken += role_log_dropped(log, id) != before + 1;
        }
        return n_taken;
}

/* A flood of one guest must neither hold up the loop nor grow hostd; what reaches the journal is
 * tests/rack's to look at, as there may be no journal where this runs. */
static void a_flood_costs_bounded_memory(void **state)
{
        static char text[AGENT_LOG_TEXT_BYTES_MAX];
        const InstanceId id = {.deployment = "d00000001", .role = "web"};
        AgentMessage message = {.type = AGENT_LOG, .log.text = text};
        uint64_t began_ns, bytes;
        sd_event *event;
        Worker *worker;
        RoleLog *log;

        memset(text, 'x', sizeof(text) - 1);
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(worker_new(event, 1, &worker), 0);
        assert_int_equal(role_log_new(worker, &log), 0);
        began_ns = clock_boottime_ns();
        bytes = (uint64_t) flood(log, &id, &message, 100000) * MESSAGE_BYTES;
        assert_true(bytes > ROLE_LOG_BYTES_BURST / 2);
        assert_true(bytes <= ROLE_LOG_BYTES_BURST + MESSAGE_BYTES +
                                     (clock_boottime_ns() - began_ns) / NSEC_PER_MSEC *
                                             ROLE_LOG_BYTES_PER_S / 1000);
        role_log_forget(log, &id);
        assert_int_equal(role_log_dropped(log, &id), 0);
        worker_free(worker);
        role_log_free(log);
        sd_event_unref(event);
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
