/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Transient units. systemd sends PropertiesChanged of a unit's type (Service) before that of the
 * unit itself, so that all that belongs to a change is known when the unit's ActiveState comes. On
 * a private connection every such signal is sent, without a subscription.
 *
 * A unit has RemainAfterExit: after its end it is "active (exited)" or "failed" and keeps how it
 * ended.
 *
 * Source: org.freedesktop.systemd1(5); systemd, src/core/dbus-unit.c, bus_unit_send_change_signal()
 */

#include "agent/units.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

#define MANAGER_PATH      "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE    "org.freedesktop.systemd1.Unit"
#define SERVICE_INTERFACE "org.freedesktop.systemd1.Service"
#define UNIT_PATHS        "/org/freedesktop/systemd1/unit"
#define DESTINATION       "org.freedesktop.systemd1"

/* CAP_NET_BIND_SERVICE: a role may listen on the ports below 1024 that its definition names. */
#define CAPABILITY_BIND (UINT64_C(1) << 10)
#define OPEN_FILES_MAX  UINT64_C(65536)

/* What is known of a unit that has been started and not been released. */
typedef struct Unit {
        bool begun; /* a fresh unit is "inactive", as one is that somebody has stopped */
        bool started, ended;
        char *active, *sub, *result;
        int32_t code, status; /* of its main process: CLD_ code, and exit code or signal */
        uint64_t start_us, exit_us;
} Unit;

/* A unit that others start. */
typedef struct Watch {
        char *name;
        Unit unit;
        void (*active)(void *userdata);
        void *userdata;
} Watch;

struct Units {
        sd_bus *bus;
        sd_bus_slot *changes;
        UnitsSink sink;
        Map by_name; /* of Unit */
        Watch watch;
};

static void unit_deinit(Unit *unit)
{
        free(unit->active);
        free(unit->sub);
        free(unit->result);
        *unit = (Unit) {};
}

static void unit_free(void *object)
{
        if (!object)
                return;
        unit_deinit(object);
        free(object);
}

static Unit *unit_known(Units *units, const char *name)
{
        Unit *unit = map_get(&units->by_name, name);

        if (unit)
                return unit;
        unit = calloc(1, sizeof(*unit));
        if (unit && map_put(&units->by_name, name, unit) < 0) {
                free(unit);
                return NULL;
        }
        return unit;
}

/* ---- how a unit is */

static const char *unit_cause(const Unit *unit)
{
        if (str_equal(unit->result, "oom-kill"))
                return "oom";
        if (str_equal(unit->result, "timeout") || str_equal(unit->result, "watchdog"))
                return "timeout";
        if (str_equal(unit->result, "resources") || unit->code == 0)
                return "start";
        return unit->code == CLD_EXITED ? "exited" : "signal";
}

/* Says what has become of the unit, each once. */
static void unit_judge(Units *units, const char *name, Unit *unit)
{
        bool failed = str_equal(unit->active, "failed") ||
                      (unit->begun && str_equal(unit->active, "inactive"));
        bool exited = str_equal(unit->active, "active") && str_equal(unit->sub, "exited");
        UnitEnd end;

        if (str_equal(unit->active, "activating") || str_equal(unit->active, "active"))
                unit->begun = true;
        if (!unit->started && str_equal(unit->active, "active")) {
                unit->started = true;
                units->sink.started(units->sink.userdata, name);
        }
        if ((!failed && !exited) || unit->ended)
                return;
        unit->ended = true;
        end = (UnitEnd) {
                .name = name,
                .cause = unit_cause(unit),
                .code = unit->code == CLD_EXITED ? (unsigned) unit->status : 0,
                .signal = unit->code != CLD_EXITED ? (unsigned) unit->status : 0,
                .ran_ns = unit->exit_us > unit->start_us ? (unit->exit_us - unit->start_us) * 1000
                                                         : 0,
        };
        units->sink.ended(units->sink.userdata, &end);
}

