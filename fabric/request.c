/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Requests about services; those about hosts are in request-hosts.c, those about what hosts have in
 * request-records.c. Each function checks, then changes what is wanted and starts an operation; the
 * check of deployments and hosts that follows every event does the rest. */

#include "fabric/request.h"

#include <stdio.h>

#include "fabric/deployment.h"
#include "fabric/guest-os.h"
#include "fabric/instance.h"
#include "fabric/network.h"
#include "fabric/operation.h"
#include "fabric/request-internal.h"
#include "fabric/swap.h"
#include "lib/base/str.h"

void request_refuse(Fabric *fabric, FabricRefusal refusal, const char *format, ...)
{
        va_list args;

        fabric->refusal = refusal;
        va_start(args, format);
        vsnprintf(fabric->message, sizeof(fabric->message), format, args);
        va_end(args);
}

/* ---- finding what a request names */

static int find_service(Fabric *fabric, const char *name, ServiceRecord **ret)
{
        Record *record = state_get_named(fabric, RECORD_SERVICE, name);

        if (!record)
                return refuse(fabric, FABRIC_NO_SUCH_SERVICE, "there is no service '%.63s'", name);
        *ret = &record->service;
        return 0;
}

static int find_deployment(Fabric *fabric, const FabricRequest *request, Deployment **ret)
{
        ServiceRecord *service;
        int r = find_service(fabric, request->service, &service);

        if (r != 0)
                return r;
        *ret = deployment_of(fabric, service->slots[request->slot].deployment);
        if (!*ret)
                return refuse(fabric, FABRIC_NO_SUCH_DEPLOYMENT,
                              "service '%s' has no deployment in the %s slot", service->name,
                              slot_to_string(request->slot));
        return 0;
}

int request_find_host(Fabric *fabric, const char *name, Host **ret)
{
        Host *host = map_get(&fabric->hosts, name);

        if (!host || !host->record)
                return refuse(fabric, FABRIC_NO_SUCH_HOST, "there is no host '%.63s'", name);
        *ret = host;
        return 0;
}

/* Nothing else may be under way on the deployment, or on the instance. */
static int check_idle(Fabric *fabric, Deployment *deployment, const InstanceId *instance)
{
        const DeploymentRecord *record = deployment_record(deployment);
        Operation *running = operation_running(fabric, record->id, instance);

        if (running)
                return refuse(fabric, FABRIC_OPERATION_CONFLICT,
                              "operation %s (%s) on service '%s' is running: wait for its end",
                              operation_record(running)->id,
                              operation_kind_to_string(operation_record(running)->kind),
                              record->service);
        if (record->deleting)
                return refuse(fabric, FABRIC_OPERATION_CONFLICT,
                              "deployment %s of service '%s' is being deleted", record->id,
                              record->service);
        return 0;
}

static int check_operation_id(Fabric *fabric, const FabricRequest *request)
{
        assert(request->operation && str_is_name(request->operation, RECORD_NAME_MAX));
        if (state_get_named(fabric, RECORD_OPERATION, request->operation))
                return refuse(fabric, FABRIC_REFUSED_NOW, "operation %s exists already",
                              request->operation);
        return 0;
}

/* ---- room, addresses, guest OS */

static int check_counts(Fabric *fabric, const DeploymentRecord *record)
{
        uint32_t capacity = network_capacity(&record->network, record->network_prefix);
        uint64_t total = 0;

        for (size_t i = 0; i < record->n_roles; i++) {
                if (record->roles[i].count > RECORD_COUNT_MAX)
                        return refuse(fabric, FABRIC_COUNT_INVALID,
                                      "role '%s' has %u instances; at most %u are possible",
                                      record->roles[i].name, record->roles[i].count,
                                      RECORD_COUNT_MAX);
                total += record->roles[i].count;
        }
        if (total > capacity)
                return refuse(fabric, FABRIC_COUNT_INVALID,
                              "%llu instances in all; the deployment's network has addresses "
                              "for %u",
                              (unsigned long long) total, capacity);
        return 0;
}

