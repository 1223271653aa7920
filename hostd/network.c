/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Translates records and models into netd's words. Endpoints are named after deployment, role and
 * endpoint, and not after a slot: so a swap changes the VIP of endpoints that are there already, in
 * one Update. */

#include "hostd/network.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/base/array.h"
#include "lib/base/str.h"

#define MS_PER_S 1000U

typedef struct Builder {
        NetPlan plan;
        const NetworkInput *input;
        bool failed; /* memory was short; checked once at the end */
} Builder;

/* A text of the plan, "" when memory is short, which the end will tell. */
#define TEXT(builder, ...)                                                                         \
        ({                                                                                         \
                const char *made = net_plan_text(&(builder)->plan, __VA_ARGS__);                   \
                (builder)->failed |= !made;                                                        \
                made ? made : "";                                                                  \
        })

#define ADD(builder, array, count, ...)                                                            \
        ((builder)->failed |= ARRAY_APPEND(array, count, __VA_ARGS__) < 0)

static const char *address_text(Builder *builder, const IpAddress *address)
{
        char text[IP_TEXT_MAX];

        return TEXT(builder, "%s", ip_format(address, text));
}

static const char *instance_text(Builder *builder, const InstanceId *id)
{
        char text[RECORD_KEY_MAX + 1];

        return TEXT(builder, "%s", instance_id_format(id, text));
}

static void add_network(Builder *builder, const NetworkDeployment *deployment)
{
        const DeploymentRecord *record = deployment->record;
        char text[IP_TEXT_MAX];
        IpAddress gateway;

        if (ip_add(&record->network, 1, &gateway) < 0)
                return;
        ADD(builder, builder->plan.state.networks, builder->plan.state.n_networks,
            (Net1Network) {
                    .id = TEXT(builder, "%s", record->id),
                    .bridge = TEXT(builder, "tb%06x", record->vni),
                    .vni = record->vni,
                    .gateway = TEXT(builder, "%s/%u", ip_format(&gateway, text),
                                    record->network_prefix),
                    .mtu_bytes = NETWORK_MTU_BYTES,
            });
}

static void add_instances(Builder *builder, const NetworkDeployment *deployment)
{
        for (size_t i = 0; i < deployment->n_instances; i++) {
                const NetworkInstance *instance = &deployment->instances[i];

                ADD(builder, builder->plan.state.instances, builder->plan.state.n_instances,
                    (Net1Instance) {
                            .id = instance_text(builder, &instance->record->id),
                            .network = TEXT(builder, "%s", deployment->record->id),
                            .group = TEXT(builder, "%s", instance->record->id.role),
                            .tap = TEXT(builder, "%s", instance->names->tap),
                            .mac = TEXT(builder, "%s", instance->names->mac),
                            .address = address_text(builder, &instance->record->address),
                            .owner = NET1_OWNER_NONE,
                    });
        }
}

/* ---- over hosts */

static const NetworkHost *host_of(const Builder *builder, const char *name)
{
        for (size_t i = 0; i < builder->input->n_hosts; i++)
                if (str_equal(builder->input->hosts[i].record->name, name))
                        return &builder->input->hosts[i];
        return NULL;
}

static void add_remotes(Builder *builder, const NetworkDeployment *deployment)
{
        for (size_t i = 0; i < deployment->n_members; i++) {
                const NetworkMember *member = &deployment->members[i];
                const NetworkHost *host = host_of(builder, member->record->host);
                char name[VM_NAME_MAX + 1], mac[VM_MAC_MAX + 1];

                if (member->here || !host || host->record->address.family == 0 ||
                    member->record->address.family == 0 ||
                    str_equal(member->record->host, builder->input->self))
                        continue;
                vm_name_format(&member->record->id, member->record->incarnation, name);
                vm_mac_make(name, mac);
                ADD(builder, builder->plan.state.remotes, builder->plan.state.n_remotes,
                    (Net1Remote) {
                            .id = instance_text(builder, &member->record->id),
                            .network = TEXT(builder, "%s", deployment->record->id),
                            .group = TEXT(builder, "%s", member->record->id.role),
                            .mac = TEXT(builder, "%s", mac),
                            .address = address_text(builder, &member->record->address),
                            .peer = TEXT(builder, "%s", host->record->name),
                    });
        }
}

/* Whether a member counts for its host: as observed; one that is to be reached whatever its status,
 * by being there. A host that lost its lease has nobody: its VMs are ending or have ended. */
static bool counts(const Builder *builder, const NetworkMember *member, const Net1Endpoint *net,
                   bool one)
{
        const NetworkHost *host = host_of(builder, member->record->host);

        if (!host || !host->alive)
                return false;
        return one || (member->in_rotation && (member->ready || net->ignore_status));
}

