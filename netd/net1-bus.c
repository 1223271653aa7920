/* SPDX-License-Identifier: GPL-3.0-or-later */

/* org.troupe.Net1: decode, call the manager, encode. lib/api/org.troupe.Net1.xml is the contract.
 * Who may call is the bus's own policy (netd/org.troupe.Net1.conf). */

#include <string.h>

#include "lib/base/log.h"
#include "netd/conntrack.h"
#include "netd/export.h"
#include "netd/manager.h"
#include "netd/object.h"

#define VERSION "1.0"

typedef int (*Reader)(sd_bus_message *message, Net1State *ret_state, const char **ret_what);

static int answer_declare(sd_bus_message *message, Manager *manager, Reader read, bool replace,
                          sd_bus_error *ret_error)
{
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        StateError error = {};
        const char *what = "";
        int r;

        r = read(message, &wanted, &what);
        if (r == NET1_TOO_LARGE)
                return sd_bus_error_setf(ret_error, ERROR_LARGE, "too much: %s", what);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return sd_bus_error_setf(ret_error, SD_BUS_ERROR_INVALID_ARGS,
                                         "the arguments are not the contract's");
        r = manager_declare(manager, &wanted, replace, &error);
        if (r == STATE_REFUSED)
                return sd_bus_error_set(ret_error, error.name, error.text);
        return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}

static int method_replace(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return answer_declare(message, userdata, net1_read_state, true, ret_error);
}

static int method_update(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return answer_declare(message, userdata, net1_read_update, false, ret_error);
}

static int method_get_state(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(export_deinit) Export export = {};
        Manager *manager = userdata;
        int r;

        r = export_state(&export, &manager->state);
        if (r >= 0)
                r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = net1_append_state(reply, &export.state);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int append_rotation(sd_bus_message *reply, const Manager *manager, const Endpoint *e)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < e->n_backends; i++)
                r = sd_bus_message_append(reply, "(ssbs)", e->object.key, e->backends[i].instance,
                                          (int) e->backends[i].in_rotation,
                                          manager_why(manager, &e->backends[i]));
        return r;
}

static int method_get_rotation(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *manager = userdata;
        int r;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssbs)");
        MAP_FOREACH (entry, &manager->state.objects[OBJECT_ENDPOINT])
                if (r >= 0)
                        r = append_rotation(reply, manager, entry->value);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int answer_conntrack(sd_bus_message *message, Manager *manager,
                            int (*run)(const IpAddress *, uint32_t *), sd_bus_error *ret_error)
{
        const Instance *instance;
        uint32_t count = 0;
        const char *id;
        int r;

        r = sd_bus_message_read(message, "s", &id);
        if (r < 0)
                return r;
        instance = strlen(id) > NET1_TEXT_MAX ? NULL : state_instance(&manager->state, id);
        if (!instance)
                return sd_bus_error_setf(ret_error, ERROR_UNKNOWN, "there is no instance %.128s",
                                         id);
        r = run(&instance->address, &count);
        if (r < 0)
                return sd_bus_error_setf(ret_error, ERROR_KERNEL, "conntrack: %s", strerror(-r));
        return sd_bus_reply_method_return(message, "u", count);
}

static int method_connections(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return answer_conntrack(message, userdata, conntrack_count, ret_error);
}

static int method_cut(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return answer_conntrack(message, userdata, conntrack_cut, ret_error);
}

static int method_fence(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        StateError error = {};
        int closed, r;

        r = sd_bus_message_read(message, "b", &closed);
        if (r < 0)
                return r;
        r = manager_fence(userdata, closed, &error);
        if (r == STATE_REFUSED)
                return sd_bus_error_set(ret_error, error.name, error.text);
        return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}

static int get_fenced(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        return sd_bus_message_append(reply, "b", (int) ((Manager *) userdata)->fenced);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        return sd_bus_message_append(reply, "s", VERSION);
}

static int get_generation(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *ret_error)
{
        return sd_bus_message_append(reply, "t", ((Manager *) userdata)->generation);
}

static int get_uplink(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        char name[IFNAMSIZ];

        manager_uplink(userdata, name);
        return sd_bus_message_append(reply, "s", name);
}

#define STATE_NAMES(direction)                                                                     \
        direction(networks) direction(instances) direction(vips) direction(endpoints)              \
                direction(reaches) direction(peers) direction(shares) direction(remotes)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_NAMES("Replace", NET1_STATE_TYPE, STATE_NAMES(SD_BUS_PARAM), "", ,
                                 method_replace, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Update", "a(ss)" NET1_STATE_TYPE,
                                 SD_BUS_PARAM(gone) STATE_NAMES(SD_BUS_PARAM), "", , method_update,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("GetState", "", , NET1_STATE_TYPE, STATE_NAMES(SD_BUS_PARAM),
                                 method_get_state, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("GetRotation", "", , "a(ssbs)", SD_BUS_PARAM(backends),
                                 method_get_rotation, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Connections", "s", SD_BUS_PARAM(instance), "u",
                                 SD_BUS_PARAM(count), method_connections,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Cut", "s", SD_BUS_PARAM(instance), "u", SD_BUS_PARAM(count),
                                 method_cut, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Fence", "b", SD_BUS_PARAM(closed), "", , method_fence,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_NAMES("RotationChanged", "ssbs",
                                 SD_BUS_PARAM(endpoint) SD_BUS_PARAM(instance)
                                         SD_BUS_PARAM(in_rotation) SD_BUS_PARAM(why),
                                 0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Generation", "t", get_generation, 0, 0),
        SD_BUS_PROPERTY("Fenced", "b", get_fenced, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Uplink", "s", get_uplink, 0, 0),
        SD_BUS_VTABLE_END,
};

int net1_bus_begin(Manager *manager)
{
        int r;

        r = sd_bus_add_object_vtable(manager->bus, NULL, NET1_PATH, NET1_INTERFACE, vtable,
                                     manager);
        return r < 0 ? r : sd_bus_request_name(manager->bus, NET1_NAME, 0);
}

void net1_bus_fenced(Manager *manager)
{
        int r;

        if (!manager->bus)
                return;
        r = sd_bus_emit_properties_changed(manager->bus, NET1_PATH, NET1_INTERFACE, "Fenced", NULL);
        if (r < 0)
                log_error_errno(r, "cannot signal that the fence changed");
}

void net1_bus_rotation(Manager *manager, const Backend *backend)
{
        int r;

        if (!manager->bus)
                return;
        r = sd_bus_emit_signal(manager->bus, NET1_PATH, NET1_INTERFACE, "RotationChanged", "ssbs",
                               backend->endpoint->object.key, backend->instance,
                               (int) backend->in_rotation, manager_why(manager, backend));
        if (r < 0)
                log_error_errno(r, "cannot signal that rotation changed");
}
