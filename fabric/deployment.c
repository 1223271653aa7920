/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Deployments. The check is level-triggered: it compares what is wanted with what is there, so a
 * new leader, or one that missed events, does the same. */

#include "fabric/deployment.h"

#include "fabric/drain.h"
#include "fabric/heal.h"
#include "fabric/hosts.h"
#include "fabric/instance.h"
#include "fabric/network.h"
#include "fabric/operation.h"
#include "fabric/walk.h"
#include "lib/base/array.h"
#include "lib/base/str.h"

void deployment_link(Fabric *fabric, Deployment *deployment)
{
        network_open(fabric, deployment);
        fabric->os_changed = true;
        for (size_t i = 0; i < RECORD_ROLES_MAX; i++)
                deployment->roles[i].surge_ns = fabric->now_ns;
        state_queue(fabric, deployment);
}

Deployment *deployment_of(const Fabric *fabric, const char *id)
{
        Record *record = state_get_named(fabric, RECORD_DEPLOYMENT, id);

        return record ? HOLDER_OF(record, Deployment) : NULL;
}

ServiceRecord *deployment_service(const Fabric *fabric, Deployment *deployment, Slot *ret_slot)
{
        const DeploymentRecord *record = deployment_record(deployment);
        Record *service = state_get_named(fabric, RECORD_SERVICE, record->service);

        for (unsigned slot = 0; service && slot < SLOTS; slot++)
                if (str_equal(service->service.slots[slot].deployment, record->id)) {
                        *ret_slot = slot;
                        return &service->service;
                }
        return NULL;
}

/* ---- packages */

static bool package_used(const Fabric *fabric, const char *digest)
{
        RECORDS_FOREACH(entry, fabric, RECORD_DEPLOYMENT)
        if (str_equal(((Record *) entry->value)->deployment.package, digest))
                return true;
        return false;
}

void package_refresh(Fabric *fabric, const char *digest)
{
        Record *record = state_get_named(fabric, RECORD_PACKAGE, digest);
        Package *package;

        if (!record)
                return;
        package = HOLDER_OF(record, Package);
        if (package_used(fabric, digest))
                state_timer(fabric, &package->timer, FABRIC_NEVER);
        else if (package->timer.place == 0)
                state_timer(fabric, &package->timer, state_after(fabric->now_ns, PACKAGE_KEEP_MS));
}

/* ---- removal */

static void service_drop_if_empty(Fabric *fabric, ServiceRecord *service)
{
        for (unsigned slot = 0; slot < SLOTS; slot++)
                if (service->slots[slot].deployment[0])
                        return;
        operations_service_removed(fabric, service->name);
        state_drop(fabric, ITEM_OF(CONTAINER_OF(service, Record, service)));
}

static void deployment_remove(Fabric *fabric, Deployment *deployment)
{
        DeploymentRecord *record = deployment_record(deployment);
        Record *package = state_get_named(fabric, RECORD_PACKAGE, record->package);
        ServiceRecord *service;
        Slot slot;

        deployment->dropped = true;
        fabric->os_changed = true;
        operations_deployment_removed(fabric, record->id);
        service = deployment_service(fabric, deployment, &slot);
        if (service) {
                memset(service->slots[slot].deployment, 0, sizeof(RecordId));
                state_touch(fabric, ITEM_OF(CONTAINER_OF(service, Record, service)));
                service_drop_if_empty(fabric, service);
        }
        state_drop(fabric, &deployment->item);
        if (package && !package_used(fabric, record->package)) {
                state_timer(fabric, &HOLDER_OF(package, Package)->timer, FABRIC_NEVER);
                state_drop(fabric, ITEM_OF(package));
        }
}

/* ---- room */

typedef struct Picks {
        PlaceSize size;
        uint32_t *hosts;
        size_t n_hosts;
} Picks;

/* Takes room for all instances of a role that are not there; false when not all have any. */
static bool role_take(Fabric *fabric, const DeploymentRole *role, size_t index,
                      const Deployment *deployment, Picks *picks)
{
        PlaceSpread spread = {};
        bool fits = true;

        picks->size = role_size(role);
        if (deployment)
                role_spread(fabric, deployment, index, NULL, &spread);
        for (uint32_t i = 0; i < role->count && fits && !fabric->failed; i++) {
                uint32_t host;

                if (deployment && instance_at(deployment, index, i))
                        continue;
                if (host_pick(fabric, &spread, &picks->size, PLACE_NONE, &host) != 0) {
                        fits = false;
                        break;
                }
                if (ARRAY_APPEND(picks->hosts, picks->n_hosts, host) < 0) {
                        fabric->failed = true;
                        break;
                }
                place_take(&fabric->place, host, &picks->size);
                if (place_spread_add(&spread, &fabric->place, host) < 0)
                        fabric->failed = true;
        }
        place_spread_deinit(&spread);
        return fits;
}

