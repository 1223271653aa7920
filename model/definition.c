/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * From a ServiceDefinition's tree to the model: defaults, names resolved to indices, ports chosen,
 * and every rule that spans elements.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/str.h"
#include "model/build.h"
#include "model/value.h"
#include "model/xpath.h"

#define SIZE_DEFAULT             "Small"
#define UPGRADE_DOMAINS_DEFAULT  5
#define LOCAL_STORAGE_MB_DEFAULT 100
#define PROBE_INTERVAL_S_DEFAULT 15
#define PROBE_TIMEOUT_S_DEFAULT  31

/* Refuses the second of two elements with one name; @n names are at @stride bytes from each other.
 */
static bool name_taken(Build *build, const XmlNode *node, const void *first, size_t n,
                       size_t stride)
{
        const char *name = xml_get(node, "name");

        for (size_t i = 0; i < n; i++) {
                /* every named struct of the model begins with its name */
                const char *other = *(char *const *) ((const char *) first + i * stride);

                if (str_equal(other, name)) {
                        build_refuse(build, xml_get_attribute(node, "name")->entry,
                                     "there is another %s of the name %.200s: names must differ",
                                     node->name, name);
                        return true;
                }
        }
        return false;
}

#define NAME_TAKEN(build, node, array, count)                                                      \
        name_taken(build, node, array, count, sizeof(*(array)))

/* ---- probes */

static void build_probe(Build *build, const XmlNode *node)
{
        ServiceModel *model = build->model;
        Probe probe = {
                .http = xml_get_word(node, "protocol", 0) == 0,
                .port = (uint16_t) xml_get_number(node, "port", 0),
                .interval_s = (uint32_t) xml_get_number(node, "intervalInSeconds",
                                                        PROBE_INTERVAL_S_DEFAULT),
                .timeout_s = (uint32_t) xml_get_number(node, "timeoutInSeconds",
                                                       PROBE_TIMEOUT_S_DEFAULT),
        };
        const XmlAttribute *path = xml_get_attribute(node, "path");

        NAME_TAKEN(build, node, model->probes, model->n_probes);
        if (probe.http && !path)
                build_refuse(build, node->entry, "an http probe must have a path");
        if (!probe.http && path)
                build_refuse(build, path->entry,
                             "a tcp probe has no path: remove it, or write protocol=\"http\"");
        probe.name = build_text(build, xml_get(node, "name"));
        if (probe.http && path)
                probe.path =
                        build_printf(build, "%s%s", path->value[0] == '/' ? "" : "/", path->value);
        APPEND(build, model->probes, model->n_probes, probe, probe_deinit);
}

/* ---- endpoints */

static void endpoint_certificate(Build *build, const Role *role, const XmlNode *node,
                                 Endpoint *endpoint)
{
        const XmlAttribute *certificate = xml_get_attribute(node, "certificate");

        if (endpoint->protocol != PROTOCOL_HTTPS) {
                if (certificate && certificate->value[0] && endpoint->protocol == PROTOCOL_TCP)
                        build_ignore(build, certificate->entry,
                                     "tcp reaches the role's program as it is, which finds the "
                                     "role's certificates in RoleEnvironment");
                else if (certificate && certificate->value[0])
                        build_refuse(build, certificate->entry,
                                     "only an https endpoint has a certificate: remove it, or "
                                     "write protocol=\"https\"");
                return;
        }
        if (!certificate) {
                if (role->kind == ROLE_WEB)
                        build_refuse(build, node->entry,
                                     "an https endpoint must name a certificate");
                return;
        }
        for (size_t i = 0; i < role->n_certificates; i++) {
                if (str_equal(role->certificates[i].name, certificate->value)) {
                        endpoint->certificate = build_text(build, certificate->value);
                        return;
                }
        }
        build_refuse(build, certificate->entry,
                     "the role has no certificate of this name: add it to Certificates");
}

static int endpoint_probe(Build *build, const XmlNode *node)
{
        const XmlAttribute *probe = xml_get_attribute(node, "loadBalancerProbe");

        if (!probe)
                return -1;
        for (size_t i = 0; i < build->model->n_probes; i++)
                if (str_equal(build->model->probes[i].name, probe->value))
                        return (int) i;
        build_refuse(build, probe->entry, "there is no LoadBalancerProbe of this name");
        return -1;
}

