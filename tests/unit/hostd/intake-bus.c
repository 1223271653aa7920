/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods that bring files, refused before a file is read. */

#include "tests/unit/hostd/bus-world.h"

static char error[256];
static bool answered;

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
        answered = true;
        snprintf(error, sizeof(error), "%s",
                 sd_bus_message_is_method_error(reply, NULL) ? sd_bus_message_get_error(reply)->name
                                                             : "");
        return 0;
}

static void deploy(BusWorld *world, sd_bus *bus, const char *service, const char *slot,
                   uint64_t flags)
{
        answered = false;
        assert_true(sd_bus_call_method_async(bus, NULL, HOST1_NAME, HOST1_PATH,
                                             HOST1_NAME ".Manager", "Deploy", on_reply, NULL,
                                             "sshhst", service, slot, STDERR_FILENO, STDERR_FILENO,
                                             "", flags) >= 0);
        RUN_UNTIL(world->event, answered);
}

static void test_refusals(void **state)
{
        BusWorld *world = *state;
        sd_bus *bus;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, world->bus.address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, true) >= 0);
        assert_true(sd_bus_negotiate_fds(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        assert_true(sd_bus_attach_event(bus, world->event, 0) >= 0);
        bus_world_write_service(world);
        deploy(world, bus, "1x", "production", 0);
        assert_string_equal(error, SD_BUS_ERROR_INVALID_ARGS);
        deploy(world, bus, "x", "attic", 0);
        assert_string_equal(error, SD_BUS_ERROR_INVALID_ARGS);
        deploy(world, bus, "x", "staging", 7);
        assert_string_equal(error, SD_BUS_ERROR_INVALID_ARGS);
        deploy(world, bus, "x", "staging", 0); /* nobody leads */
        assert_string_equal(error, "org.troupe.Error.Unavailable");
        answered = false;
        assert_true(sd_bus_call_method_async(bus, NULL, HOST1_NAME, HOST1_PATH,
                                             HOST1_NAME ".Manager", "Configure", on_reply, NULL,
                                             "ssh", "shop", "staging", STDERR_FILENO) >= 0);
        RUN_UNTIL(world->event, answered);
        assert_string_equal(error, "org.troupe.Error.NoSuchDeployment");
        assert_int_equal(world->host1->n_intakes, 0);
        sd_bus_detach_event(bus);
        sd_bus_close_unref(bus);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