static int read_property(sd_bus_message *m, const char *property, Unit *unit)
{
        char **text = str_equal(property, "ActiveState") ? &unit->active
                      : str_equal(property, "SubState")  ? &unit->sub
                      : str_equal(property, "Result")    ? &unit->result
                                                         : NULL;
        int32_t *number = str_equal(property, "ExecMainCode")     ? &unit->code
                          : str_equal(property, "ExecMainStatus") ? &unit->status
                                                                  : NULL;
        uint64_t *time = str_equal(property, "ExecMainStartTimestampMonotonic")  ? &unit->start_us
                         : str_equal(property, "ExecMainExitTimestampMonotonic") ? &unit->exit_us
                                                                                 : NULL;
        const char *value;
        int r;

        if (text) {
                r = sd_bus_message_read(m, "v", "s", &value);
                return r < 0 ? r : str_set(text, value);
        }
        if (number)
                return sd_bus_message_read(m, "v", "i", number);
        if (time)
                return sd_bus_message_read(m, "v", "t", time);
        return sd_bus_message_skip(m, "v");
}

/* Reads an a{sv} of properties. */
static int read_properties(sd_bus_message *m, Unit *unit)
{
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *property;

                r = sd_bus_message_read(m, "s", &property);
                if (r >= 0)
                        r = read_property(m, property, unit);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static void watch_judge(Watch *watch)
{
        bool active = str_equal(watch->unit.active, "active");

        if (active && !watch->unit.started)
                watch->active(watch->userdata);
        watch->unit.started = active;
}

static int on_change(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Units *units = userdata;
        _cleanup_free_ char *name = NULL;
        const char *interface;
        bool watched;
        Unit *unit;
        int r;

        if (sd_bus_path_decode(sd_bus_message_get_path(m), UNIT_PATHS, &name) <= 0)
                return 0;
        watched = str_equal(name, units->watch.name);
        unit = watched ? &units->watch.unit : map_get(&units->by_name, name);
        if (!unit)
                return 0;
        r = sd_bus_message_read(m, "s", &interface);
        if (r >= 0)
                r = read_properties(m, unit);
        if (r < 0)
                return log_error_errno(r, "cannot read a change of %s", name);
        if (str_equal(interface, UNIT_INTERFACE) && watched)
                watch_judge(&units->watch);
        else if (str_equal(interface, UNIT_INTERFACE))
                unit_judge(units, name, unit);
        return 0;
}

/* ---- connection */

int units_new(sd_event *event, const char *address, const UnitsSink *sink, Units **ret_units)
{
        _cleanup_(units_freep) Units *units = calloc(1, sizeof(*units));
        int r;

        if (!units)
                return -ENOMEM;
        units->sink = *sink;
        units->by_name.value_free = unit_free;
        r = sd_bus_new(&units->bus);
        if (r >= 0)
                r = sd_bus_set_address(units->bus, address);
        if (r >= 0)
                r = sd_bus_negotiate_fds(units->bus, true);
        if (r >= 0)
                r = sd_bus_start(units->bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(units->bus, true);
        if (r >= 0)
                r = sd_bus_attach_event(units->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal(units->bus, &units->changes, NULL, NULL,
                                        "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                        on_change, units);
        if (r < 0)
                return r;
        *ret_units = TAKE_PTR(units);
        return 0;
}

Units *units_free(Units *units)
{
        if (!units)
                return NULL;
        sd_bus_slot_unref(units->changes);
        sd_bus_flush_close_unref(units->bus);
        map_deinit(&units->by_name);
        unit_deinit(&units->watch.unit);
        free(units->watch.name);
        free(units);
        return NULL;
}

/* ---- adoption */

static int read_unit(Units *units, const char *name, Unit *unit)
{
        static const char *const interfaces[] = {SERVICE_INTERFACE, UNIT_INTERFACE};
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode(UNIT_PATHS, name, &path);
        for (size_t i = 0; i < ARRAY_SIZE(interfaces) && r >= 0; i++) {
                sd_bus_message *reply = NULL;

                r = sd_bus_call_method(units->bus, DESTINATION, path,
                                       "org.freedesktop.DBus.Properties", "GetAll", NULL, &reply,
                                       "s", interfaces[i]);
                if (r >= 0)
                        r = read_properties(reply, unit);
                sd_bus_message_unref(reply);
        }
        return r < 0 ? r : 0;
}

static int on_watched(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Watch *watch = userdata;

        if (sd_bus_message_is_method_error(m, NULL) || read_properties(m, &watch->unit) < 0)
                log_error("cannot read how %s is", watch->name);
        else
                watch_judge(watch);
        return 0;
}

int units_watch(Units *units, const char *name, void (*active)(void *userdata), void *userdata)
{
        _cleanup_free_ char *path = NULL;
        Watch *watch = &units->watch;
        int r;

        assert(!watch->name);
        watch->active = active;
        watch->userdata = userdata;
        r = str_set(&watch->name, name);
        if (r == 0)
                r = sd_bus_path_encode(UNIT_PATHS, name, &path);
        if (r >= 0)
                r = sd_bus_call_method_async(units->bus, NULL, DESTINATION, path,
                                             "org.freedesktop.DBus.Properties", "GetAll",
                                             on_watched, watch, "s", UNIT_INTERFACE);
        return r < 0 ? r : 0;
}

/* Adds the names of a reply of ListUnitsByPatterns, which is a(ssssssouso). */
static int read_list(Units *units, sd_bus_message *reply)
{
        int r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");

        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "ssssssouso")) > 0) {
                const char *name;

                r = sd_bus_message_read(reply, "s", &name);
                if (r >= 0 && !unit_known(units, name))
                        r = -ENOMEM;
                if (r >= 0)
                        r = sd_bus_message_skip(reply, "sssssouso");
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r < 0 ? r : 0;
}

/* The sink starts and releases units, so the map is not walked while it is called. */
static int adopt_all(Units *units, char **names, size_t n,
                     void (*found)(void *userdata, const char *name), void *userdata)
{
        for (size_t i = 0; i < n; i++) {
                Unit *unit = map_get(&units->by_name, names[i]);
                int r = read_unit(units, names[i], unit);

                if (r < 0)
                        return r;
                unit->begun = unit->started = true;
                found(userdata, names[i]);
        }
        for (size_t i = 0; i < n; i++) {
                Unit *unit = map_get(&units->by_name, names[i]);

                if (unit)
                        unit_judge(units, names[i], unit);
        }
        return 0;
}

static int adopt_known(Units *units, void (*found)(void *userdata, const char *name),
                       void *userdata)
{
        char **names = calloc(map_size(&units->by_name) + 1, sizeof(*names));
        size_t n = 0;
        int r = 0;

        if (!names)
                return -ENOMEM;
        MAP_FOREACH (entry, &units->by_name) {
                names[n] = strdup(entry->key);
                r = names[n] ? r : -ENOMEM;
                n++;
        }
        if (r == 0)
                r = adopt_all(units, names, n, found, userdata);
        while (n > 0)
                free(names[--n]);
        free(names);
        return r;
}

int units_adopt(Units *units, void (*found)(void *userdata, const char *name), void *userdata)
{
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(units->bus, DESTINATION, MANAGER_PATH, MANAGER_INTERFACE,
                               "ListUnitsByPatterns", NULL, &reply, "asas", 0, 1,
                               UNITS_PREFIX "*.service");
        if (r >= 0)
                r = read_list(units, reply);
        sd_bus_message_unref(reply);
        if (r < 0)
                return r;
        return adopt_known(units, found, userdata);
}

/* ---- start, signals, release */

static int append_command(sd_bus_message *m, const UnitSpec *spec)
{
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "ExecStart");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", spec->arguments[0]);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) (uintptr_t) spec->arguments);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", false);
        for (unsigned i = 0; i < 4 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_environment(sd_bus_message *m, char **environment)
{
        int r;

        if (!environment || !environment[0])
                return 0;
        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "Environment");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, environment);
        for (unsigned i = 0; i < 2 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_limits(sd_bus_message *m, const UnitSpec *spec)
{
        int r = 0;

        if (spec->user)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "User", "s", spec->user,
                                          "NoNewPrivileges", "b", true, "AmbientCapabilities", "t",
                                          CAPABILITY_BIND, "CapabilityBoundingSet", "t",
                                          CAPABILITY_BIND);
        if (r >= 0 && spec->memory_max > 0)
                r = sd_bus_message_append(m, "(sv)", "MemoryMax", "t", spec->memory_max);
        if (r >= 0 && spec->tasks_max > 0)
                r = sd_bus_message_append(m, "(sv)", "TasksMax", "t", spec->tasks_max);
        return r;
}

static int append_properties(sd_bus_message *m, const UnitSpec *spec)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(
                        m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "Description", "s",
                        spec->description, "Type", "s", spec->pid_file ? "forking" : "exec",
                        "RemainAfterExit", "b", true, "DefaultDependencies", "b", false, "KillMode",
                        "s", "mixed", "TimeoutStopUSec", "t", UINT64_C(10000000),
                        "WorkingDirectory", "s", spec->directory ?: "/", "LimitNOFILE", "t",
                        OPEN_FILES_MAX, "StandardOutputFileDescriptor", "h", spec->out_fd,
                        "StandardErrorFileDescriptor", "h", spec->err_fd);
        if (r >= 0 && spec->pid_file)
                r = sd_bus_message_append(m, "(sv)", "PIDFile", "s", spec->pid_file);
        if (r >= 0)
                r = append_limits(m, spec);
        if (r >= 0)
                r = append_environment(m, spec->environment);
        if (r >= 0)
                r = append_command(m, spec);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* What a pending start belongs to. */
typedef struct Start {
        Units *units;
        char name[UNITS_NAME_MAX];
} Start;

static int on_start_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Start *start = userdata;
        Unit *unit = map_get(&start->units->by_name, start->name);
        UnitEnd end = {.name = start->name, .cause = "start"};

        if (!sd_bus_message_is_method_error(m, NULL) || !unit || unit->ended)
                return 0;
        log_error("systemd does not start %s: %s", start->name,
                  sd_bus_message_get_error(m)->message);
        unit->ended = true;
        start->units->sink.ended(start->units->sink.userdata, &end);
        return 0;
}