static void build_input(Build *build, Role *role, const XmlNode *node)
{
        const char *local = xml_get(node, "localPort");
        Endpoint endpoint = {
                .kind = ENDPOINT_INPUT,
                .protocol = (EndpointProtocol) xml_get_word(node, "protocol", PROTOCOL_TCP),
                .public_first = (uint16_t) xml_get_number(node, "port", 0),
                .local_dynamic = local && str_equal(local, "*"),
                .probe = endpoint_probe(build, node),
                .ignore_role_instance_status =
                        xml_get_bool(node, "ignoreRoleInstanceStatus", false),
                .distribution =
                        xml_get_attribute(node, "loadBalancerDistribution")
                                ? (Distribution) (1 +
                                                  xml_get_word(node, "loadBalancerDistribution", 0))
                                : DISTRIBUTION_FIVE_TUPLE,
                .idle_timeout_s = (uint32_t) xml_get_number(node, "idleTimeoutInMinutes", 0) * 60,
                .line = node->line,
        };

        NAME_TAKEN(build, node, role->endpoints, role->n_endpoints);
        endpoint.public_last = endpoint.public_first;
        if (!endpoint.local_dynamic)
                endpoint.local_first =
                        (uint16_t) xml_get_number(node, "localPort", endpoint.public_first);
        endpoint.local_last = endpoint.local_first;
        endpoint_certificate(build, role, node, &endpoint);
        endpoint.name = build_text(build, xml_get(node, "name"));
        APPEND(build, role->endpoints, role->n_endpoints, endpoint, endpoint_deinit);
}

/* FixedPort or FixedPortRange; 0 to 0 if there is neither. */
static void port_range(Build *build, const XmlNode *parent, uint16_t *ret_first, uint16_t *ret_last)
{
        const XmlNode *port = xml_child(parent, "FixedPort"),
                      *range = xml_child(parent, "FixedPortRange");

        if (port && range)
                build_refuse(build, range->entry,
                             "FixedPort is there already: keep one of the two");
        if (port)
                *ret_first = *ret_last = (uint16_t) xml_get_number(port, "port", 0);
        if (!range)
                return;
        *ret_first = (uint16_t) xml_get_number(range, "min", 0);
        *ret_last = (uint16_t) xml_get_number(range, "max", 0);
        if (*ret_last < *ret_first)
                build_refuse(build, range->entry, "max (%u) must not be less than min (%u)",
                             *ret_last, *ret_first);
}

static void build_internal(Build *build, Role *role, const XmlNode *node)
{
        static const EndpointProtocol protocols[] = {PROTOCOL_HTTP, PROTOCOL_TCP, PROTOCOL_UDP,
                                                     PROTOCOL_ANY};
        Endpoint endpoint = {
                .kind = ENDPOINT_INTERNAL,
                .protocol = protocols[xml_get_word(node, "protocol", 1)],
                .probe = -1,
                .line = node->line,
        };

        NAME_TAKEN(build, node, role->endpoints, role->n_endpoints);
        port_range(build, node, &endpoint.local_first, &endpoint.local_last);
        if (endpoint.local_first == 0)
                endpoint.local_first = endpoint.local_last =
                        (uint16_t) xml_get_number(node, "port", 0);
        if (endpoint.local_first == 0 && endpoint.protocol == PROTOCOL_ANY) {
                endpoint.local_first = 1;
                endpoint.local_last = 65535;
        }
        endpoint.local_dynamic = endpoint.local_first == 0;
        endpoint.name = build_text(build, xml_get(node, "name"));
        APPEND(build, role->endpoints, role->n_endpoints, endpoint, endpoint_deinit);
}

