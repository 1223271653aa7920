/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Declares the network that follows from the tables to netd, and takes in what netd says of it. */

#include "hostd/host-half-internal.h"

#include "hostd/network.h"
#include "lib/base/array.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define CONNECTIONS_NS (500 * NSEC_PER_MSEC)

const ServiceRecord *host_network_slot(HostHalf *half, const char *deployment, Slot *ret_slot)
{
        MAP_FOREACH (entry, &half->services) {
                const ServiceRecord *service = entry->value;

                for (unsigned slot = 0; slot < SLOTS; slot++)
                        if (str_equal(service->slots[slot].deployment, deployment)) {
                                *ret_slot = slot;
                                return service;
                        }
        }
        *ret_slot = SLOT_STAGING;
        return NULL;
}

/* Nobody but the leader says who announces a VIP; where there is one host it need not be said. */
static void gather_vip(HostHalf *half, NetworkDeployment *deployment)
{
        const ServiceRecord *service;
        Slot slot;

        service = host_network_slot(half, deployment->record->id, &slot);
        if (!service)
                return;
        deployment->vip = service->slots[slot].vip;
        deployment->vip_owned = str_equal(service->slots[slot].owner, half->host) ||
                                (!service->slots[slot].owner[0] && map_size(&half->hosts) < 2);
}

static int gather_instances(HostHalf *half, NetworkDeployment *deployment)
{
        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                NetworkInstance network = {&instance->record, &instance->names,
                                           instance_ready(instance)};

                if (!instance->plugged || instance->record.incarnation == 0 ||
                    !str_equal(instance->id.deployment, deployment->record->id))
                        continue;
                if (ARRAY_APPEND(deployment->instances, deployment->n_instances, network) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static bool is_declared(const NetworkDeployment *deployment, const InstanceId *id)
{
        for (size_t i = 0; i < deployment->n_instances; i++)
                if (instance_id_equal(&deployment->instances[i].record->id, id))
                        return true;
        return false;
}

static NetworkMember member_of(HostHalf *half, const NetworkDeployment *deployment,
                               const InstanceRecord *record)
{
        char key[OBSERVED_KEY_MAX + 1];
        const ObservedRecord *observed;
        bool seen;

        host_observed_key(record->host, &record->id, key);
        observed = map_get(&half->observed, key);
        seen = observed && observed->incarnation == record->incarnation;

        return (NetworkMember) {
                .record = record,
                .here = is_declared(deployment, &record->id),
                .in_rotation = seen && observed->in_rotation,
                .ready = seen && observed->status == STATUS_READY_ROLE,
        };
}

/* Instances of all hosts, those that are here but in no record any more included. */
static int gather_members(HostHalf *half, NetworkDeployment *deployment)
{
        char key[RECORD_KEY_MAX + 1];
        int r = 0;

        MAP_FOREACH (entry, &half->records) {
                const InstanceRecord *record = entry->value;

                if (r == 0 && str_equal(record->id.deployment, deployment->record->id))
                        r = ARRAY_APPEND(deployment->members, deployment->n_members,
                                         member_of(half, deployment, record));
        }
        for (size_t i = 0; r == 0 && i < deployment->n_instances; i++) {
                const InstanceRecord *record = deployment->instances[i].record;

                instance_id_format(&record->id, key);
                if (!map_contains(&half->records, key))
                        r = ARRAY_APPEND(deployment->members, deployment->n_members,
                                         ((NetworkMember) {.record = record, .here = true}));
        }
        return r;
}

static void free_network(NetworkDeployment *network)
{
        free(network->instances);
        free(network->members);
}

static int gather_hosts(HostHalf *half, NetworkInput *input)
{
        MAP_FOREACH (entry, &half->hosts)
                if (ARRAY_APPEND(input->hosts, input->n_hosts,
                                 ((NetworkHost) {entry->value,
                                                 map_contains(&half->alive, entry->key)})) < 0)
                        return -ENOMEM;
        return 0;
}

static int gather(HostHalf *half, NetworkInput *input)
{
        MAP_FOREACH (entry, &half->deployments) {
                const Deployment *deployment = entry->value;
                NetworkDeployment network = {.record = deployment_record(deployment),
                                             .model = deployment_model(deployment)};
                int r;

                gather_vip(half, &network);
                r = gather_instances(half, &network);
                if (r == 0)
                        r = gather_members(half, &network);
                if (r == 0)
                        r = ARRAY_APPEND(input->deployments, input->n_deployments, network);
                if (r < 0) {
                        free_network(&network);
                        return r;
                }
        }
        return gather_hosts(half, input);
}

void host_network_declare(HostHalf *half)
{
        NetworkInput input = {.self = half->host, .uplink = half->uplink};
        NetPlan plan = {};
        int r;

        half->network_dirty = false;
        r = gather(half, &input);
        if (r == 0)
                r = network_plan(&input, &plan);
        for (size_t i = 0; i < input.n_deployments; i++)
                free_network(&input.deployments[i]);
        free(input.deployments);
        free(input.hosts);
        if (r < 0)
                log_error_errno(r, "cannot work out the network");
        else
                half->network_number = netd_client_declare(half->netd, &plan);
}

/* What waits for netd goes on once netd has carried out the declaration that has it. */
void host_network_progress(HostHalf *half)
{
        if (half->network_dirty || netd_client_carried_out(half->netd) < half->network_number)
                return;
        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                VmState state = vm_state(&instance->vm);

                if ((state == VM_PLUGGING || state == VM_UNPLUGGING) && vm_busy(&instance->vm))
                        instance_network_done(instance, true, NULL);
        }
}

static void on_netd_changed(void *userdata)
{
        HostHalf *half = userdata;

        host_network_progress(half);
        host_reconcile_later(half);
}

static int count_serving(HostHalf *half, const char *instance, bool more)
{
        unsigned *count = map_get(&half->serving, instance);
        int r;

        if (!count && more) {
                count = calloc(1, sizeof(*count));
                if (!count)
                        return -ENOMEM;
                r = map_put(&half->serving, instance, count);
                if (r < 0) {
                        free(count);
                        return r;
                }
        }
        if (more)
                (*count)++;
        else if (count && --*count == 0)
                free(map_remove(&half->serving, instance));
        return 0;
}

/* netd may tell the same twice: by a signal, and when it is asked. */
static void on_rotation(void *userdata, const char *endpoint, const char *instance,
                        bool in_rotation)
{
        HostHalf *half = userdata;
        _cleanup_free_ char *key = str_printf("%s %s", endpoint, instance);
        int r = key ? 0 : -ENOMEM;

        if (r == 0 && in_rotation != map_contains(&half->rotation, key)) {
                r = in_rotation ? map_put(&half->rotation, key, NULL) : 0;
                if (r == 0)
                        r = count_serving(half, instance, in_rotation);
                if (r < 0 || !in_rotation)
                        map_remove(&half->rotation, key);
        }
        if (r < 0)
                log_error_errno(r, "cannot note the rotation of %s", instance);
        host_reconcile_later(half);
}

static Instance *draining_instance(HostHalf *half, const char *id)
{
        char text[RECORD_KEY_MAX + 1];

        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;

                if (vm_state(&instance->vm) == VM_DRAINING &&
                    str_equal(instance_id_format(&instance->id, text), id))
                        return instance;
        }
        return NULL;
}

