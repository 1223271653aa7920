/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects come, change and go; the connection comes back. */

#include "tests/unit/hostd/bus-world.h"

static void test_paths(void **state)
{
        _cleanup_free_ char *id = NULL;
        Host1Path path;

        host1_object_path(HOST1_INSTANCE, "d1/web_IN_0", path);
        assert_string_equal(path, "/org/troupe/Host1/instance/d1_2fweb_5fIN_5f0");
        id = host1_object_id(HOST1_INSTANCE, path);
        assert_string_equal(id, "d1/web_IN_0");
        assert_null(host1_object_id(HOST1_SERVICE, path));
        assert_string_equal(host1_object_path(HOST1_SERVICE, "", path), "/");
}

static unsigned n_signals[3];

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        static const char *const names[] = {"InterfacesAdded", "PropertiesChanged",
                                            "InterfacesRemoved"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                n_signals[i] += str_equal(sd_bus_message_get_member(message), names[i]);
        return 0;
}

static void test_signals(void **state)
{
        BusWorld *world = *state;
        RecordKey key = {.type = RECORD_SERVICE, .name = "shop"};
        sd_bus *bus;
        Record record;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, world->bus.address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        assert_true(sd_bus_add_match(bus, NULL, "sender='org.troupe.Host1'", on_signal, NULL) >= 0);
        assert_true(sd_bus_attach_event(bus, world->event, 0) >= 0);
        record_init(&record, RECORD_SERVICE);
        strcpy(record.service.name, "shop");
        bus_world_write(world, &record);
        RUN_UNTIL(world->event, n_signals[0] == 1);
        ip_parse("198.18.100.7", &record.service.slots[SLOT_STAGING].vip);
        bus_world_write(world, &record);
        RUN_UNTIL(world->event, n_signals[1] >= 1);
        outbox_delete(world->outbox, &key);
        RUN_UNTIL(world->event, n_signals[2] == 1);
        sd_bus_detach_event(bus);
        sd_bus_close_unref(bus);
}

static void test_bus_restarts(void **state)
{
        BusWorld *world = *state;
        _cleanup_free_ char *path = str_printf("%s/bus", world->dir);

        bus_world_write_service(world);
        bus_world_expect(world, BUS_CALL "ListServices", "shop");
        kill(world->bus.pid, SIGKILL);
        waitpid(world->bus.pid, NULL, 0);
        assert_int_equal(unlink(path), 0);
        RUN_UNTIL(world->event, !world->host1->bus || sd_bus_is_open(world->host1->bus) <= 0);
        private_bus_start(&world->bus, world->dir);
        RUN_UNTIL(world->event, world->host1->bus && sd_bus_is_ready(world->host1->bus) > 0);
        bus_world_expect(world, BUS_CALL "ListServices", "shop");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_paths),
                BUS_TEST(test_signals),
                BUS_TEST(test_bus_restarts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