static void build_instance_input(Build *build, Role *role, const XmlNode *node)
{
        const XmlNode *allocate = xml_child(node, "AllocatePublicPortFrom");
        Endpoint endpoint = {
                .kind = ENDPOINT_INSTANCE_INPUT,
                .protocol = xml_get_word(node, "protocol", 0) == 0 ? PROTOCOL_TCP : PROTOCOL_UDP,
                .local_first = (uint16_t) xml_get_number(node, "localPort", 0),
                .probe = -1,
                .line = node->line,
        };

        NAME_TAKEN(build, node, role->endpoints, role->n_endpoints);
        endpoint.local_last = endpoint.local_first;
        port_range(build, allocate, &endpoint.public_first, &endpoint.public_last);
        if (endpoint.public_first == 0)
                build_refuse(build, allocate->entry,
                             "must have a FixedPortRange with a port for each instance");
        endpoint.name = build_text(build, xml_get(node, "name"));
        APPEND(build, role->endpoints, role->n_endpoints, endpoint, endpoint_deinit);
}

static bool local_port_used(const Role *role, unsigned port)
{
        for (size_t i = 0; i < role->n_endpoints; i++)
                if (role->endpoints[i].local_first <= port &&
                    port <= role->endpoints[i].local_last &&
                    role->endpoints[i].local_last - role->endpoints[i].local_first < UINT16_MAX - 1)
                        return true;
        return false;
}

/* Gives every endpoint that leaves it to the platform a port that no other endpoint of the role
 * has. */
static void choose_ports(Role *role)
{
        unsigned port = MODEL_DYNAMIC_PORT_FIRST;

        for (size_t i = 0; i < role->n_endpoints; i++) {
                if (role->endpoints[i].local_first != 0)
                        continue;
                while (port < UINT16_MAX && local_port_used(role, port))
                        port++;
                role->endpoints[i].local_first = role->endpoints[i].local_last = (uint16_t) port;
        }
}

static void build_endpoints(Build *build, Role *role, const XmlNode *node)
{
        const XmlNode *endpoints = xml_child(node, "Endpoints");

        FOREACH_CHILD(child, endpoints, "InputEndpoint")
        build_input(build, role, child);
        FOREACH_CHILD(child, xml_child(node, "InputEndpoints"), "InputEndpoint")
        build_input(build, role, child);
        FOREACH_CHILD(child, endpoints, "InternalEndpoint")
        build_internal(build, role, child);
        FOREACH_CHILD(child, node, "InternalEndpoint")
        build_internal(build, role, child);
        FOREACH_CHILD(child, endpoints, "InstanceInputEndpoint")
        build_instance_input(build, role, child);
        choose_ports(role);
}

static bool protocols_clash(EndpointProtocol a, EndpointProtocol b)
{
        return (a == PROTOCOL_UDP) == (b == PROTOCOL_UDP);
}

/* The element of an endpoint: needed only when something is wrong with it. */
static const XmlNode *endpoint_node(const XmlNode *role, unsigned line, const char *name)
{
        for (const XmlNode *group = role->child; group; group = group->next)
                for (const XmlNode *node = group->child; node; node = node->next)
                        if (node->line == line && node->schema && strstr(node->name, "Endpoint") &&
                            str_equal(xml_get(node, "name"), name))
                                return node;
        return role;
}

static void check_clash(Build *build, const XmlNode *node, const Role *role,
                        const Endpoint *endpoint)
{
        const ServiceModel *model = build->model;

        for (size_t i = 0; i < model->n_roles; i++) {
                for (size_t j = 0; j < model->roles[i].n_endpoints; j++) {
                        const Endpoint *other = &model->roles[i].endpoints[j];

                        if (other == endpoint)
                                return;
                        if (other->kind != ENDPOINT_INTERNAL &&
                            protocols_clash(other->protocol, endpoint->protocol) &&
                            other->public_first <= endpoint->public_last &&
                            endpoint->public_first <= other->public_last) {
                                build_refuse(
                                        build,
                                        endpoint_node(node, endpoint->line, endpoint->name)->entry,
                                        "its port is that of %s of role %s: ports of the VIP must "
                                        "differ",
                                        other->name, model->roles[i].name);
                                return;
                        }
                }
        }
}

