/* SPDX-License-Identifier: GPL-3.0-or-later */
/* org.troupe.Host1.Host: a physical server of the cluster. */

#include <stdio.h>

#include "hostd/host1.h"
#include "lib/base/ip.h"
#include "lib/base/str.h"

const char *host_bus_state(Host1 *host1, const HostRecord *host)
{
        if (!store_named(host1->store, RECORD_ALIVE, host->name))
                return "lost";
        if (host->vcpus == 0)
                return "joining";
        if (host->draining)
                return "draining";
        return host->cordoned ? "cordoned" : "up";
}

static void add_up(Host1 *host1, HostView *view)
{
        view->instances = view->vcpus_used = 0;
        view->memory_used_bytes = view->disk_used_bytes = 0;
        MAP_FOREACH (entry, store_records(host1->store, RECORD_INSTANCE)) {
                const InstanceRecord *instance = &((const Record *) entry->value)->instance;

                if (!str_equal(instance->host, view->name))
                        continue;
                view->instances++;
                view->vcpus_used += instance->vcpus;
                view->memory_used_bytes += instance->memory_bytes;
                view->disk_used_bytes += instance->disk_bytes + instance->storage_bytes;
        }
}

static const char *version_of(Host1 *host1, const char *host)
{
        const Record *alive = store_named(host1->store, RECORD_ALIVE, host);

        return alive ? alive->alive.version : "";
}

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        _cleanup_free_ char *id = host1_object_id(HOST1_HOST, path);
        const Record *found = id ? store_named(host1->store, RECORD_HOST, id) : NULL;
        const HostRecord *record = found ? &found->host : NULL;
        HostView *view = &host1->host_view;

        if (!record)
                return 0;
        view->name = record->name;
        view->fault_domain = record->fault_domain;
        view->state = host_bus_state(host1, record);
        view->cordoned = record->cordoned;
        view->draining = record->draining;
        view->leader = str_equal(store_leader(host1->store), record->name);
        view->address = ip_format(&record->address, view->address_text);
        view->accelerator = record->accelerator;
        view->version = version_of(host1, record->name);
        view->vcpus = record->vcpus;
        view->memory_bytes = record->memory_bytes;
        view->disk_bytes = record->disk_bytes;
        add_up(host1, view);
        *ret_found = view;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *error)
{
        return host1_enumerate(userdata, HOST1_HOST, ret_nodes);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", NULL, offsetof(HostView, name), HOST1_CONST),
        SD_BUS_PROPERTY("FaultDomain", "s", NULL, offsetof(HostView, fault_domain), HOST1_CHANGE),
        SD_BUS_PROPERTY("State", "s", NULL, offsetof(HostView, state), HOST1_CHANGE),
        SD_BUS_PROPERTY("Cordoned", "b", NULL, offsetof(HostView, cordoned), HOST1_CHANGE),
        SD_BUS_PROPERTY("Draining", "b", NULL, offsetof(HostView, draining), HOST1_CHANGE),
        SD_BUS_PROPERTY("Leader", "b", NULL, offsetof(HostView, leader), HOST1_CHANGE),
        SD_BUS_PROPERTY("Address", "s", NULL, offsetof(HostView, address), HOST1_CHANGE),
        SD_BUS_PROPERTY("Accelerator", "s", NULL, offsetof(HostView, accelerator), HOST1_CHANGE),
        SD_BUS_PROPERTY("Vcpus", "u", NULL, offsetof(HostView, vcpus), HOST1_CHANGE),
        SD_BUS_PROPERTY("VcpusUsed", "u", NULL, offsetof(HostView, vcpus_used), HOST1_CHANGE),
        SD_BUS_PROPERTY("MemoryBytes", "t", NULL, offsetof(HostView, memory_bytes), HOST1_CHANGE),
        SD_BUS_PROPERTY("MemoryUsedBytes", "t", NULL, offsetof(HostView, memory_used_bytes),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("DiskBytes", "t", NULL, offsetof(HostView, disk_bytes), HOST1_CHANGE),
        SD_BUS_PROPERTY("DiskUsedBytes", "t", NULL, offsetof(HostView, disk_used_bytes),
                        HOST1_CHANGE),
        SD_BUS_PROPERTY("Version", "s", NULL, offsetof(HostView, version), HOST1_CHANGE),
        SD_BUS_PROPERTY("Instances", "u", NULL, offsetof(HostView, instances), HOST1_CHANGE),
        SD_BUS_VTABLE_END,
};

int host_bus_add(Host1 *host1)
{
        return host1_add_kind(host1, HOST1_HOST, vtable, find, enumerate);
}
