/* SPDX-License-Identifier: GPL-3.0-or-later */
/* org.troupe.Host1.Service: a named application with a public address for each slot. */

#include <stdio.h>

#include "hostd/host1.h"
#include "lib/base/ip.h"
#include "lib/base/str.h"

Slot service_bus_slot(Host1 *host1, const DeploymentRecord *deployment, const IpAddress **ret_vip)
{
        const Record *service = store_named(host1->store, RECORD_SERVICE, deployment->service);

        for (unsigned slot = 0; service && slot < SLOTS; slot++)
                if (str_equal(service->service.slots[slot].deployment, deployment->id)) {
                        *ret_vip = &service->service.slots[slot].vip;
                        return slot;
                }
        return SLOTS;
}

static const OperationRecord *running_operation(Host1 *host1, const char *service)
{
        MAP_FOREACH (entry, store_records(host1->store, RECORD_OPERATION)) {
                const Record *record = entry->value;

                if (record->operation.state == OPERATION_RUNNING &&
                    str_equal(record->operation.service, service))
                        return &record->operation;
        }
        return NULL;
}

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        _cleanup_free_ char *id = host1_object_id(HOST1_SERVICE, path);
        const Record *found = id ? store_named(host1->store, RECORD_SERVICE, id) : NULL;
        const OperationRecord *operation;
        ServiceView *view = &host1->service;

        if (!found)
                return 0;
        view->name = found->service.name;
        for (unsigned slot = 0; slot < SLOTS; slot++) {
                view->vips[slot] =
                        ip_format(&found->service.slots[slot].vip, view->vip_texts[slot]);
                view->deployments[slot] =
                        host1_object_path(HOST1_DEPLOYMENT, found->service.slots[slot].deployment,
                                          view->deployment_paths[slot]);
        }
        operation = running_operation(host1, view->name);
        view->operation = host1_object_path(HOST1_OPERATION, operation ? operation->id : "",
                                            view->operation_path);
        *ret_found = view;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *error)
{
        return host1_enumerate(userdata, HOST1_SERVICE, ret_nodes);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", NULL, offsetof(ServiceView, name), HOST1_CONST),
        SD_BUS_PROPERTY("ProductionVip", "s", NULL, offsetof(ServiceView, vips[SLOT_PRODUCTION]),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("StagingVip", "s", NULL, offsetof(ServiceView, vips[SLOT_STAGING]),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("ProductionDeployment", "o", NULL,
                        offsetof(ServiceView, deployments[SLOT_PRODUCTION]), HOST1_CHANGE),
        SD_BUS_PROPERTY("StagingDeployment", "o", NULL,
                        offsetof(ServiceView, deployments[SLOT_STAGING]), HOST1_CHANGE),
        SD_BUS_PROPERTY("Operation", "o", NULL, offsetof(ServiceView, operation), HOST1_CHANGE),
        SD_BUS_VTABLE_END,
};

int service_bus_add(Host1 *host1)
{
        return host1_add_kind(host1, HOST1_SERVICE, vtable, find, enumerate);
}
