/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Named errors; and polkit asked on a private bus, for a caller who is nobody. The authority there
 * is the test's own and says what the test wants. */

#include "lib/io/bus.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/loop.h"
#include "tests/unit/private-bus.h"
#include "tests/unit/test.h"

#define NOBODY 65534

static const char config[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\" "
        "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
        "<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
        "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
        "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>";

static void test_errors(void **state)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        assert_true(bus_error(&error, "NoSuchHost", "there is no host \"%s\"", "h9") < 0);
        assert_string_equal(error.name, "org.troupe.Error.NoSuchHost");
        assert_string_equal(error.message, "there is no host \"h9\"");
        sd_bus_error_free(&error);
        assert_int_equal(bus_error_invalid(&error, "%d", 7), -EINVAL);
        assert_string_equal(error.name, SD_BUS_ERROR_INVALID_ARGS);
}

typedef struct World {
        char dir[32], address[64];
        pid_t daemon;
        sd_event *event;
        sd_bus *authority, *service, *root, *nobody;
        BusPolkit *polkit;
        bool authorized, challenge;
        unsigned asked, done, answered;
        char error[128];
} World;

static int on_check(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        World *world = userdata;

        world->asked++;
        return sd_bus_reply_method_return(message, "(bba{ss})", world->authorized, world->challenge,
                                          0);
}

static int on_do(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        World *world = userdata;
        const char *text;
        int r;

        r = bus_polkit_check(world->polkit, message, "org.troupe.test", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "s", &text); /* from its start, also the second time */
        if (r < 0)
                return r;
        assert_string_equal(text, "hello");
        world->done++;
        return sd_bus_reply_method_return(message, "");
}

static const sd_bus_vtable authority_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", on_check,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable service_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Do", "s", "", on_do, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static sd_bus *open_bus(World *world, const char *name)
{
        sd_bus *bus;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, world->address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        if (name)
                assert_true(sd_bus_request_name(bus, name, 0) >= 0);
        else
                assert_true(sd_bus_flush(bus) >= 0);
        assert_true(sd_bus_attach_event(bus, world->event, 0) >= 0);
        return bus;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
        World *world = userdata;

        world->answered++;
        snprintf(world->error, sizeof(world->error), "%s",
                 sd_bus_message_is_method_error(reply, NULL) ? sd_bus_message_get_error(reply)->name
                                                             : "");
        return 0;
}

static void call(World *world, sd_bus *caller)
{
        world->answered = world->done = world->asked = 0;
        assert_true(sd_bus_call_method_async(caller, NULL, "org.troupe.test", "/",
                                             "org.troupe.Test", "Do", on_reply, world, "s",
                                             "hello") >= 0);
        RUN_UNTIL(world->event, world->answered > 0);
}

static void test_polkit(void **state)
{
        World *world = *state;

        call(world, world->root); /* root is never asked about */
        assert_int_equal(world->asked, 0);
        assert_int_equal(world->done, 1);
        world->authorized = true;
        call(world, world->nobody);
        assert_int_equal(world->asked, 1);
        assert_int_equal(world->done, 1);
        assert_string_equal(world->error, "");
        world->authorized = false;
        call(world, world->nobody);
        assert_int_equal(world->done, 0);
        assert_string_equal(world->error, SD_BUS_ERROR_ACCESS_DENIED);
        world->challenge = true;
        call(world, world->nobody);
        assert_string_equal(world->error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
        /* nobody there to ask: no */
        sd_bus_detach_event(world->authority);
        world->authority = sd_bus_flush_close_unref(world->authority);
        call(world, world->nobody);
        assert_int_equal(world->done, 0);
        assert_string_equal(world->error, SD_BUS_ERROR_ACCESS_DENIED);
}

static void start_daemon(World *world)
{
        _cleanup_free_ char *text = str_printf(config, world->dir);
        _cleanup_free_ char *path = str_printf("%s/conf", world->dir);
        _cleanup_free_ char *argument = str_printf("--config-file=%s", path);
        _cleanup_free_ char *socket = str_printf("%s/bus", world->dir);
        uint64_t give_up_ns = clock_boottime_ns() + 20 * NSEC_PER_SEC;

        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644), 0);
        world->daemon = fork();
        if (world->daemon == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                execlp("dbus-daemon", "dbus-daemon", argument, "--nofork", "--nopidfile", NULL);
                _exit(127);
        }
        while (!private_bus_listens(socket)) { /* it is there a moment before it listens */
                assert_true(clock_boottime_ns() < give_up_ns);
                usleep(10000);
        }
}

static int set_up(void **state)
{
        World *world = calloc(1, sizeof(*world));

        *state = world;
        strcpy(world->dir, "/tmp/troupe-polkit-XXXXXX");
        assert_non_null(mkdtemp(world->dir));
        assert_int_equal(chmod(world->dir, 0755), 0);
        snprintf(world->address, sizeof(world->address), "unix:path=%s/bus", world->dir);
        start_daemon(world);
        assert_int_equal(sd_event_new(&world->event), 0);
        world->polkit = bus_polkit_new();
        world->authority = open_bus(world, "org.freedesktop.PolicyKit1");
        assert_true(sd_bus_add_object_vtable(
                            world->authority, NULL, "/org/freedesktop/PolicyKit1/Authority",
                            "org.freedesktop.PolicyKit1.Authority", authority_vtable, world) >= 0);
        world->service = open_bus(world, "org.troupe.test");
        assert_true(sd_bus_add_object_vtable(world->service, NULL, "/", "org.troupe.Test",
                                             service_vtable, world) >= 0);
        world->root = open_bus(world, NULL);
        assert_int_equal(seteuid(NOBODY), 0);
        world->nobody = open_bus(world, NULL);
        return seteuid(0);
}

static int tear_down(void **state)
{
        World *world = *state;
        _cleanup_free_ char *command = str_printf("rm -rf %s", world->dir);
        sd_bus *buses[] = {world->authority, world->service, world->root, world->nobody};

        bus_polkit_free(world->polkit);
        for (size_t i = 0; i < ARRAY_SIZE(buses); i++) {
                if (buses[i])
                        sd_bus_detach_event(buses[i]);
                sd_bus_flush_close_unref(buses[i]);
        }
        sd_event_unref(world->event);
        kill(world->daemon, SIGKILL);
        waitpid(world->daemon, NULL, 0);
        free(world);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_errors),
                cmocka_unit_test_setup_teardown(test_polkit, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
