/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Instances. The room an instance takes is counted from its own record, so that a record which
 * outlives a change of its role's size is counted right. */

#include "fabric/instance.h"

#include <stdio.h>

#include "fabric/heal.h"
#include "fabric/hosts.h"
#include "fabric/network.h"
#include "lib/base/array.h"
#include "lib/base/str.h"

static PlaceSize instance_size(const InstanceRecord *record)
{
        return (PlaceSize) {.vcpus = record->vcpus,
                            .memory_bytes = record->memory_bytes,
                            .disk_bytes = record->disk_bytes + record->storage_bytes};
}

PlaceSize role_size(const DeploymentRole *role)
{
        return (PlaceSize) {.vcpus = role->vcpus,
                            .memory_bytes = role->memory_bytes,
                            .disk_bytes = role->disk_bytes + role->storage_bytes};
}

DeploymentRole *instance_role(const Instance *instance)
{
        return &deployment_record(instance->deployment)->roles[instance->role];
}

Instance *instance_of(const Fabric *fabric, const InstanceId *id)
{
        RecordKey key = {.type = RECORD_INSTANCE, .instance = *id};
        Record *record = state_get(fabric, &key);

        return record ? HOLDER_OF(record, Instance) : NULL;
}

Instance *instance_at(const Deployment *deployment, size_t role, uint32_t number)
{
        return number < deployment->roles[role].n_instances
                       ? deployment->roles[role].instances[number]
                       : NULL;
}

Host *host_at(const Fabric *fabric, uint32_t place)
{
        /* hosts are never removed, so both have them in the same order */
        return fabric->hosts.entries[place].value;
}

bool instance_is_current(const Instance *instance)
{
        const InstanceRecord *record = &instance->item.record.instance;

        return instance->observed && instance->observed->incarnation == record->incarnation;
}

InstanceStatus instance_status(const Instance *instance)
{
        if (!instance->host->alive)
                return STATUS_UNKNOWN;
        return instance_is_current(instance) ? instance->observed->status : STATUS_CREATING_VM;
}

bool instance_is_ready(const Instance *instance)
{
        return instance->item.record.instance.power == POWER_RUNNING &&
               instance_status(instance) == STATUS_READY_ROLE;
}

bool instance_is_gone(const Instance *instance)
{
        const InstanceRecord *record = &instance->item.record.instance;

        if (instance->host->gone)
                return true;
        return record->power != POWER_RUNNING && instance->observed &&
               instance->observed->incarnation >= record->incarnation &&
               instance->observed->status == STATUS_STOPPED_VM;
}

/* ---- ties to host and deployment */

static void host_link(Fabric *fabric, Instance *instance, Host *host)
{
        PlaceSize size = instance_size(instance_record(instance));

        if (ARRAY_APPEND(host->instances, host->n_instances, instance) < 0) {
                fabric->failed = true;
                return;
        }
        instance->host = host;
        instance->host_index = host->n_instances - 1;
        place_take(&fabric->place, host->place, &size);
}

static void host_unlink(Fabric *fabric, Instance *instance)
{
        PlaceSize size = instance_size(instance_record(instance));
        Host *host = instance->host;
        Instance *last;

        if (!host)
                return;
        last = host->instances[--host->n_instances];
        host->instances[instance->host_index] = last;
        last->host_index = instance->host_index;
        place_give(&fabric->place, host->place, &size);
        instance->host = NULL;
        fabric->room_changed = true;
}

static bool role_reserve(Fabric *fabric, Role *role, uint32_t number)
{
        uint32_t n = MAX(number + 1, role->n_instances);
        Instance **grown;

        if (n == role->n_instances)
                return true;
        n = MAX(n, MIN(2 * role->n_instances, (uint32_t) RECORD_COUNT_MAX));
        grown = reallocarray(role->instances, n, sizeof(*grown));
        if (!grown) {
                fabric->failed = true;
                return false;
        }
        memset(grown + role->n_instances, 0, (n - role->n_instances) * sizeof(*grown));
        role->instances = grown;
        role->n_instances = n;
        return true;
}