int units_start(Units *units, const UnitSpec *spec)
{
        sd_bus_message *m = NULL;
        sd_bus_slot *slot = NULL;
        Start *start = calloc(1, sizeof(*start));
        int r = start && unit_known(units, spec->name) ? 0 : -ENOMEM;

        if (r == 0) {
                start->units = units;
                snprintf(start->name, sizeof(start->name), "%s", spec->name);
                r = sd_bus_message_new_method_call(units->bus, &m, DESTINATION, MANAGER_PATH,
                                                   MANAGER_INTERFACE, "StartTransientUnit");
        }
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", spec->name, "fail");
        if (r >= 0)
                r = append_properties(m, spec);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r >= 0)
                r = sd_bus_call_async(units->bus, &slot, m, on_start_reply, start, 0);
        if (r >= 0) {
                sd_bus_slot_set_destroy_callback(slot, free);
                sd_bus_slot_set_floating(slot, true);
                start = NULL;
        }
        sd_bus_slot_unref(slot);
        sd_bus_message_unref(m);
        free(start);
        return r < 0 ? r : 0;
}

/* An error means that the unit is gone, which is what all callers are after. */
static int ignore_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return 0;
}

void units_kill(Units *units, const char *name, bool all, int signal)
{
        int r = sd_bus_call_method_async(units->bus, NULL, DESTINATION, MANAGER_PATH,
                                         MANAGER_INTERFACE, "KillUnit", ignore_reply, NULL, "ssi",
                                         name, all ? "all" : "main", (int32_t) signal);

        if (r < 0)
                log_error_errno(r, "cannot send signal %d to %s", signal, name);
}

void units_release(Units *units, const char *name)
{
        Unit *unit = map_get(&units->by_name, name);
        bool failed =
                unit && str_equal(unit->active, "failed"); /* then none of its processes is left */
        int r;

        r = sd_bus_call_method_async(units->bus, NULL, DESTINATION, MANAGER_PATH, MANAGER_INTERFACE,
                                     "ResetFailedUnit", ignore_reply, NULL, "s", name);
        if (r >= 0 && !failed)
                r = sd_bus_call_method_async(units->bus, NULL, DESTINATION, MANAGER_PATH,
                                             MANAGER_INTERFACE, "StopUnit", ignore_reply, NULL,
                                             "ss", name, "replace");
        if (r < 0)
                log_error_errno(r, "cannot release %s", name);
        unit_free(map_remove(&units->by_name, name));
}