bool deployment_fits(Fabric *fabric, const DeploymentRecord *record, const Deployment *deployment,
                     const DeploymentRole **ret_role)
{
        Picks picks[RECORD_ROLES_MAX] = {};
        bool fits = true;

        for (size_t i = 0; i < record->n_roles && fits; i++) {
                fits = role_take(fabric, &record->roles[i], i, deployment, &picks[i]);
                if (!fits)
                        *ret_role = &record->roles[i];
        }
        for (size_t i = 0; i < record->n_roles; i++) {
                for (size_t j = 0; j < picks[i].n_hosts; j++)
                        place_give(&fabric->place, picks[i].hosts[j], &picks[i].size);
                free(picks[i].hosts);
        }
        return fits;
}

/* ---- the check */

static void instance_check(Fabric *fabric, Instance *instance, bool wanted)
{
        Deployment *deployment = instance->deployment;
        InstanceRecord *record = instance_record(instance);

        if (instance_is_gone(instance)) {
                if (!wanted)
                        instance_remove(fabric, instance);
                else if (instance->host->gone && fabric->cluster->braked)
                        state_timer(fabric, &instance->timer, FABRIC_NEVER);
                else if (!instance_move(fabric, instance))
                        deployment->n_waiting++;
                return;
        }
        if (record->power == POWER_RUNNING && !wanted)
                instance_stop(fabric, instance, POWER_STOPPING);
        else if (record->power == POWER_RUNNING && instance->host->alive)
                heal_check(fabric, instance);
}

/* Places the missing instances of a role, lowest number first, as far as there is room. A surge
 * instance does not wait for room: it is for the meantime only. */
static void role_fill(Fabric *fabric, Deployment *deployment, size_t index)
{
        DeploymentRole *role = &deployment_record(deployment)->roles[index];
        PlaceSize size = role_size(role);
        PlaceSpread spread;

        role_spread(fabric, deployment, index, NULL, &spread);
        for (uint32_t i = 0; i < role->count + role->surge && !fabric->failed; i++) {
                const Instance *there = instance_at(deployment, index, i);
                uint32_t host;

                if (there && i < role->count)
                        continue;
                if (there) {
                        host = there->host->place;
                } else if (host_pick(fabric, &spread, &size, PLACE_NONE, &host) == 0) {
                        instance_create(fabric, deployment, index, i, host_at(fabric, host));
                } else if (i < role->count) {
                        deployment->n_waiting++;
                        continue;
                } else {
                        role->surge = i - role->count;
                        state_touch(fabric, &deployment->item);
                        break;
                }
                if (place_spread_add(&spread, &fabric->place, host) < 0)
                        fabric->failed = true;
        }
        place_spread_deinit(&spread);
}

/* Checks the instances with numbers from @begin up to and without @end, the highest first. */
static void instances_check(Fabric *fabric, const Role *role, uint32_t begin, uint32_t end,
                            bool wanted)
{
        for (uint32_t i = MIN(end, role->n_instances); i-- > begin;)
                if (role->instances[i])
                        instance_check(fabric, role->instances[i], wanted);
}

static void role_check(Fabric *fabric, Deployment *deployment, size_t index)
{
        const DeploymentRole *wanted = &deployment_record(deployment)->roles[index];
        uint32_t count = wanted->count + wanted->surge;
        const Role *role = &deployment->roles[index];
        uint32_t missing = 0;

        /* what goes makes room; of that a surge instance is given what the others leave */
        instances_check(fabric, role, count, role->n_instances, false);
        instances_check(fabric, role, 0, wanted->count, true);
        instances_check(fabric, role, wanted->count, count, true);
        for (uint32_t i = 0; i < count && missing == 0; i++)
                missing += !instance_at(deployment, index, i);
        if (missing > 0)
                role_fill(fabric, deployment, index);
}

bool deployment_is_ready(const Deployment *deployment)
{
        const DeploymentRecord *record = &deployment->item.record.deployment;

        for (size_t r = 0; r < record->n_roles; r++)
                for (uint32_t i = 0; i < record->roles[r].count; i++) {
                        const Instance *instance = instance_at(deployment, r, i);

                        if (!instance || !instance_is_ready(instance))
                                return false;
                }
        return true;
}

void deployment_check(Fabric *fabric, Deployment *deployment)
{
        DeploymentRecord *record = deployment_record(deployment);

        fabric->n_waiting -= deployment->n_waiting;
        deployment->n_waiting = 0;
        for (size_t i = 0; i < record->n_roles; i++)
                role_check(fabric, deployment, i);
        fabric->n_waiting += deployment->n_waiting;
        for (size_t i = 0; i < record->n_roles; i++)
                drain_surge_check(fabric, deployment, i);
        if (record->deleting) {
                if (deployment->n_live == 0)
                        deployment_remove(fabric, deployment);
                return;
        }
        if (!record->ready && deployment_is_ready(deployment)) {
                record->ready = true;
                state_touch(fabric, &deployment->item);
        }
        walk_check(fabric, deployment);
}