static void on_connections(void *userdata, const char *id, uint32_t count)
{
        HostHalf *half = userdata;
        Instance *instance = draining_instance(half, id);

        if (!instance || count > 0)
                return;
        instance_set_drained(instance, true);
        host_reconcile_later(half);
}

/* Connections are counted once netd has taken the instance out of rotation: before, new ones may
 * come. */
int host_network_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        HostHalf *half = userdata;
        bool left = false;

        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                char text[RECORD_KEY_MAX + 1];

                if (vm_state(&instance->vm) != VM_DRAINING)
                        continue;
                left = true;
                if (netd_client_carried_out(half->netd) >= half->network_number)
                        netd_client_ask_connections(half->netd,
                                                    instance_id_format(&instance->id, text));
        }
        if (left)
                host_timer_set(half->connections_timer, CONNECTIONS_NS);
        return 0;
}

void host_network_watch_drains(HostHalf *half)
{
        int enabled = SD_EVENT_OFF;

        sd_event_source_get_enabled(half->connections_timer, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        MAP_FOREACH (entry, &half->instances)
                if (vm_state(&((Instance *) entry->value)->vm) == VM_DRAINING)
                        return host_timer_set(half->connections_timer, CONNECTIONS_NS / 10);
}

NetdSink host_network_sink(HostHalf *half)
{
        return (NetdSink) {half, on_netd_changed, on_rotation, on_connections};
}