static bool deployment_link(Fabric *fabric, Instance *instance, Deployment *deployment,
                            uint32_t role)
{
        InstanceRecord *record = instance_record(instance);

        if (!role_reserve(fabric, &deployment->roles[role], record->id.number))
                return false;
        instance->deployment = deployment;
        instance->role = role;
        deployment->roles[role].instances[record->id.number] = instance;
        deployment->n_live++;
        network_mark(deployment, &record->address, true);
        return true;
}

void instance_link(Fabric *fabric, Instance *instance)
{
        InstanceRecord *record = instance_record(instance);
        Record *found = state_get_named(fabric, RECORD_DEPLOYMENT, record->id.deployment);
        const DeploymentRole *role =
                found ? deployment_role(&found->deployment, record->id.role) : NULL;
        Host *host;

        if (!role) {
                state_drop(fabric, &instance->item);
                return;
        }
        host = state_host(fabric, record->host);
        if (!host || !deployment_link(fabric, instance, HOLDER_OF(found, Deployment),
                                      (uint32_t) (role - found->deployment.roles)))
                return;
        host_link(fabric, instance, host);
        instance->acted_ns = fabric->now_ns;
        if (instance->host)
                instance_observe(fabric, instance);
}

static void observed_key(const Instance *instance, RecordKey *ret_key)
{
        *ret_key = (RecordKey) {.type = RECORD_OBSERVED,
                                .instance = instance->item.record.instance.id};
        SET_NAME(ret_key->name, instance->host->name);
}

void instance_observe(Fabric *fabric, Instance *instance)
{
        RecordKey key;
        Record *observed;
        Phase phase;

        observed_key(instance, &key);
        observed = state_get(fabric, &key);
        instance->observed = observed ? &observed->observed : NULL;
        phase = heal_phase(instance);
        if (phase != instance->phase || instance->phase_ns == 0) {
                instance->phase = phase;
                instance->phase_ns = fabric->now_ns;
                if (phase == PHASE_FAILED || phase == PHASE_READY)
                        host_set_suspect(fabric, instance->host, phase == PHASE_FAILED);
        }
        state_queue(fabric, instance->deployment);
}

/* ---- placing */

void role_spread(Fabric *fabric, const Deployment *deployment, size_t role, const Instance *except,
                 PlaceSpread *ret_spread)
{
        const DeploymentRole *wanted = &deployment->item.record.deployment.roles[role];
        uint32_t end = wanted->count;

        *ret_spread = (PlaceSpread) {};
        if (except && except->item.record.instance.id.number >= wanted->count)
                end += wanted->surge;
        end = MIN(end, deployment->roles[role].n_instances);
        for (uint32_t i = 0; i < end; i++) {
                const Instance *instance = deployment->roles[role].instances[i];

                if (instance && instance != except && instance->host->record &&
                    place_spread_add(ret_spread, &fabric->place, instance->host->place) < 0)
                        fabric->failed = true;
        }
}

static void set_placed(Fabric *fabric, Instance *instance, const Host *host)
{
        InstanceRecord *record = instance_record(instance);

        record->incarnation++;
        SET_NAME(record->host, host->name);
        SET_NAME(record->fault_domain, host->record->fault_domain);
        record->power = POWER_RUNNING;
        record->placed_us = fabric->realtime_us;
        instance->phase_ns = 0;
        instance->acted_ns = fabric->now_ns;
}