static uint32_t weight_of(const Builder *builder, const NetworkDeployment *deployment,
                          const char *role, const uint32_t *number, const Net1Endpoint *net,
                          const char *host)
{
        uint32_t weight = 0;

        for (size_t i = 0; i < deployment->n_members; i++) {
                const NetworkMember *member = &deployment->members[i];

                weight += str_equal(member->record->host, host) &&
                          str_equal(member->record->id.role, role) &&
                          (!number || member->record->id.number == *number) &&
                          counts(builder, member, net, number != NULL);
        }
        return weight;
}

/* How many of a role's instances, or of one of them, each host has for an endpoint. */
static void add_share(Builder *builder, const NetworkDeployment *deployment, const char *role,
                      const uint32_t *number, const Net1Endpoint *net)
{
        Net1Share share = {.endpoint = net->id};

        if (builder->input->n_hosts < 2)
                return;
        for (size_t i = 0; i < builder->input->n_hosts; i++) {
                const char *host = builder->input->hosts[i].record->name;
                uint32_t weight = weight_of(builder, deployment, role, number, net, host);

                if (weight > 0)
                        ADD(builder, share.weights, share.n_weights,
                            (Net1Weight) {TEXT(builder, "%s", host), weight});
        }
        ADD(builder, builder->plan.state.shares, builder->plan.state.n_shares, share);
}

/* ---- endpoints */

static Net1Probe probe_of(Builder *builder, const ServiceModel *model, const Endpoint *endpoint)
{
        const Probe *probe;

        if (endpoint->probe < 0)
                return (Net1Probe) {.kind = NET1_PROBE_NONE, .path = ""};
        probe = &model->probes[endpoint->probe];
        return (Net1Probe) {
                .kind = probe->http ? NET1_PROBE_HTTP : NET1_PROBE_TCP,
                .port = probe->port,
                .path = TEXT(builder, "%s", probe->path ? probe->path : ""),
                .interval_ms = probe->interval_s * MS_PER_S,
                .timeout_ms = probe->timeout_s * MS_PER_S,
        };
}

static void add_acl(Builder *builder, const Endpoint *endpoint, Net1Endpoint *net)
{
        for (size_t i = 0; i < endpoint->n_rules; i++) {
                const AccessRule *rule = &endpoint->rules[i];
                const uint8_t *bytes = (const uint8_t *) &rule->address;

                ADD(builder, net->acl, net->n_acl,
                    (Net1Rule) {
                            .permit = rule->permit,
                            .network = TEXT(builder, "%u.%u.%u.%u/%u", bytes[0], bytes[1], bytes[2],
                                            bytes[3], rule->prefix),
                    });
        }
}

static void add_backend(Builder *builder, const NetworkInstance *instance, uint16_t port,
                        Net1Endpoint *net)
{
        ADD(builder, net->backends, net->n_backends,
            (Net1Backend) {
                    .instance = instance_text(builder, &instance->record->id),
                    .port = port,
                    .ready = instance->ready,
            });
}

/* All that input and instance input endpoints have in common. */
static Net1Endpoint public_endpoint(Builder *builder, const NetworkDeployment *deployment,
                                    const Endpoint *endpoint)
{
        Net1Endpoint net = {
                .vip = address_text(builder, &deployment->vip),
                .protocol = endpoint->protocol == PROTOCOL_UDP ? NET1_UDP : NET1_TCP,
                .balancing = endpoint->distribution == DISTRIBUTION_FIVE_TUPLE ? NET1_BY_TUPLE
                                                                               : NET1_BY_SOURCE,
                .ignore_status = endpoint->ignore_role_instance_status,
                .idle_timeout_s = endpoint->protocol == PROTOCOL_UDP ? endpoint->idle_timeout_s : 0,
                .probe = probe_of(builder, deployment->model, endpoint),
        };

        add_acl(builder, endpoint, &net);
        return net;
}

static void add_input_endpoint(Builder *builder, const NetworkDeployment *deployment,
                               const Role *role, const Endpoint *endpoint)
{
        Net1Endpoint net = public_endpoint(builder, deployment, endpoint);

        net.id = TEXT(builder, "%s/%s/%s", deployment->record->id, role->name, endpoint->name);
        net.port = endpoint->public_first;
        for (size_t i = 0; i < deployment->n_instances; i++)
                if (str_equal(deployment->instances[i].record->id.role, role->name))
                        add_backend(builder, &deployment->instances[i], endpoint->local_first,
                                    &net);
        add_share(builder, deployment, role->name, NULL, &net);
        ADD(builder, builder->plan.state.endpoints, builder->plan.state.n_endpoints, net);
}

