/* SPDX-License-Identifier: GPL-3.0-or-later */
/* org.troupe.Host1.Deployment: one package with one configuration, in a slot. */

#include <stdio.h>

#include "hostd/host1.h"
#include "lib/base/ip.h"
#include "lib/base/str.h"

static unsigned count_ready(Host1 *host1, const DeploymentRecord *deployment,
                            const DeploymentRole *role)
{
        InstanceId id = {};
        unsigned ready = 0;

        memcpy(id.deployment, deployment->id, sizeof(id.deployment));
        memcpy(id.role, role->name, sizeof(id.role));
        for (id.number = 0; id.number < role->count; id.number++) {
                const InstanceRecord *instance = store_instance(host1->store, &id);
                const ObservedRecord *observed =
                        instance ? store_observed(host1->store, instance) : NULL;

                if (observed && observed->incarnation == instance->incarnation &&
                    observed->status == STATUS_READY_ROLE)
                        ready++;
        }
        return ready;
}

static int get_roles(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        DeploymentView *view = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ssuu)");
        for (size_t i = 0; i < view->record->n_roles && r >= 0; i++) {
                const DeploymentRole *role = &view->record->roles[i];

                r = sd_bus_message_append(reply, "(ssuu)", role->name,
                                          role_kind_to_string(role->kind), role->count,
                                          count_ready(view->host1, view->record, role));
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_get_configuration(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        DeploymentView *view = userdata;
        const DeploymentRecord *record = view->record;
        int r;

        /* settings may be secrets */
        r = bus_polkit_check(view->host1->polkit, message, HOST1_OPERATE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return sd_bus_reply_method_return(message, "ss", record->definition ?: "",
                                          record->configuration ?: "");
}

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        _cleanup_free_ char *id = host1_object_id(HOST1_DEPLOYMENT, path);
        const Record *found = id ? store_named(host1->store, RECORD_DEPLOYMENT, id) : NULL;
        const DeploymentRecord *record = found ? &found->deployment : NULL;
        DeploymentView *view = &host1->deployment;
        const IpAddress *vip = &(IpAddress) {};
        Slot slot;

        if (!record)
                return 0;
        slot = service_bus_slot(host1, record, &vip);
        view->host1 = host1;
        view->record = record;
        view->id = record->id;
        view->service = record->service;
        view->slot = slot < SLOTS ? slot_to_string(slot) : "";
        view->vip = ip_format(vip, view->vip_text);
        view->package = record->package;
        view->label = record->label;
        view->state = record->deleting ? "deleting" : record->ready ? "running" : "starting";
        view->created_us = record->created_us;
        view->os_family = record->os_family;
        view->os_version = record->os_version;
        view->os_current = record->os_current;
        view->os_next = record->os_next;
        view->os_failed = record->os_failed;
        *ret_found = view;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *error)
{
        return host1_enumerate(userdata, HOST1_DEPLOYMENT, ret_nodes);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("GetConfiguration", SD_BUS_NO_ARGS,
                                SD_BUS_RESULT("s", definition, "s", configuration),
                                method_get_configuration, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Id", "s", NULL, offsetof(DeploymentView, id), HOST1_CONST),
        SD_BUS_PROPERTY("Service", "s", NULL, offsetof(DeploymentView, service), HOST1_CONST),
        SD_BUS_PROPERTY("Slot", "s", NULL, offsetof(DeploymentView, slot), HOST1_CHANGE),
        SD_BUS_PROPERTY("Vip", "s", NULL, offsetof(DeploymentView, vip), HOST1_CHANGE),
        SD_BUS_PROPERTY("PackageDigest", "s", NULL, offsetof(DeploymentView, package),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("Label", "s", NULL, offsetof(DeploymentView, label), HOST1_CHANGE),
        SD_BUS_PROPERTY("State", "s", NULL, offsetof(DeploymentView, state), HOST1_CHANGE),
        SD_BUS_PROPERTY("CreatedUsec", "t", NULL, offsetof(DeploymentView, created_us),
                        HOST1_CONST),
        SD_BUS_PROPERTY("OsFamily", "s", NULL, offsetof(DeploymentView, os_family), HOST1_CHANGE),
        SD_BUS_PROPERTY("OsVersion", "s", NULL, offsetof(DeploymentView, os_version), HOST1_CHANGE),
        SD_BUS_PROPERTY("OsCurrent", "s", NULL, offsetof(DeploymentView, os_current), HOST1_CHANGE),
        SD_BUS_PROPERTY("OsNext", "s", NULL, offsetof(DeploymentView, os_next), HOST1_CHANGE),
        SD_BUS_PROPERTY("OsFailed", "s", NULL, offsetof(DeploymentView, os_failed), HOST1_CHANGE),
        SD_BUS_PROPERTY("Roles", "a(ssuu)", get_roles, 0, HOST1_CHANGE),
        SD_BUS_VTABLE_END,
};

int deployment_bus_add(Host1 *host1)
{
        return host1_add_kind(host1, HOST1_DEPLOYMENT, vtable, find, enumerate);
}