void instance_create(Fabric *fabric, Deployment *deployment, size_t role, uint32_t number,
                     Host *host)
{
        DeploymentRecord *d = deployment_record(deployment);
        const DeploymentRole *r = &d->roles[role];
        RecordKey key = {.type = RECORD_INSTANCE, .instance.number = number};
        InstanceRecord *record;
        Instance *instance;
        IpAddress address;
        Item *item;

        if (!network_pick_address(deployment, &address))
                return; /* requests that need more are refused */
        SET_NAME(key.instance.deployment, d->id);
        SET_NAME(key.instance.role, r->name);
        item = state_add(fabric, &key);
        if (!item)
                return;
        instance = CONTAINER_OF(item, Instance, item);
        record = instance_record(instance);
        record->address = address;
        record->incarnation = r->last_incarnation;
        record->upgrade_domain = number % MAX(r->upgrade_domains, 1u);
        SET_NAME(record->package, d->package);
        SET_NAME(record->os_family, d->os_family);
        SET_NAME(record->os_version, d->os_current);
        record->vcpus = r->vcpus;
        record->memory_bytes = r->memory_bytes;
        record->disk_bytes = r->disk_bytes;
        record->storage_bytes = r->storage_bytes;
        set_placed(fabric, instance, host);
        if (!deployment_link(fabric, instance, deployment, (uint32_t) role)) {
                state_forget(fabric, item);
                return;
        }
        host_link(fabric, instance, host);
        if (instance->host) {
                instance_observe(fabric, instance);
                state_touch(fabric, item);
        }
}

/* Chooses where an instance goes next. Its own room is free already. */
static Host *pick_next(Fabric *fabric, const Instance *instance, const Host *old)
{
        PlaceSize size = instance_size(&instance->item.record.instance);
        bool elsewhere = instance->item.record.instance.rung == HEAL_REPLACE;
        PlaceSpread spread;
        uint32_t place;
        int r;

        role_spread(fabric, instance->deployment, instance->role, instance, &spread);
        r = host_pick(fabric, &spread, &size, elsewhere ? old->place : PLACE_NONE, &place);
        if (r == PLACE_NO_ROOM && elsewhere)
                r = host_pick(fabric, &spread, &size, PLACE_NONE, &place);
        place_spread_deinit(&spread);
        return r == 0 ? host_at(fabric, place) : NULL;
}

bool instance_move(Fabric *fabric, Instance *instance)
{
        Host *old = instance->host, *host;
        RecordKey key;
        Record *observed;
        bool room = fabric->room_changed;

        assert(instance_is_gone(instance));
        observed_key(instance, &key);
        host_unlink(fabric, instance);
        host = pick_next(fabric, instance, old);
        host_link(fabric, instance, host ?: old);
        if (!host || fabric->failed) {
                fabric->room_changed = room;
                return false;
        }
        set_placed(fabric, instance, host);
        state_touch_guarded(fabric, &instance->item, old->gone ? old : NULL);
        observed = state_get(fabric, &key);
        if (observed && old->gone)
                state_drop(fabric, ITEM_OF(observed)); /* nobody is there to do it */
        instance_observe(fabric, instance);
        return true;
}

void instance_stop(Fabric *fabric, Instance *instance, InstancePower power)
{
        instance_record(instance)->power = power;
        instance->acted_ns = fabric->now_ns;
        state_timer(fabric, &instance->timer, FABRIC_NEVER);
        state_touch(fabric, &instance->item);
}

void instance_remove(Fabric *fabric, Instance *instance)
{
        Deployment *deployment = instance->deployment;
        DeploymentRole *role = instance_role(instance);
        InstanceRecord *record = instance_record(instance);
        Host *host = instance->host;
        Record *observed;
        RecordKey key;

        observed_key(instance, &key);
        observed = state_get(fabric, &key);
        if (observed && host->gone)
                state_drop(fabric, ITEM_OF(observed));
        host_unlink(fabric, instance);
        network_mark(deployment, &record->address, false);
        deployment->roles[instance->role].instances[record->id.number] = NULL;
        deployment->n_live--;
        if (record->incarnation > role->last_incarnation &&
            !deployment_record(deployment)->deleting) {
                role->last_incarnation = record->incarnation;
                state_touch(fabric, &deployment->item);
        }
        state_timer(fabric, &instance->timer, FABRIC_NEVER);
        state_touch_guarded(fabric, &instance->item, host->gone ? host : NULL);
        state_drop(fabric, &instance->item);
}