static int check_room(Fabric *fabric, const DeploymentRecord *record, const Deployment *deployment)
{
        const DeploymentRole *role;

        if (deployment_fits(fabric, record, deployment, &role))
                return 0;
        return refuse(fabric, FABRIC_NO_ROOM,
                      "no room for %u instances of role '%s' (each %u vCPU, %llu MiB memory, "
                      "%llu MiB disk) on the hosts that are alive and not cordoned",
                      role->count, role->name, role->vcpus,
                      (unsigned long long) (role->memory_bytes / MIB),
                      (unsigned long long) ((role->disk_bytes + role->storage_bytes) / MIB));
}

static int pick_os(Fabric *fabric, const char *family, const char *version,
                   RecordVersion ret_version)
{
        const OsRecord *best = guest_os_pick(fabric, family, version);

        if (!best)
                return refuse(fabric, FABRIC_NO_GUEST_OS,
                              "no guest operating system %.63s version %.63s is there, or it is "
                              "disabled: see `troupectl os list`",
                              family, version);
        memcpy(ret_version, best->version, sizeof(RecordVersion));
        return 0;
}

/* ---- deploy */

/* A service that is being deleted takes nothing in: it would never be gone. */
static int check_not_deleted(Fabric *fabric, const char *service)
{
        RECORDS_FOREACH(entry, fabric, RECORD_OPERATION)
        {
                const OperationRecord *o = &((Record *) entry->value)->operation;

                if (o->state == OPERATION_RUNNING && o->kind == OPERATION_DELETE &&
                    !o->deployment[0] && str_equal(o->service, service))
                        return refuse(fabric, FABRIC_OPERATION_CONFLICT,
                                      "operation %s is deleting service '%s': wait for its end",
                                      o->id, service);
        }
        return 0;
}

static int check_slot(Fabric *fabric, const FabricRequest *request, ServiceRecord **ret)
{
        Record *record = state_get_named(fabric, RECORD_SERVICE, request->service);
        const char *there;

        *ret = record ? &record->service : NULL;
        there = record ? record->service.slots[request->slot].deployment : "";
        if (there[0])
                return refuse(fabric, FABRIC_SLOT_OCCUPIED,
                              "the %s slot of service '%s' holds deployment %s: delete it first, "
                              "or deploy to the other slot and swap",
                              slot_to_string(request->slot), request->service, there);
        return 0;
}

static int pick_vip(Fabric *fabric, const ServiceRecord *service, Slot slot, IpAddress *ret_vip)
{
        if (service && service->slots[slot].vip.family != 0) {
                *ret_vip = service->slots[slot].vip;
                return 0;
        }
        if (!network_pick_vip(fabric, ret_vip))
                return refuse(fabric, FABRIC_NO_VIP,
                              "every public address of the cluster's %zu pools is taken",
                              fabric->cluster->n_vip_pools);
        return 0;
}

static int prepare_deployment(Fabric *fabric, const FabricRequest *request,
                              DeploymentRecord *record)
{
        int r;

        if (!state_get_named(fabric, RECORD_PACKAGE, record->package))
                return refuse(fabric, FABRIC_NO_SUCH_PACKAGE, "package %.12s is not in the cluster",
                              record->package);
        if (deployment_of(fabric, record->id))
                return refuse(fabric, FABRIC_REFUSED_NOW, "deployment %s exists already",
                              record->id);
        r = pick_os(fabric, record->os_family, record->os_version, record->os_current);
        if (r != 0)
                return r;
        SET_NAME(record->service, request->service);
        record->configuration_generation = 1;
        record->ready = false;
        record->deleting = false;
        for (size_t i = 0; i < record->n_roles; i++)
                record->roles[i].surge = 0;
        memset(record->os_next, 0, sizeof(record->os_next));
        memset(record->os_failed, 0, sizeof(record->os_failed));
        record->os_walks = 0;
        record->created_us = fabric->realtime_us;
        if (!network_pick(fabric, record))
                return refuse(fabric, FABRIC_NO_SUBNET,
                              "the cluster's overlay range has no network left");
        r = check_counts(fabric, record);
        return r != 0 ? r : check_room(fabric, record, NULL);
}