static void check_endpoints(Build *build, const XmlNode *root)
{
        const ServiceModel *model = build->model;
        size_t n = 0, i = 0;

        for (const XmlNode *node = root->child; node && i < model->n_roles; node = node->next) {
                if (!node->schema ||
                    (!str_equal(node->name, "WebRole") && !str_equal(node->name, "WorkerRole")))
                        continue;
                for (size_t j = 0; j < model->roles[i].n_endpoints; j++, n++) {
                        const Endpoint *endpoint = &model->roles[i].endpoints[j];

                        if (n == MODEL_ENDPOINTS_MAX)
                                build_refuse(
                                        build,
                                        endpoint_node(node, endpoint->line, endpoint->name)->entry,
                                        "a service has at most %u endpoints", MODEL_ENDPOINTS_MAX);
                        if (endpoint->kind != ENDPOINT_INTERNAL && n <= MODEL_ENDPOINTS_MAX)
                                check_clash(build, node, &model->roles[i], endpoint);
                }
                i++;
        }
}

/* ---- environment, startup, runtime */

static void build_variable(Build *build, const Role *role, const XmlNode *node,
                           Environment *environment)
{
        const XmlNode *from = xml_child(node, "RoleInstanceValue");
        const char *value = xml_get(node, "value");
        Variable variable = {};
        XPath xpath;

        if (NAME_TAKEN(build, node, environment->variables, environment->n_variables))
                return;
        if (from && value && value[0])
                build_refuse(build, node->entry,
                             "has both a value and a RoleInstanceValue: keep one of the two");
        if (!from && !value)
                build_refuse(build, node->entry, "must have a value or a RoleInstanceValue");
        if (from && xpath_parse(xml_get(from, "xpath"), &xpath) == 0 &&
            !xpath_in_role(&xpath, role))
                build_refuse(build, xml_get_attribute(from, "xpath")->entry,
                             "the role has no %.200s", xpath.name);
        variable.name = build_text(build, xml_get(node, "name"));
        if (from)
                variable.xpath = build_text(build, xml_get(from, "xpath"));
        else
                variable.value = build_text(build, value);
        APPEND(build, environment->variables, environment->n_variables, variable, variable_deinit);
}

static void build_environment(Build *build, const Role *role, const XmlNode *parent,
                              Environment *environment)
{
        FOREACH_CHILD(child, xml_child(parent, "Environment"), "Variable")
        build_variable(build, role, child, environment);
}

static void build_task(Build *build, Role *role, const XmlNode *node)
{
        StartupTask task = {
                .elevated = xml_get_word(node, "executionContext", 0) == 1,
                .type = (TaskType) xml_get_word(node, "taskType", TASK_SIMPLE),
        };

        task.command_line = build_text(build, xml_get(node, "commandLine"));
        build_environment(build, role, node, &task.environment);
        APPEND(build, role->tasks, role->n_tasks, task, task_deinit);
}

static const XmlNode *program_node(const XmlNode *entry_point)
{
        const XmlNode *program = xml_child(entry_point, "ProgramEntryPoint");

        for (const XmlNode *node = program; node; node = xml_next(node))
                if (node->schema->troupe)
                        return node;
        return program;
}

static void build_runtime(Build *build, Role *role, const XmlNode *node)
{
        const XmlNode *runtime = xml_child(node, "Runtime"),
                      *entry = xml_child(runtime, "EntryPoint");
        const XmlNode *program = program_node(entry);

        role->ready_on_start = true;
        if (runtime)
                role->elevated = xml_get_word(runtime, "executionContext", 0) == 1;
        build_environment(build, role, runtime, &role->environment);
        if (program) {
                role->entry_point = build_text(build, xml_get(program, "commandLine"));
                role->ready_on_start = xml_get_bool(program, "setReadyOnProcessStart", true);
        }
        if (program && xml_child(entry, "NetFxEntryPoint") && !program->schema->troupe)
                build_refuse(build, program->entry,
                             "NetFxEntryPoint is there already: keep one of the two");
        if (program || xml_child(entry, "NetFxEntryPoint"))
                return;
        if (role->kind == ROLE_WORKER)
                build_refuse(
                        build, node->entry,
                        "a worker role must say what it runs, for no .NET assembly is looked "
                        "for: add <Runtime><EntryPoint><ProgramEntryPoint commandLine=\"...\"/>"
                        "</EntryPoint></Runtime>");
        else
                build_explain(
                        build, node->entry,
                        "nginx serves its files as they are; pages that are programs (ASP.NET, "
                        "PHP, Node) need a ProgramEntryPoint that answers at $PORT");
}