static void add_instance_endpoint(Builder *builder, const NetworkDeployment *deployment,
                                  const Role *role, const Endpoint *endpoint, uint32_t number)
{
        Net1Endpoint net = public_endpoint(builder, deployment, endpoint);

        net.id = TEXT(builder, "%s/%s/%s/%" PRIu32, deployment->record->id, role->name,
                      endpoint->name, number);
        net.port = (uint16_t) (endpoint->public_first + number);
        net.ignore_status = true;
        for (size_t i = 0; i < deployment->n_instances; i++) {
                const InstanceId *id = &deployment->instances[i].record->id;

                if (str_equal(id->role, role->name) && id->number == number)
                        add_backend(builder, &deployment->instances[i], endpoint->local_first,
                                    &net);
        }
        add_share(builder, deployment, role->name, &number, &net);
        ADD(builder, builder->plan.state.endpoints, builder->plan.state.n_endpoints, net);
}

/* One for each instance that there is, here or on another host. */
static void add_instance_endpoints(Builder *builder, const NetworkDeployment *deployment,
                                   const Role *role, const Endpoint *endpoint)
{
        for (size_t i = 0; i < deployment->n_members; i++) {
                const InstanceId *id = &deployment->members[i].record->id;

                if (str_equal(id->role, role->name) &&
                    endpoint->public_first + id->number <= endpoint->public_last)
                        add_instance_endpoint(builder, deployment, role, endpoint, id->number);
        }
}

static void add_endpoints(Builder *builder, const NetworkDeployment *deployment)
{
        for (size_t i = 0; i < deployment->model->n_roles; i++) {
                const Role *role = &deployment->model->roles[i];

                for (size_t j = 0; j < role->n_endpoints; j++) {
                        if (role->endpoints[j].kind == ENDPOINT_INPUT)
                                add_input_endpoint(builder, deployment, role, &role->endpoints[j]);
                        else if (role->endpoints[j].kind == ENDPOINT_INSTANCE_INPUT)
                                add_instance_endpoints(builder, deployment, role,
                                                       &role->endpoints[j]);
                }
        }
}

static void add_reach(Builder *builder, const NetworkDeployment *deployment,
                      const TrafficRule *rule, Net1Protocol protocol)
{
        const Role *role = &deployment->model->roles[rule->role];
        const Endpoint *endpoint = &role->endpoints[rule->endpoint];
        Net1Reach reach = {
                .network = TEXT(builder, "%s", deployment->record->id),
                .group = TEXT(builder, "%s", role->name),
                .protocol = protocol,
                .first = endpoint->local_first,
                .last = endpoint->local_last,
        };

        for (size_t i = 0; i < rule->n_sources; i++)
                ADD(builder, reach.from, reach.n_from,
                    TEXT(builder, "%s", deployment->model->roles[rule->sources[i]].name));
        ADD(builder, builder->plan.state.reaches, builder->plan.state.n_reaches, reach);
}

static void add_reaches(Builder *builder, const NetworkDeployment *deployment)
{
        for (size_t i = 0; i < deployment->model->n_traffic_rules; i++) {
                const TrafficRule *rule = &deployment->model->traffic_rules[i];
                EndpointProtocol protocol =
                        deployment->model->roles[rule->role].endpoints[rule->endpoint].protocol;

                if (rule->all)
                        continue;
                if (protocol != PROTOCOL_UDP)
                        add_reach(builder, deployment, rule, NET1_TCP);
                if (protocol == PROTOCOL_UDP || protocol == PROTOCOL_ANY)
                        add_reach(builder, deployment, rule, NET1_UDP);
        }
}

static void add_vip(Builder *builder, const NetworkDeployment *deployment)
{
        ADD(builder, builder->plan.state.vips, builder->plan.state.n_vips,
            (Net1Vip) {
                    .address = address_text(builder, &deployment->vip),
                    .uplink = TEXT(builder, "%s", builder->input->uplink),
                    .owned = deployment->vip_owned,
            });
}

static void add_peers(Builder *builder)
{
        for (size_t i = 0; i < builder->input->n_hosts; i++) {
                const HostRecord *host = builder->input->hosts[i].record;
                bool self = str_equal(host->name, builder->input->self);

                if (host->address.family == 0)
                        continue;
                ADD(builder, builder->plan.state.peers, builder->plan.state.n_peers,
                    (Net1Peer) {
                            .id = TEXT(builder, "%s", host->name),
                            .address = address_text(builder, &host->address),
                            .self = self,
                            .alive = self || builder->input->hosts[i].alive,
                    });
        }
}

int network_plan(const NetworkInput *input, NetPlan *ret_plan)
{
        Builder builder = {.input = input};

        for (size_t i = 0; i < input->n_deployments; i++) {
                const NetworkDeployment *deployment = &input->deployments[i];

                add_network(&builder, deployment);
                add_instances(&builder, deployment);
                if (deployment->n_instances > 0)
                        add_remotes(&builder, deployment);
                if (!deployment->model)
                        continue;
                add_reaches(&builder, deployment);
                if (deployment->vip.family == 0)
                        continue;
                add_vip(&builder, deployment);
                add_endpoints(&builder, deployment);
        }
        add_peers(&builder);
        if (builder.failed) {
                net_plan_deinit(&builder.plan);
                return -ENOMEM;
        }
        *ret_plan = builder.plan;
        return 0;
}
