/* SPDX-License-Identifier: GPL-3.0-or-later */

/* monitor: every object that comes, changes or goes, as hostd signals it, until it is interrupted.
 * Restarts of hostd are seen as its name's going and coming. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/bus.h"
#include "ctl/verbs.h"
#include "ctl/view.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"

#define INTERFACE_PREFIX "org.troupe.Host1."

typedef struct Monitor {
        const Options *options;
        int result; /* the first error, which ends it */
} Monitor;

/* "/org/troupe/Host1/instance/d0_2fweb_5fIN_5f0" is "instance d0/web_IN_0". */
static char *object_name(const char *path)
{
        const char *rest = str_after(path, HOST1_PATH "/");
        const char *slash = rest ? strchr(rest, '/') : NULL;
        _cleanup_free_ char *prefix = NULL, *name = NULL;

        if (!slash)
                return strdup("manager");
        prefix = strndup(path, (size_t) (slash - path));
        if (!prefix || sd_bus_path_decode(path, prefix, &name) < 0 || !name)
                return strdup(rest);
        return str_printf("%.*s %s", (int) (slash - rest), rest, name);
}

static void print_value(sd_json_variant *value)
{
        _cleanup_free_ char *text = NULL;

        /* JSON has no raw control characters */
        if (sd_json_variant_format(value, 0, &text) >= 0)
                fputs(text, stdout);
}

static int print_json(const Monitor *monitor, const char *path, const char *interface,
                      const char *event, sd_json_variant *properties)
{
        _cleanup_json_ sd_json_variant *line = NULL;
        int r;

        r = sd_json_buildo(&line, SD_JSON_BUILD_PAIR_UNSIGNED("time_usec", clock_realtime_us()),
                           SD_JSON_BUILD_PAIR_STRING("event", event),
                           SD_JSON_BUILD_PAIR_STRING("object", path),
                           SD_JSON_BUILD_PAIR_STRING("interface", interface),
                           SD_JSON_BUILD_PAIR_VARIANT("properties", properties));
        return r < 0 ? r : sd_json_variant_dump(line, monitor->options->json, stdout, NULL);
}

static int print_text(const char *path, const char *event, sd_json_variant *properties)
{
        time_t now = (time_t) (clock_realtime_us() / USEC_PER_SEC);
        _cleanup_free_ char *name = object_name(path);
        char when[16] = "";
        struct tm local;

        if (!name)
                return -ENOMEM;
        if (localtime_r(&now, &local))
                strftime(when, sizeof(when), "%H:%M:%S", &local);
        printf("%s %s %s", when, name, event);
        for (size_t i = 0; i + 1 < sd_json_variant_elements(properties); i += 2) {
                const char *member =
                        sd_json_variant_string(sd_json_variant_by_index(properties, i));

                if (str_equal(member, "definition") || str_equal(member, "configuration"))
                        continue; /* whole files */
                printf(" %s=", member);
                print_value(sd_json_variant_by_index(properties, i + 1));
        }
        putchar('\n');
        return 0;
}

static void print(Monitor *monitor, const char *path, const char *interface, const char *event,
                  sd_json_variant *properties)
{
        int r;

        if (!str_after(interface, INTERFACE_PREFIX))
                return; /* Peer, Introspectable and the like */
        r = monitor->options->json ? print_json(monitor, path, interface, event, properties)
                                   : print_text(path, event, properties);
        if (r >= 0 && fflush(stdout) != 0)
                r = -errno;
        if (r < 0 && monitor->result >= 0)
                monitor->result = r;
}

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_json_ sd_json_variant *properties = NULL;
        const char *interface;
        int r = sd_bus_message_read(message, "s", &interface);

        if (r >= 0)
                r = objects_value(message, &properties);
        if (r >= 0)
                print(userdata, sd_bus_message_get_path(message), interface, "changed", properties);
        return 0;
}

static int on_added(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_json_ sd_json_variant *interfaces = NULL;
        const char *path;
        int r = sd_bus_message_read(message, "o", &path);

        if (r >= 0)
                r = objects_value(message, &interfaces);
        for (size_t i = 0; r >= 0 && i + 1 < sd_json_variant_elements(interfaces); i += 2)
                print(userdata, path,
                      sd_json_variant_string(sd_json_variant_by_index(interfaces, i)), "added",
                      sd_json_variant_by_index(interfaces, i + 1));
        return 0;
}

static int on_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *path, *interface;
        int r = sd_bus_message_read(message, "o", &path);

        if (r >= 0)
                r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "s");
        while (r >= 0 && (r = sd_bus_message_read(message, "s", &interface)) > 0)
                print(userdata, path, interface, "removed", NULL);
        return 0;
}

static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *name, *old, *new;

        if (sd_bus_message_read(message, "sss", &name, &old, &new) > 0)
                print(userdata, HOST1_PATH, HOST1_MANAGER,
                      new[0] ? "hostd is here" : "hostd went away", NULL);
        return 0;
}

static int subscribe(sd_bus *bus, Monitor *monitor)
{
        static const struct {
                const char *rule;
                sd_bus_message_handler_t handler;
        } matches[] = {
                {"type='signal',sender='" HOST1_NAME "',path_namespace='" HOST1_PATH
                 "',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
                 on_changed},
                {"type='signal',sender='" HOST1_NAME "',member='InterfacesAdded'", on_added},
                {"type='signal',sender='" HOST1_NAME "',member='InterfacesRemoved'", on_removed},
                {"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                 "arg0='" HOST1_NAME "'",
                 on_owner},
        };

        for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
                int r = sd_bus_add_match(bus, NULL, matches[i].rule, matches[i].handler, monitor);

                if (r < 0)
                        return r;
        }
        return 0;
}

int verb_monitor(const Options *options, size_t n_arguments, char **arguments)
{
        Monitor monitor = {.options = options};
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = subscribe(bus, &monitor);
        if (r < 0)
                return bus_failed(r, NULL, "Subscribing to changes");
        if (options->legend && !options->json)
                printf("Showing changes; interrupt to end.\n");
        fflush(stdout);
        while (r >= 0 && monitor.result >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        if (monitor.result < 0)
                return monitor.result == -EPIPE ? CTL_DONE : monitor.result;
        return bus_failed(r, NULL, "Watching for changes");
}