/* ---- resources, settings, certificates, contents */

static void build_resource(Build *build, Role *role, const XmlNode *node)
{
        LocalResource resource = {
                .size_mb = xml_get_number(node, "sizeInMB", LOCAL_STORAGE_MB_DEFAULT),
                .clean_on_recycle = xml_get_bool(node, "cleanOnRoleRecycle", true),
        };
        uint64_t total = resource.size_mb;

        NAME_TAKEN(build, node, role->resources, role->n_resources);
        for (size_t i = 0; i < role->n_resources; i++)
                total += role->resources[i].size_mb;
        if (role->size_name && total > role->disk_bytes / MIB)
                build_refuse(build, node->entry,
                             "together the role's local resources need %llu MB, %s has %llu MB: "
                             "choose a larger vmsize",
                             (unsigned long long) total, role->size_name,
                             (unsigned long long) (role->disk_bytes / MIB));
        resource.name = build_text(build, xml_get(node, "name"));
        APPEND(build, role->resources, role->n_resources, resource, resource_deinit);
}

static void build_setting(Build *build, Role *role, const XmlNode *node)
{
        Setting setting = {};

        NAME_TAKEN(build, node, role->settings, role->n_settings);
        setting.name = build_text(build, xml_get(node, "name"));
        APPEND(build, role->settings, role->n_settings, setting, setting_deinit);
}

static void build_certificate(Build *build, Role *role, const XmlNode *node)
{
        Certificate certificate = {.elevated_only = xml_get_word(node, "permissionLevel", 0) == 1};

        NAME_TAKEN(build, node, role->certificates, role->n_certificates);
        certificate.name = build_text(build, xml_get(node, "name"));
        APPEND(build, role->certificates, role->n_certificates, certificate, certificate_deinit);
}

static void build_content(Build *build, Role *role, const XmlNode *node)
{
        const XmlNode *source = xml_child(node, "SourceDirectory");
        Content content = {};

        if (value_path(xml_get(source, "path"), &content.source) == 0 &&
            value_path(xml_get(node, "destination"), &content.destination) == 0) {
                APPEND(build, role->contents, role->n_contents, content, content_deinit);
                return;
        }
        free(content.source); /* an absolute path, which is refused already */
}

/* ---- roles */

static void build_size(Build *build, Role *role, const XmlNode *node)
{
        const XmlAttribute *attribute = xml_get_attribute(node, "vmsize");
        const char *name = attribute ? attribute->value : SIZE_DEFAULT;
        const Size *size = sizes_find(build->sizes, name);

        if (!size) {
                build_refuse(build, attribute ? attribute->entry : node->entry,
                             "the size catalogue has no %.100s: write one of its names, or have "
                             "the operator add it to %s",
                             name, SIZES_FILE_OPERATOR);
                return;
        }
        role->size_name = build_text(build, size->name);
        role->vcpus = size->vcpus;
        role->memory_bytes = size->memory_bytes;
        role->disk_bytes = size->disk_bytes;
}

static void build_role(Build *build, const XmlNode *node, RoleKind kind)
{
        ServiceModel *model = build->model;
        Role role = {.kind = kind, .count = 1, .line = node->line};

        NAME_TAKEN(build, node, model->roles, model->n_roles);
        if (model->n_roles == MODEL_ROLES_MAX)
                build_refuse(build, node->entry, "a service has at most %u roles", MODEL_ROLES_MAX);
        role.name = build_text(build, xml_get(node, "name"));
        if (!role.name)
                return;
        build_size(build, &role, node);
        FOREACH_CHILD(child, xml_child(node, "LocalResources"), "LocalStorage")
        build_resource(build, &role, child);
        FOREACH_CHILD(child, node, "LocalStorage")
        build_resource(build, &role, child);
        FOREACH_CHILD(child, xml_child(node, "ConfigurationSettings"), "Setting")
        build_setting(build, &role, child);
        FOREACH_CHILD(child, xml_child(node, "Certificates"), "Certificate")
        build_certificate(build, &role, child);
        FOREACH_CHILD(child, xml_child(node, "Contents"), "Content")
        build_content(build, &role, child);
        build_endpoints(build, &role, node);
        FOREACH_CHILD(child, xml_child(node, "Startup"), "Task")
        build_task(build, &role, child);
        build_runtime(build, &role, node);
        if (kind == ROLE_WEB)
                build_sites(build, &role, node);
        APPEND(build, model->roles, model->n_roles, role, role_deinit);
}

