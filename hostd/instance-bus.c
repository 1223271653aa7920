/* SPDX-License-Identifier: GPL-3.0-or-later */
/* org.troupe.Host1.Instance: one VM of a role, as its host last said it is. */

#include <stdio.h>

#include "hostd/host1.h"
#include "lib/base/ip.h"
#include "lib/base/str.h"

static void fill(InstanceView *view, const InstanceRecord *record, const ObservedRecord *observed)
{
        view->id = instance_id_format(&record->id, view->id_text);
        view->name = strchr(view->id, '/') + 1;
        view->deployment =
                host1_object_path(HOST1_DEPLOYMENT, record->id.deployment, view->deployment_path);
        view->role = record->id.role;
        view->number = record->id.number;
        view->incarnation = record->incarnation;
        view->host = record->host;
        view->fault_domain = record->fault_domain;
        view->upgrade_domain = record->upgrade_domain;
        view->address = ip_format(&record->address, view->address_text);
        /* what is said about an earlier incarnation says nothing about this one */
        if (observed && observed->incarnation != record->incarnation)
                observed = NULL;
        view->status = instance_status_to_string(observed ? observed->status : STATUS_CREATING_VM);
        view->since_us = observed ? observed->since_us : record->placed_us;
        view->detail = observed          ? observed->detail
                       : record->host[0] ? "waits for its host"
                                         : "waits for room";
        view->in_rotation = observed && observed->in_rotation;
}

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        _cleanup_free_ char *text = host1_object_id(HOST1_INSTANCE, path);
        InstanceView *view = &host1->instance;
        const Record *deployment;
        InstanceId id;

        if (!text || instance_id_parse(text, &id) < 0)
                return 0;
        view->host1 = host1;
        view->record = store_instance(host1->store, &id);
        if (!view->record)
                return 0;
        deployment = store_named(host1->store, RECORD_DEPLOYMENT, id.deployment);
        view->service = deployment ? deployment->deployment.service : "";
        fill(view, view->record, store_observed(host1->store, view->record));
        *ret_found = view;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *error)
{
        return host1_enumerate(userdata, HOST1_INSTANCE, ret_nodes);
}

static int act(sd_bus_message *message, InstanceView *view, FabricRequestKind kind,
               sd_bus_error *error)
{
        InstanceId id = view->record->id;
        int r;

        r = bus_polkit_check(view->host1->polkit, message, HOST1_OPERATE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return host1_act(view->host1, message, kind, &id, error);
}

static int method_reboot(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return act(message, userdata, FABRIC_REBOOT, error);
}

static int method_reimage(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return act(message, userdata, FABRIC_REIMAGE, error);
}

static int method_rebuild(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return act(message, userdata, FABRIC_REBUILD, error);
}

static int method_open_shell(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        InstanceView *view = userdata;
        uint16_t rows, columns;
        int r;

        r = bus_polkit_check(view->host1->polkit, message, HOST1_OPERATE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "qq", &rows, &columns);
        if (r < 0)
                return r;
        return host1_open_shell(view->host1, message, view->record, rows, columns, error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Reboot", SD_BUS_NO_ARGS, SD_BUS_RESULT("o", operation),
                                method_reboot, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("Reimage", SD_BUS_NO_ARGS, SD_BUS_RESULT("o", operation),
                                method_reimage, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("Rebuild", SD_BUS_NO_ARGS, SD_BUS_RESULT("o", operation),
                                method_rebuild, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("OpenShell", SD_BUS_ARGS("q", rows, "q", columns),
                                SD_BUS_RESULT("h", stream, "s", shell), method_open_shell,
                                HOST1_ANYONE),
        SD_BUS_PROPERTY("Id", "s", NULL, offsetof(InstanceView, id), HOST1_CONST),
        SD_BUS_PROPERTY("Name", "s", NULL, offsetof(InstanceView, name), HOST1_CONST),
        SD_BUS_PROPERTY("Service", "s", NULL, offsetof(InstanceView, service), HOST1_CONST),
        SD_BUS_PROPERTY("Deployment", "o", NULL, offsetof(InstanceView, deployment), HOST1_CONST),
        SD_BUS_PROPERTY("Role", "s", NULL, offsetof(InstanceView, role), HOST1_CONST),
        SD_BUS_PROPERTY("Number", "u", NULL, offsetof(InstanceView, number), HOST1_CONST),
        SD_BUS_PROPERTY("Incarnation", "t", NULL, offsetof(InstanceView, incarnation),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("Status", "s", NULL, offsetof(InstanceView, status), HOST1_CHANGE),
        SD_BUS_PROPERTY("StatusSinceUsec", "t", NULL, offsetof(InstanceView, since_us),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("Detail", "s", NULL, offsetof(InstanceView, detail), HOST1_CHANGE),
        SD_BUS_PROPERTY("Host", "s", NULL, offsetof(InstanceView, host), HOST1_CHANGE),
        SD_BUS_PROPERTY("FaultDomain", "s", NULL, offsetof(InstanceView, fault_domain),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("UpgradeDomain", "u", NULL, offsetof(InstanceView, upgrade_domain),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("Address", "s", NULL, offsetof(InstanceView, address), HOST1_CHANGE),
        SD_BUS_PROPERTY("InRotation", "b", NULL, offsetof(InstanceView, in_rotation), HOST1_CHANGE),
        SD_BUS_VTABLE_END,
};

int instance_bus_add(Host1 *host1)
{
        return host1_add_kind(host1, HOST1_INSTANCE, vtable, find, enumerate);
}