static ServiceRecord *service_add(Fabric *fabric, const char *name)
{
        RecordKey key = {.type = RECORD_SERVICE};
        Item *item;

        SET_NAME(key.name, name);
        item = state_add(fabric, &key);
        if (!item)
                return NULL;
        item->record.service.created_us = fabric->realtime_us;
        return &item->record.service;
}

static void set_operation_roles(Operation *operation, const DeploymentRecord *record,
                                const uint32_t *from)
{
        OperationRecord *o = operation_record(operation);

        o->n_roles = record->n_roles;
        for (size_t i = 0; i < record->n_roles; i++) {
                o->roles[i] = (OperationRole) {.from = from[i], .to = record->roles[i].count};
                SET_NAME(o->roles[i].name, record->roles[i].name);
        }
}

static void commit_deployment(Fabric *fabric, const FabricRequest *request, const Record *record,
                              ServiceRecord *service, const IpAddress *vip)
{
        static const uint32_t none[RECORD_ROLES_MAX];
        Deployment *deployment;
        Operation *operation;
        Item *item;

        if (!service)
                service = service_add(fabric, request->service);
        item = service ? state_put(fabric, record) : NULL;
        if (!item)
                return;
        service->slots[request->slot].vip = *vip;
        fabric->owners_changed = true;
        SET_NAME(service->slots[request->slot].deployment, record->deployment.id);
        state_touch(fabric, ITEM_OF(CONTAINER_OF(service, Record, service)));
        deployment = CONTAINER_OF(item, Deployment, item);
        deployment_link(fabric, deployment);
        state_touch(fabric, item);
        package_refresh(fabric, record->deployment.package);
        operation = operation_start(fabric, request->operation, OPERATION_DEPLOY, deployment);
        if (operation)
                set_operation_roles(operation, deployment_record(deployment), none);
}

static int deploy(Fabric *fabric, const FabricRequest *request)
{
        Record record = {.type = RECORD_DEPLOYMENT, .deployment = *request->deployment};
        ServiceRecord *service;
        IpAddress vip;
        int r;

        r = check_slot(fabric, request, &service);
        if (r == 0)
                r = check_not_deleted(fabric, request->service);
        if (r == 0)
                r = prepare_deployment(fabric, request, &record.deployment);
        if (r == 0)
                r = pick_vip(fabric, service, request->slot, &vip);
        if (r == 0)
                commit_deployment(fabric, request, &record, service, &vip);
        return r;
}

/* ---- scale, configure */

static int apply_counts(Fabric *fabric, const FabricRequest *request, DeploymentRecord *record)
{
        for (size_t i = 0; i < request->n_counts; i++) {
                const FabricCount *count = &request->counts[i];
                const DeploymentRole *role = deployment_role(record, count->role);

                if (!role)
                        return refuse(fabric, FABRIC_NO_SUCH_ROLE,
                                      "service '%s' has no role '%.63s'", record->service,
                                      count->role);
                record->roles[role - record->roles].count = count->count;
        }
        return check_counts(fabric, record);
}

/* Whether it may be asked to run with another guest OS. One that it already asks for may meanwhile
 * have been disabled. */
static int check_os_change(Fabric *fabric, const FabricRequest *request,
                           const DeploymentRecord *record)
{
        const DeploymentRecord *asked = request->deployment;
        RecordVersion version;

        if (!asked || !asked->os_version[0])
                return 0;
        if (!str_equal(asked->os_family, record->os_family))
                return refuse(fabric, FABRIC_NO_GUEST_OS,
                              "service '%s' runs guest OS %s and cannot become %s where it is: "
                              "deploy it to the other slot and swap",
                              record->service, record->os_family, asked->os_family);
        if (str_equal(asked->os_version, record->os_version))
                return 0;
        return pick_os(fabric, asked->os_family, asked->os_version, version);
}

