/* SPDX-License-Identifier: GPL-3.0-or-later */
/* org.troupe.Host1.Operation: something that takes time. */

#include <stdio.h>

#include "hostd/host1.h"
#include "lib/base/str.h"

static const char *target_of(const OperationRecord *record, OperationView *view)
{
        if (record->instance.deployment[0])
                return instance_id_format(&record->instance, view->target_text);
        return record->host[0] ? record->host : record->deployment;
}

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        _cleanup_free_ char *id = host1_object_id(HOST1_OPERATION, path);
        const Record *found = id ? store_named(host1->store, RECORD_OPERATION, id) : NULL;
        const OperationRecord *record = found ? &found->operation : NULL;
        OperationView *view = &host1->operation;

        if (!record)
                return 0;
        view->id = record->id;
        view->kind = operation_kind_to_string(record->kind);
        view->service = record->service;
        view->target = target_of(record, view);
        view->state = operation_state_to_string(record->state);
        view->message = record->message;
        view->error = record->error;
        view->progress = record->state == OPERATION_SUCCEEDED ? 1.0
                         : record->total == 0                 ? 0.0
                                              : (double) record->done / record->total;
        view->started_us = record->started_us;
        view->ended_us = record->ended_us;
        *ret_found = view;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *error)
{
        return host1_enumerate(userdata, HOST1_OPERATION, ret_nodes);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", NULL, offsetof(OperationView, id), HOST1_CONST),
        SD_BUS_PROPERTY("Kind", "s", NULL, offsetof(OperationView, kind), HOST1_CONST),
        SD_BUS_PROPERTY("Service", "s", NULL, offsetof(OperationView, service), HOST1_CONST),
        SD_BUS_PROPERTY("Target", "s", NULL, offsetof(OperationView, target), HOST1_CONST),
        SD_BUS_PROPERTY("State", "s", NULL, offsetof(OperationView, state), HOST1_CHANGE),
        SD_BUS_PROPERTY("Progress", "d", NULL, offsetof(OperationView, progress), HOST1_CHANGE),
        SD_BUS_PROPERTY("Message", "s", NULL, offsetof(OperationView, message), HOST1_CHANGE),
        SD_BUS_PROPERTY("Error", "s", NULL, offsetof(OperationView, error), HOST1_CHANGE),
        SD_BUS_PROPERTY("StartedUsec", "t", NULL, offsetof(OperationView, started_us), HOST1_CONST),
        SD_BUS_PROPERTY("EndedUsec", "t", NULL, offsetof(OperationView, ended_us), HOST1_CHANGE),
        SD_BUS_VTABLE_END,
};

int operation_bus_add(Host1 *host1)
{
        return host1_add_kind(host1, HOST1_OPERATION, vtable, find, enumerate);
}
