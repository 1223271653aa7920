/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/hostd/membership-world.h"
#include "tests/unit/loop.h"

/* systemd at the other end of a connection of its own: refuses once, then does as it is told. */
typedef struct Systemd {
        sd_bus *bus, *client;
        unsigned asked, started;
} Systemd;

static int on_start_unit(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Systemd *systemd = userdata;

        if (systemd->asked++ == 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_TIMEOUT, "polkit is being started");
        systemd->started++;
        return sd_bus_reply_method_return(message, "o", "/job/1");
}

static void systemd_init(Systemd *systemd, sd_event *event)
{
        static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("StartUnit", "ss", "o", on_start_unit, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("RestartUnit", "ss", "o", on_start_unit, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
        };
        sd_id128_t id =
                SD_ID128_MAKE(00, 11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff);
        int ends[2];

        *systemd = (Systemd) {};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        assert_true(sd_bus_new(&systemd->bus) >= 0 && sd_bus_new(&systemd->client) >= 0);
        assert_true(sd_bus_set_fd(systemd->bus, ends[0], ends[0]) >= 0);
        assert_true(sd_bus_set_server(systemd->bus, 1, id) >= 0);
        assert_true(sd_bus_set_fd(systemd->client, ends[1], ends[1]) >= 0);
        assert_true(sd_bus_start(systemd->bus) >= 0 && sd_bus_start(systemd->client) >= 0);
        assert_true(sd_bus_attach_event(systemd->bus, event, 0) >= 0);
        assert_true(sd_bus_attach_event(systemd->client, event, 0) >= 0);
        assert_true(sd_bus_add_object_vtable(systemd->bus, NULL, "/org/freedesktop/systemd1",
                                             "org.freedesktop.systemd1.Manager", vtable,
                                             systemd) >= 0);
}

static void systemd_that_does_not_start_etcd_is_asked_again(void **state)
{
        ClusterWorld *world = *state;
        Systemd systemd;
        Host host;

        systemd_init(&systemd, world->event);
        host_init(&host, world, "h7", "192.0.2.7");
        host_start(&host, world);
        membership_set_bus(host.membership, systemd.client);
        RUN_UNTIL(world->event, systemd.asked == 1);
        assert_int_equal(systemd.started, 0);
        RUN_UNTIL(world->event, systemd.started == 1);
        assert_int_equal(systemd.asked, 2);
        host_deinit(&host);
        sd_bus_flush_close_unref(systemd.client);
        sd_bus_flush_close_unref(systemd.bus);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(systemd_that_does_not_start_etcd_is_asked_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