static int change_counts(Fabric *fabric, const FabricRequest *request, OperationKind kind)
{
        uint32_t from[RECORD_ROLES_MAX] = {};
        DeploymentRecord wanted, *record;
        Deployment *deployment;
        Operation *operation;
        int r;

        r = find_deployment(fabric, request, &deployment);
        if (r == 0)
                r = check_idle(fabric, deployment, NULL);
        if (r != 0)
                return r;
        record = deployment_record(deployment);
        wanted = *record;
        r = apply_counts(fabric, request, &wanted);
        if (r == 0)
                r = check_room(fabric, &wanted, deployment);
        if (r == 0 && kind == OPERATION_CONFIGURE)
                r = check_os_change(fabric, request, record);
        if (r != 0)
                return r;
        for (size_t i = 0; i < record->n_roles; i++) {
                from[i] = record->roles[i].count;
                record->roles[i].count = wanted.roles[i].count;
        }
        if (request->configuration) {
                record->configuration_generation++;
                if (str_set(&record->configuration, request->configuration) < 0)
                        fabric->failed = true;
                if (request->deployment && request->deployment->os_version[0])
                        guest_os_ask(fabric, record, request->deployment->os_version);
        }
        state_touch(fabric, &deployment->item);
        state_queue(fabric, deployment);
        operation = operation_start(fabric, request->operation, kind, deployment);
        if (operation)
                set_operation_roles(operation, record, from);
        return 0;
}

/* ---- swap */

static int check_swap(Fabric *fabric, const FabricRequest *request, Deployment *production,
                      Deployment *staging)
{
        char difference[256];
        int r = check_idle(fabric, staging, NULL);

        if (r == 0 && production)
                r = check_idle(fabric, production, NULL);
        if (r != 0)
                return r;
        if (production && swap_difference(deployment_record(production), deployment_record(staging),
                                          difference, sizeof(difference)))
                return refuse(fabric, FABRIC_SWAP_ILLEGAL,
                              "service '%s': %s; deploy one with the same endpoints to staging",
                              request->service, difference);
        if (!request->force && !deployment_is_ready(staging))
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "not every instance of deployment %s in staging is Ready",
                              deployment_record(staging)->id);
        return 0;
}

static int swap(Fabric *fabric, const FabricRequest *request)
{
        Deployment *production, *staging;
        const Instance *behind;
        ServiceRecord *service;
        Operation *operation;
        uint32_t total;
        IpAddress vip;
        int r;

        r = find_service(fabric, request->service, &service);
        if (r != 0)
                return r;
        production = deployment_of(fabric, service->slots[SLOT_PRODUCTION].deployment);
        staging = deployment_of(fabric, service->slots[SLOT_STAGING].deployment);
        if (!staging)
                return refuse(fabric, FABRIC_NO_STAGING,
                              "service '%s' has no staging deployment to swap in", service->name);
        r = check_swap(fabric, request, production, staging);
        if (r == 0)
                r = pick_vip(fabric, service, SLOT_PRODUCTION, &vip);
        if (r != 0)
                return r;
        operation = operation_start(fabric, request->operation, OPERATION_SWAP, staging);
        if (operation && (request->force || swap_rotation(staging, &total, &behind) == total))
                swap_carry_out(fabric, operation);
        return 0;
}

/* ---- delete */

/* Ends what runs on a deployment and sets all that is wanted of it to nothing. */
static void begin_deleting(Fabric *fabric, Deployment *deployment)
{
        DeploymentRecord *record = deployment_record(deployment);
        Operation *running;

        while ((running = operation_running(fabric, record->id, NULL)))
                operation_end(fabric, running, OPERATION_FAILED, "OperationConflict",
                              "the deployment was deleted");
        record->deleting = true;
        for (size_t i = 0; i < record->n_roles; i++)
                record->roles[i].count = record->roles[i].surge = 0;
        state_touch(fabric, &deployment->item);
        state_queue(fabric, deployment);
}

static int delete_deployment(Fabric *fabric, const FabricRequest *request)
{
        Deployment *deployment;
        Operation *operation;
        int r = find_deployment(fabric, request, &deployment);

        if (r != 0)
                return r;
        if (deployment_record(deployment)->deleting)
                return check_idle(fabric, deployment, NULL);
        begin_deleting(fabric, deployment);
        operation = operation_start(fabric, request->operation, OPERATION_DELETE, deployment);
        if (operation)
                operation_record(operation)->total = deployment->n_live;
        return 0;
}

