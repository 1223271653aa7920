/* SPDX-License-Identifier: GPL-3.0-or-later */

/* From the model's words to the agent's. Texts are copied; one that could not be is found out at
 * the end. */

#include "hostd/role-spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/str.h"

typedef struct Builder {
        const RoleSpecInput *input;
        const Role *role;
        InstanceFacts facts;
        char name[RECORD_KEY_MAX + 1]; /* web_IN_0 */
        char address[IP_TEXT_MAX];
        AgentConfig config;
        bool no_certificate;
        bool failed; /* memory was short */
} Builder;

static char *copy(Builder *builder, const char *text)
{
        char *copied = text ? strdup(text) : NULL;

        builder->failed |= text && !copied;
        return copied;
}

static char *owned(Builder *builder, char *text)
{
        builder->failed |= !text;
        return text;
}

#define ADD(builder, array, count, ...)                                                            \
        ((builder)->failed |= ARRAY_APPEND(array, count, __VA_ARGS__) < 0)

static void instance_name(const InstanceId *id, char *text)
{
        snprintf(text, RECORD_KEY_MAX + 1, "%s_IN_%" PRIu32, id->role, id->number);
}

static void add_environment(Builder *builder, const Environment *from, AgentPair **ret_pairs,
                            size_t *ret_count)
{
        for (size_t i = 0; i < from->n_variables; i++) {
                const Variable *variable = &from->variables[i];
                char *value = NULL;

                if (!variable->xpath)
                        value = copy(builder, variable->value);
                else if (model_xpath_value(&builder->facts, variable->xpath, &value) < 0)
                        builder->failed = true;
                ADD(builder, *ret_pairs, *ret_count,
                    (AgentPair) {copy(builder, variable->name), value ? value : copy(builder, "")});
        }
}

static void add_tasks(Builder *builder)
{
        static const AgentTaskType types[] = {
                [TASK_SIMPLE] = AGENT_TASK_SIMPLE,
                [TASK_FOREGROUND] = AGENT_TASK_FOREGROUND,
                [TASK_BACKGROUND] = AGENT_TASK_BACKGROUND,
        };

        for (size_t i = 0; i < builder->role->n_tasks; i++) {
                const StartupTask *from = &builder->role->tasks[i];
                AgentTask task = {
                        .command = copy(builder, from->command_line),
                        .elevated = from->elevated,
                        .type = types[from->type],
                };

                add_environment(builder, &from->environment, &task.environment,
                                &task.n_environment);
                ADD(builder, builder->config.tasks, builder->config.n_tasks, task);
        }
}

/* An endpoint as instance @number of its role has it. */
static AgentEndpoint endpoint_of(Builder *builder, const Endpoint *from, uint32_t number)
{
        static const char *const kinds[] = {
                [ENDPOINT_INPUT] = "input",
                [ENDPOINT_INTERNAL] = "internal",
                [ENDPOINT_INSTANCE_INPUT] = "instance-input",
        };
        uint64_t public_port = from->public_first;

        if (from->kind == ENDPOINT_INSTANCE_INPUT)
                public_port += number;
        return (AgentEndpoint) {
                .name = copy(builder, from->name),
                .kind = copy(builder, kinds[from->kind]),
                .protocol = copy(builder, protocol_to_string(from->protocol)),
                .port = from->local_first,
                .port_last = from->local_last,
                .public_port = public_port,
                .certificate = copy(builder, from->certificate),
        };
}

static void add_endpoints(Builder *builder, const Role *role, uint32_t number,
                          AgentEndpoint **ret_endpoints, size_t *ret_count)
{
        for (size_t i = 0; i < role->n_endpoints; i++)
                ADD(builder, *ret_endpoints, *ret_count,
                    endpoint_of(builder, &role->endpoints[i], number));
}

static void add_bindings(Builder *builder, const Site *from, AgentSite *site)
{
        for (size_t i = 0; i < from->n_bindings; i++) {
                const Endpoint *endpoint = &builder->role->endpoints[from->bindings[i].endpoint];

                ADD(builder, site->bindings, site->n_bindings,
                    (AgentBinding) {
                            .protocol = copy(builder, protocol_to_string(endpoint->protocol)),
                            .port = endpoint->local_first,
                            .host = copy(builder, from->bindings[i].host),
                            .certificate = copy(builder, endpoint->certificate),
                    });
        }
}

static void add_sites(Builder *builder)
{
        for (size_t i = 0; i < builder->role->n_sites; i++) {
                const Site *from = &builder->role->sites[i];
                AgentSite site = {.name = copy(builder, from->name)};

                for (size_t j = 0; j < from->n_directories; j++)
                        ADD(builder, site.directories, site.n_directories,
                            (AgentDirectory) {copy(builder, from->directories[j].url),
                                              copy(builder, from->directories[j].payload_path)});
                add_bindings(builder, from, &site);
                ADD(builder, builder->config.sites, builder->config.n_sites, site);
        }
}

static void add_settings_and_resources(Builder *builder)
{
        AgentConfig *config = &builder->config;

        for (size_t i = 0; i < builder->role->n_settings; i++) {
                const Setting *setting = &builder->role->settings[i];

                ADD(builder, config->settings, config->n_settings,
                    (AgentPair) {copy(builder, setting->name),
                                 copy(builder, setting->value ? setting->value : "")});
        }
        for (size_t i = 0; i < builder->role->n_resources; i++) {
                const LocalResource *resource = &builder->role->resources[i];

                ADD(builder, config->resources, config->n_resources,
                    (AgentResource) {copy(builder, resource->name), resource->size_mb,
                                     resource->clean_on_recycle});
        }
}

