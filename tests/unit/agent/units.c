/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/units.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

/* The other end of the private socket: takes calls as systemd does and says what the test wants. */
static sd_bus *systemd;
static char called[1024], sunk[1024];
static const char *bus_is; /* how dbus.service is */

static void note(char *to, const char *text)
{
        strncat(to, text, 1023 - strlen(to));
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *member = sd_bus_message_get_member(m), *name = "";

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        assert_true(sd_bus_message_read(m, "s", &name) > 0);
        note(called, member);
        note(called, " ");
        note(called, name);
        note(called, ";");
        if (str_equal(name, UNITS_PREFIX "bad-1.service"))
                return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.BadUnitSetting",
                                                  "no such thing");
        if (str_equal(member, "GetAll"))
                return sd_bus_reply_method_return(m, "a{sv}", 1, "ActiveState", "s", bus_is);
        if (str_equal(member, "StartTransientUnit"))
                return sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/job/1");
        return sd_bus_reply_method_return(m, NULL);
}

static void on_started(void *userdata, const char *name)
{
        note(sunk, "started ");
        note(sunk, name);
        note(sunk, ";");
}

static void on_ended(void *userdata, const UnitEnd *end)
{
        char text[256];

        snprintf(text, sizeof(text), "ended %s %s %u %u %llu;", end->name, end->cause, end->code,
                 end->signal, (unsigned long long) (end->ran_ns / NSEC_PER_SEC));
        note(sunk, text);
}

static void run_all(sd_event *event)
{
        while (sd_event_run(event, 100000) > 0)
                ;
}

static void change(const char *path, const char *active, const char *sub, const char *result,
                   int32_t code, int32_t status)
{
        assert_true(sd_bus_emit_signal(systemd, path, "org.freedesktop.DBus.Properties",
                                       "PropertiesChanged", "sa{sv}as",
                                       "org.freedesktop.systemd1.Service", 6, "Result", "s", result,
                                       "ExecMainCode", "i", code, "ExecMainStatus", "i", status,
                                       "ExecMainStartTimestampMonotonic", "t", UINT64_C(1000000),
                                       "ExecMainExitTimestampMonotonic", "t", UINT64_C(4000000),
                                       "StatusText", "s", "x", 0) >= 0);
        assert_true(sd_bus_emit_signal(systemd, path, "org.freedesktop.DBus.Properties",
                                       "PropertiesChanged", "sa{sv}as",
                                       "org.freedesktop.systemd1.Unit", 2, "ActiveState", "s",
                                       active, "SubState", "s", sub, 1, "Documentation") >= 0);
}

static sd_event *event;
static Units *units;
static int listener;
static char directory[] = "/tmp/troupe-units-XXXXXX", address[64];

static int setup(void **state)
{
        UnitsSink sink = {.started = on_started, .ended = on_ended};
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        sd_id128_t id =
                SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12, 13, 14, 15, 16);
        char with_prefix[128];
        int fd;

        called[0] = sunk[0] = '\0';
        strcpy(directory + strlen(directory) - 6, "XXXXXX");
        assert_non_null(mkdtemp(directory));
        snprintf(address, sizeof(address), "%s/private", directory);
        snprintf(name.sun_path, sizeof(name.sun_path), "%s", address);
        snprintf(with_prefix, sizeof(with_prefix), "unix:path=%s", address);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listener, (struct sockaddr *) &name, sizeof(name)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(units_new(event, with_prefix, &sink, &units), 0);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(fd >= 0);
        assert_true(sd_bus_new(&systemd) >= 0);
        assert_true(sd_bus_set_fd(systemd, fd, fd) >= 0);
        assert_true(sd_bus_set_server(systemd, true, id) >= 0);
        assert_true(sd_bus_set_anonymous(systemd, true) >= 0);
        assert_true(sd_bus_negotiate_fds(systemd, true) >= 0);
        assert_true(sd_bus_start(systemd) >= 0);
        assert_true(sd_bus_add_filter(systemd, NULL, on_call, NULL) >= 0);
        assert_true(sd_bus_attach_event(systemd, event, 0) >= 0);
        run_all(event);
        return 0;
}

static int teardown(void **state)
{
        units = units_free(units);
        systemd = sd_bus_close_unref(systemd);
        event = sd_event_unref(event);
        close(listener);
        unlink(address);
        return rmdir(directory);
}