static int delete_service(Fabric *fabric, const FabricRequest *request)
{
        ServiceRecord *service;
        Operation *operation;
        uint32_t total = 0;
        int r = find_service(fabric, request->service, &service);

        if (r == 0)
                r = check_not_deleted(fabric, request->service);
        if (r != 0)
                return r;
        for (unsigned slot = 0; slot < SLOTS; slot++) {
                Deployment *d = deployment_of(fabric, service->slots[slot].deployment);

                if (d && !deployment_record(d)->deleting)
                        begin_deleting(fabric, d);
                total += d ? d->n_live : 0;
        }
        operation = operation_start(fabric, request->operation, OPERATION_DELETE, NULL);
        if (operation) {
                SET_NAME(operation_record(operation)->service, service->name);
                operation_record(operation)->total = total;
        }
        return 0;
}

/* ---- instances */

static int act(Fabric *fabric, const FabricRequest *request, OperationKind kind,
               InstanceAction action)
{
        Instance *instance = instance_of(fabric, &request->instance);
        InstanceRecord *record;
        Operation *operation;
        char id[RECORD_KEY_MAX + 1];
        int r;

        instance_id_format(&request->instance, id);
        if (!instance)
                return refuse(fabric, FABRIC_NO_SUCH_INSTANCE, "there is no instance %s", id);
        r = check_idle(fabric, instance->deployment, &request->instance);
        if (r != 0)
                return r;
        record = instance_record(instance);
        if (record->power != POWER_RUNNING || !instance->host->alive)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "%s is not running on a host that is alive: healing comes first", id);
        record->wanted[action]++;
        instance->acted_ns = fabric->now_ns;
        state_touch(fabric, &instance->item);
        state_queue(fabric, instance->deployment);
        operation = operation_start(fabric, request->operation, kind, instance->deployment);
        if (operation) {
                operation_record(operation)->instance = request->instance;
                operation_record(operation)->wanted = record->wanted[action];
                operation_record(operation)->total = 2;
        }
        return 0;
}

static int request_service(Fabric *fabric, const FabricRequest *request)
{
        switch (request->kind) {
        case FABRIC_DEPLOY:
                return deploy(fabric, request);
        case FABRIC_SCALE:
                return change_counts(fabric, request, OPERATION_SCALE);
        case FABRIC_CONFIGURE:
                return change_counts(fabric, request, OPERATION_CONFIGURE);
        case FABRIC_SWAP:
                return swap(fabric, request);
        case FABRIC_DELETE:
                return delete_deployment(fabric, request);
        case FABRIC_DELETE_SERVICE:
                return delete_service(fabric, request);
        case FABRIC_REBOOT:
                return act(fabric, request, OPERATION_REBOOT, ACTION_REBOOT);
        case FABRIC_REIMAGE:
                return act(fabric, request, OPERATION_REIMAGE, ACTION_REIMAGE);
        case FABRIC_REBUILD:
                return act(fabric, request, OPERATION_REBUILD, ACTION_REBUILD);
        default:
                assert(false);
                return 0;
        }
}

int request_step(Fabric *fabric, const FabricRequest *request)
{
        int r = 0;

        if (request->kind <= FABRIC_REBUILD || request->kind == FABRIC_DRAIN ||
            request->kind == FABRIC_UPDATE_HOSTS)
                r = check_operation_id(fabric, request);
        if (r != 0)
                return r;
        switch (request->kind) {
        case FABRIC_CORDON:
        case FABRIC_UNCORDON:
        case FABRIC_DRAIN:
        case FABRIC_UPDATE_HOSTS:
        case FABRIC_REMOVE_HOST:
        case FABRIC_RELEASE_BRAKE:
                return request_host(fabric, request);
        case FABRIC_REGISTER:
        case FABRIC_UNREGISTER:
        case FABRIC_HOLD:
        case FABRIC_UNHOLD:
        case FABRIC_DISABLE_OS:
        case FABRIC_ENABLE_OS:
                return request_record(fabric, request);
        default:
                return request_service(fabric, request);
        }
}
