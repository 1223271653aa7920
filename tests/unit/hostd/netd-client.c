/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The client against a netd of the test's own, over a bus connection of a socket pair: what is
 * looked at is which calls it makes. */

#include "hostd/netd-client.h"

#include <string.h>

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "tests/unit/bus-pair.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        sd_event *event;
        BusPair bus;
        NetdClient *client;
        unsigned n_replace, n_update, n_changed;
        size_t n_endpoints, n_vips, n_gone; /* of the last call */
        bool refuses;
} Fixture;

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fixture *fixture = userdata;
        Net1State state = {};
        const char *what;
        bool update = sd_bus_message_is_method_call(message, NET1_INTERFACE, "Update");

        if (!update && !sd_bus_message_is_method_call(message, NET1_INTERFACE, "Replace"))
                return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_UNKNOWN_METHOD, "no");
        assert_int_equal((update ? net1_read_update : net1_read_state)(message, &state, &what), 0);
        fixture->n_endpoints = state.n_endpoints;
        fixture->n_vips = state.n_vips;
        fixture->n_gone = state.n_gone;
        fixture->n_replace += !update;
        fixture->n_update += update;
        net1_state_deinit(&state);
        if (fixture->refuses)
                return sd_bus_reply_method_errorf(message, "org.troupe.Error.Kernel", "not today");
        return sd_bus_reply_method_return(message, "");
}

static void on_changed(void *userdata)
{
        ((Fixture *) userdata)->n_changed++;
}

static void on_rotation(void *userdata, const char *endpoint, const char *instance,
                        bool in_rotation)
{
}

static void on_connections(void *userdata, const char *instance, uint32_t count)
{
}

static int setup(void **state)
{
        static Fixture fixture;

        fixture = (Fixture) {};
        assert_int_equal(sd_event_new(&fixture.event), 0);
        bus_pair_begin(&fixture.bus, fixture.event, on_call, &fixture);
        assert_int_equal(
                netd_client_new(fixture.event,
                                &(NetdSink) {&fixture, on_changed, on_rotation, on_connections},
                                &fixture.client),
                0);
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;

        netd_client_free(fixture->client);
        bus_pair_end(&fixture->bus);
        sd_event_unref(fixture->event);
        return 0;
}

static uint64_t declare(Fixture *fixture, const char *vip)
{
        NetPlan plan = {};

        assert_int_equal(
                ARRAY_APPEND(plan.state.vips, plan.state.n_vips, (Net1Vip) {vip, "", true, 0}), 0);
        assert_int_equal(ARRAY_APPEND(plan.state.endpoints, plan.state.n_endpoints,
                                      (Net1Endpoint) {.id = "e",
                                                      .vip = vip,
                                                      .protocol = 6,
                                                      .port = 80,
                                                      .probe.path = ""}),
                         0);
        return netd_client_declare(fixture->client, &plan);
}

static void run_until_carried_out(Fixture *fixture, uint64_t number)
{
        RUN_UNTIL(fixture->event, netd_client_carried_out(fixture->client) >= number);
}

static void the_first_is_a_replace_and_then_updates(void **state)
{
        Fixture *fixture = *state;
        uint64_t number;

        declare(fixture, "192.0.2.1");
        assert_int_equal(netd_client_set_bus(fixture->client, fixture->bus.client), 0);
        run_until_carried_out(fixture, 1);
        assert_int_equal(fixture->n_replace, 1);
        number = declare(fixture, "192.0.2.2");
        run_until_carried_out(fixture, number);
        assert_int_equal(fixture->n_replace, 1);
        assert_int_equal(fixture->n_update, 1);
        assert_int_equal(fixture->n_endpoints, 1);
        assert_int_equal(fixture->n_gone, 1);
}

static void nothing_is_said_when_nothing_changed(void **state)
{
        Fixture *fixture = *state;
        uint64_t number;

        netd_client_set_bus(fixture->client, fixture->bus.client);
        run_until_carried_out(fixture, declare(fixture, "192.0.2.1"));
        number = declare(fixture, "192.0.2.1");
        run_until_carried_out(fixture, number);
        assert_int_equal(fixture->n_replace + fixture->n_update, 1);
        run_until_carried_out(fixture, declare(fixture, "192.0.2.2"));
        assert_int_equal(fixture->n_update, 1);
}

static void declarations_in_one_go_are_one_call(void **state)
{
        Fixture *fixture = *state;
        uint64_t number = 0;

        netd_client_set_bus(fixture->client, fixture->bus.client);
        run_until_carried_out(fixture, declare(fixture, "192.0.2.1"));
        for (int i = 0; i < 50; i++)
                number = declare(fixture, i % 2 ? "192.0.2.1" : "192.0.2.2");
        run_until_carried_out(fixture, number);
        assert_true(fixture->n_update <= 2);
}

static void what_was_refused_is_tried_again_whole(void **state)
{
        Fixture *fixture = *state;
        uint64_t number;

        netd_client_set_bus(fixture->client, fixture->bus.client);
        run_until_carried_out(fixture, declare(fixture, "192.0.2.1"));
        fixture->refuses = true;
        number = declare(fixture, "192.0.2.2");
        RUN_UNTIL(fixture->event, netd_client_problem(fixture->client));
        assert_string_equal(netd_client_problem(fixture->client), "not today");
        assert_true(netd_client_carried_out(fixture->client) < number);
        fixture->refuses = false;
        run_until_carried_out(fixture, number);
        assert_int_equal(fixture->n_replace, 2);
        assert_int_equal(fixture->n_vips, 1);
        assert_int_equal(fixture->n_endpoints, 1);
        assert_null(netd_client_problem(fixture->client));
}

static void a_new_bus_means_all_anew(void **state)
{
        Fixture *fixture = *state;

        netd_client_set_bus(fixture->client, fixture->bus.client);
        run_until_carried_out(fixture, declare(fixture, "192.0.2.1"));
        netd_client_set_bus(fixture->client, NULL);
        netd_client_set_bus(fixture->client, fixture->bus.client);
        for (int i = 0; i < 100 && fixture->n_replace < 2; i++)
                assert_true(sd_event_run(fixture->event, 50000) >= 0);
        assert_int_equal(fixture->n_replace, 2);
        assert_int_equal(fixture->n_endpoints, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_first_is_a_replace_and_then_updates, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(nothing_is_said_when_nothing_changed, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(declarations_in_one_go_are_one_call, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_was_refused_is_tried_again_whole, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_new_bus_means_all_anew, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