static void start(const char *name)
{
        UnitSpec spec = {.name = name,
                         .description = "d",
                         .arguments = {"/bin/sh", "-c", "true"},
                         .user = "nobody",
                         .environment = (char *[]) {strdup("A=b"), NULL},
                         .out_fd = 1,
                         .err_fd = 2,
                         .memory_max = 1,
                         .tasks_max = 1};

        assert_int_equal(units_start(units, &spec), 0);
        free(spec.environment[0]);
        run_all(event);
}

#define ROLE      UNITS_PREFIX "role-1.service"
#define ROLE_PATH "/org/freedesktop/systemd1/unit/troupe_2drun_2drole_2d1_2eservice"

static void life_of_a_unit(void **state)
{
        start(ROLE);
        assert_string_equal(called, "StartTransientUnit " ROLE ";");
        change(ROLE_PATH, "inactive", "dead", "success", 0, 0); /* how a fresh one looks */
        change(ROLE_PATH, "active", "running", "success", 0, 0);
        run_all(event);
        assert_string_equal(sunk, "started " ROLE ";");
        change(ROLE_PATH, "failed", "failed", "signal", CLD_KILLED, 9);
        change(ROLE_PATH, "failed", "failed", "signal", CLD_KILLED, 9);
        run_all(event);
        assert_string_equal(sunk, "started " ROLE ";ended " ROLE " signal 0 9 3;");
        called[0] = '\0';
        units_release(units, ROLE);
        run_all(event);
        assert_string_equal(called, "ResetFailedUnit " ROLE ";");
}

static void exit_code_and_causes(void **state)
{
        static const struct {
                const char *active, *sub, *result;
                int32_t code, status;
                const char *said;
        } ends[] = {
                {"active", "exited", "success", CLD_EXITED, 0, " exited 0 0 3;"},
                {"failed", "failed", "exit-code", CLD_EXITED, 7, " exited 7 0 3;"},
                {"failed", "failed", "oom-kill", CLD_KILLED, 9, " oom 0 9 3;"},
                {"failed", "failed", "timeout", CLD_KILLED, 9, " timeout 0 9 3;"},
                {"failed", "failed", "resources", 0, 0, " start 0 0 3;"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                start(ROLE);
                sunk[0] = '\0';
                change(ROLE_PATH, "activating", "start", "success", 0, 0);
                change(ROLE_PATH, ends[i].active, ends[i].sub, ends[i].result, ends[i].code,
                       ends[i].status);
                run_all(event);
                assert_true(str_ends_with(sunk, ends[i].said));
                units_release(units, ROLE);
                run_all(event);
        }
}

static void refused_start_is_an_end(void **state)
{
        start(UNITS_PREFIX "bad-1.service");
        assert_string_equal(sunk, "ended " UNITS_PREFIX "bad-1.service start 0 0 0;");
}

static void units_of_others_are_not_ours(void **state)
{
        change("/org/freedesktop/systemd1/unit/dbus_2eservice", "failed", "failed", "signal",
               CLD_KILLED, 9);
        run_all(event);
        assert_string_equal(sunk, "");
}

static void on_active(void *userdata)
{
        note(sunk, "active;");
}

static void one_of_others_can_be_watched(void **state)
{
        static const char path[] = "/org/freedesktop/systemd1/unit/dbus_2eservice";

        bus_is = "inactive";
        assert_int_equal(units_watch(units, "dbus.service", on_active, NULL), 0);
        run_all(event);
        assert_string_equal(sunk, "");
        change(path, "activating", "start", "success", 0, 0);
        run_all(event);
        assert_string_equal(sunk, "");
        change(path, "active", "running", "success", 0, 0);
        change(path, "active", "running", "success", 0, 0);
        run_all(event);
        assert_string_equal(sunk, "active;");
        change(path, "failed", "failed", "signal", CLD_KILLED, 9);
        change(path, "active", "running", "success", 0, 0);
        run_all(event);
        assert_string_equal(sunk, "active;active;");
}

static void what_is_watched_may_be_there_already(void **state)
{
        bus_is = "active";
        assert_int_equal(units_watch(units, "dbus.service", on_active, NULL), 0);
        run_all(event);
        assert_string_equal(sunk, "active;");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(life_of_a_unit),
                TEST(exit_code_and_causes),
                TEST(refused_start_is_an_end),
                TEST(units_of_others_are_not_ours),
                TEST(one_of_others_can_be_watched),
                TEST(what_is_watched_may_be_there_already),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