static const CertificateRecord *certificate_find(const Builder *builder, const char *thumbprint)
{
        if (!builder->input->certificates)
                return NULL;
        MAP_FOREACH (entry, builder->input->certificates) {
                const CertificateRecord *record = &((const Record *) entry->value)->certificate;

                if (certificate_is(record, thumbprint) && record->chain && record->key)
                        return record;
        }
        return NULL;
}

static void add_certificates(Builder *builder)
{
        for (size_t i = 0; i < builder->role->n_certificates; i++) {
                const Certificate *from = &builder->role->certificates[i];
                const CertificateRecord *record = certificate_find(builder, from->thumbprint ?: "");

                if (!record) {
                        builder->no_certificate = true;
                        continue;
                }
                ADD(builder, builder->config.certificates, builder->config.n_certificates,
                    (AgentCertificate) {
                            .name = copy(builder, from->name),
                            .thumbprint = copy(builder, from->thumbprint),
                            .certificate = copy(builder, record->chain),
                            .key = copy(builder, record->key),
                            .elevated_only = from->elevated_only,
                    });
        }
}

static void add_topology_role(Builder *builder, const Role *role)
{
        AgentRole topology = {.name = copy(builder, role->name)};

        for (size_t i = 0; i < builder->input->n_instances; i++) {
                const InstanceRecord *record = builder->input->instances[i];
                char name[RECORD_KEY_MAX + 1], address[IP_TEXT_MAX];
                AgentInstance instance;

                if (!str_equal(record->id.role, role->name) || record->power != POWER_RUNNING)
                        continue;
                instance_name(&record->id, name);
                instance = (AgentInstance) {
                        .id = copy(builder, name),
                        .address = copy(builder, ip_format(&record->address, address)),
                        .upgrade_domain = record->upgrade_domain,
                };
                add_endpoints(builder, role, record->id.number, &instance.endpoints,
                              &instance.n_endpoints);
                ADD(builder, topology.instances, topology.n_instances, instance);
        }
        ADD(builder, builder->config.topology, builder->config.n_topology, topology);
}

static void add_network(Builder *builder)
{
        const DeploymentRecord *deployment = builder->input->deployment;
        const ServiceModel *model = builder->input->model;
        AgentNetwork *network = &builder->config.network;
        char text[IP_TEXT_MAX];
        IpAddress gateway = {};

        ip_add(&deployment->network, 1, &gateway);
        network->mac = copy(builder, builder->input->mac);
        network->address = copy(builder, builder->address);
        network->prefix = deployment->network_prefix;
        network->gateway = copy(builder, ip_format(&gateway, text));
        network->mtu = builder->input->mtu_bytes;
        for (size_t i = 0; i < model->n_dns_servers; i++) {
                const uint8_t *bytes = (const uint8_t *) &model->dns_servers[i];

                snprintf(text, sizeof(text), "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
                ADD(builder, network->dns, network->n_dns, copy(builder, text));
        }
}

static void add_identity(Builder *builder)
{
        const RoleSpecInput *input = builder->input;
        AgentConfig *config = &builder->config;

        config->service = copy(builder, input->deployment->service);
        config->slot = copy(builder, slot_to_string(input->slot));
        config->deployment = copy(builder, input->deployment->id);
        config->role = copy(builder, builder->role->name);
        config->instance = copy(builder, builder->name);
        config->hostname = owned(builder, str_printf("%s-%" PRIu32, builder->role->name,
                                                     input->instance->id.number));
        for (char *at = config->hostname; at && *at; at++)
                if (*at == '_' || *at == '.')
                        *at = '-'; /* not allowed in a host name, or not wanted */
        config->incarnation = input->instance->incarnation;
        config->upgrade_domain = input->instance->upgrade_domain;
        config->kind = builder->role->kind == ROLE_WEB ? AGENT_ROLE_WEB : AGENT_ROLE_WORKER;
        config->entry_point = copy(builder, builder->role->entry_point);
        config->elevated = builder->role->elevated;
        config->ready_on_start = builder->role->ready_on_start;
        config->has_payload = true;
}

int role_spec_build(const RoleSpecInput *input, AgentConfig *ret_config)
{
        Builder builder = {.input = input,
                           .role = model_role(input->model, input->instance->id.role)};

        if (!builder.role)
                return -ENOENT;
        instance_name(&input->instance->id, builder.name);
        ip_format(&input->instance->address, builder.address);
        builder.facts = (InstanceFacts) {
                .deployment_id = input->deployment->id,
                .instance_id = builder.name,
                .role = builder.role,
                .upgrade_domain = input->instance->upgrade_domain,
                .address = builder.address,
                .resource_root = AGENT_RESOURCE_ROOT,
        };
        add_identity(&builder);
        add_network(&builder);
        add_environment(&builder, &builder.role->environment, &builder.config.environment,
                        &builder.config.n_environment);
        add_tasks(&builder);
        add_endpoints(&builder, builder.role, input->instance->id.number, &builder.config.endpoints,
                      &builder.config.n_endpoints);
        add_sites(&builder);
        add_settings_and_resources(&builder);
        add_certificates(&builder);
        for (size_t i = 0; i < input->model->n_roles; i++)
                add_topology_role(&builder, &input->model->roles[i]);
        if (builder.failed || builder.no_certificate) {
                agent_config_deinit(&builder.config);
                return builder.failed ? -ENOMEM : ROLE_SPEC_NO_CERTIFICATE;
        }
        *ret_config = builder.config;
        return 0;
}