/* ---- traffic rules */

static int role_index(Build *build, const XmlNode *node)
{
        const XmlAttribute *name = xml_get_attribute(node, "roleName");

        for (size_t i = 0; i < build->model->n_roles; i++)
                if (str_equal(build->model->roles[i].name, name->value))
                        return (int) i;
        build_refuse(build, name->entry, "there is no role of this name");
        return -1;
}

static void rule_sources(Build *build, const XmlNode *node, TrafficRule *rule)
{
        FOREACH_CHILD(child, xml_child(node, "WhenSource"), "FromRole")
        {
                int role = role_index(build, child);
                bool known = role < 0;

                for (size_t i = 0; i < rule->n_sources; i++)
                        known = known || rule->sources[i] == (size_t) role;
                if (!known && ARRAY_APPEND(rule->sources, rule->n_sources, (size_t) role) < 0)
                        build->error = -ENOMEM;
        }
}

static void build_traffic_rule(Build *build, const XmlNode *node)
{
        ServiceModel *model = build->model;

        FOREACH_CHILD(child, xml_child(node, "Destinations"), "RoleEndpoint")
        {
                int role = role_index(build, child);
                const Endpoint *endpoint;
                TrafficRule rule = {.all = xml_child(node, "AllowAllTraffic")};

                if (role < 0)
                        continue;
                endpoint = role_endpoint(&model->roles[role], xml_get(child, "endpointName"));
                if (!endpoint || endpoint->kind != ENDPOINT_INTERNAL) {
                        build_refuse(build, xml_get_attribute(child, "endpointName")->entry,
                                     "role %s has no internal endpoint of this name",
                                     model->roles[role].name);
                        continue;
                }
                rule.role = (size_t) role;
                rule.endpoint = (size_t) (endpoint - model->roles[role].endpoints);
                rule_sources(build, node, &rule);
                APPEND(build, model->traffic_rules, model->n_traffic_rules, rule,
                       traffic_rule_deinit);
        }
}

/* ---- the service */

void build_definition(Build *build, const XmlNode *root)
{
        ServiceModel *model = build->model;

        model->name = build_text(build, xml_get(root, "name"));
        model->upgrade_domain_count =
                (uint32_t) xml_get_number(root, "upgradeDomainCount", UPGRADE_DOMAINS_DEFAULT);
        model->topology_change =
                xml_get_attribute(root, "topologyChangeDiscovery") &&
                                xml_get_word(root, "topologyChangeDiscovery", 1) == 0
                        ? TOPOLOGY_BLAST
                        : TOPOLOGY_UPGRADE_DOMAIN_WALK;
        model->os_family = build_text(build, MODEL_OS_FAMILY_DEFAULT);
        FOREACH_CHILD(child, xml_child(root, "LoadBalancerProbes"), "LoadBalancerProbe")
        build_probe(build, child);
        for (const XmlNode *node = root->child; node; node = node->next) {
                if (node->schema && str_equal(node->name, "WebRole"))
                        build_role(build, node, ROLE_WEB);
                else if (node->schema && str_equal(node->name, "WorkerRole"))
                        build_role(build, node, ROLE_WORKER);
        }
        if (model->n_roles == 0)
                build_refuse(build, root->entry,
                             "a service must have at least one WebRole or WorkerRole");
        check_endpoints(build, root);
        FOREACH_CHILD(child, xml_child(root, "NetworkTrafficRules"), "OnlyAllowTrafficTo")
        build_traffic_rule(build, child);
}
