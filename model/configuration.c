/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What a ServiceConfiguration says, filled into the model that its ServiceDefinition made: counts,
 * values and thumbprints for the roles, access rules for their endpoints, the guest OS and name
 * servers.
 */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "model/build.h"
#include "model/value.h"

#define PLUGIN_PREFIX                                                                              \
        "Microsoft.WindowsAzure.Plugins." /* settings and certificates that Imports bring along */
#define DNS_SERVERS_MAX   8U
#define MISSING_BYTES_MAX 500U /* of names in one reason, which has VERDICT_REASON_MAX */

/* ---- roles */

/* What a module of the Windows guest brought along: the element and all its attributes. */
static void plugin_ignore(Build *build, const XmlNode *node)
{
        static const char reason[] = "belongs to a module of the Windows guest";

        build_ignore(build, node->entry, "%s", reason);
        for (size_t i = 0; i < node->n_attributes; i++)
                build_ignore(build, node->attributes[i].entry, "%s", reason);
}

static void setting_fill(Build *build, Role *role, const XmlNode *node)
{
        const XmlAttribute *name = xml_get_attribute(node, "name");

        for (size_t i = 0; i < role->n_settings; i++) {
                Setting *setting = &role->settings[i];

                if (!str_equal(setting->name, name->value))
                        continue;
                if (setting->value)
                        return build_refuse(build, name->entry, "the setting has a value already");
                setting->value = build_text(build, xml_get(node, "value"));
                return;
        }
        if (str_after(name->value, PLUGIN_PREFIX))
                return plugin_ignore(build, node);
        build_refuse(build, name->entry,
                     "the definition has no setting of this name for role %s: add it there",
                     role->name);
}

static void certificate_fill(Build *build, Role *role, const XmlNode *node)
{
        const XmlAttribute *name = xml_get_attribute(node, "name");
        const XmlAttribute *thumbprint = xml_get_attribute(node, "thumbprint");
        bool sha256 =
                xml_get_word(node, "thumbprintAlgorithm", strlen(thumbprint->value) == 64) == 1;

        if (strlen(thumbprint->value) != (sha256 ? 64 : 40))
                build_refuse(build, thumbprint->entry,
                             "has not the length that thumbprintAlgorithm gives");
        for (size_t i = 0; i < role->n_certificates; i++) {
                Certificate *certificate = &role->certificates[i];

                if (!str_equal(certificate->name, name->value))
                        continue;
                if (certificate->thumbprint)
                        return build_refuse(build, name->entry,
                                            "the certificate has a thumbprint already");
                certificate->sha256 = sha256;
                certificate->thumbprint = build_text(build, thumbprint->value);
                for (char *c = certificate->thumbprint; c && *c; c++)
                        if (*c >= 'a')
                                *c = (char) (*c - 'a' + 'A');
                return;
        }
        if (str_after(name->value, PLUGIN_PREFIX))
                return plugin_ignore(build, node);
        build_refuse(build, name->entry,
                     "the definition has no certificate of this name for role %s: add it there",
                     role->name);
}

static void check_ranges(Build *build, const Role *role, const XmlNode *instances)
{
        for (size_t i = 0; i < role->n_endpoints; i++) {
                const Endpoint *endpoint = &role->endpoints[i];
                unsigned ports = endpoint->public_last - endpoint->public_first + 1U;

                if (endpoint->kind == ENDPOINT_INSTANCE_INPUT && role->count > ports)
                        build_refuse(build, xml_get_attribute(instances, "count")->entry,
                                     "%s has ports for %u instances: widen its FixedPortRange",
                                     endpoint->name, ports);
        }
}

/* One reason names all that is missing, so that nobody learns of them one by one. */
typedef struct Missing {
        StrBuffer names;
        size_t n_unnamed; /* more than fit in a reason */
} Missing;

static void missing_add(Missing *missing, const char *name)
{
        if (missing->names.length >= MISSING_BYTES_MAX)
                missing->n_unnamed++;
        else
                str_buffer_addf(&missing->names, "%s%s", missing->names.length > 0 ? ", " : "",
                                name);
}

static void missing_refuse(Missing *missing, Build *build, const XmlNode *node, const char *what,
                           const char *remedy)
{
        _cleanup_free_ char *names = NULL;

        if (missing->n_unnamed > 0)
                str_buffer_addf(&missing->names, " and %zu more", missing->n_unnamed);
        if (str_buffer_take(&missing->names, &names) < 0)
                build->error = -ENOMEM;
        else if (names[0])
                build_refuse(build, node->entry, "gives no %s to %s: add %s", what, names, remedy);
}

static void settings_complete(Build *build, const Role *role, const XmlNode *node)
{
        Missing missing = {};

        for (size_t i = 0; i < role->n_settings; i++)
                if (!role->settings[i].value)
                        missing_add(&missing, role->settings[i].name);
        missing_refuse(&missing, build, node, "value",
                       "<Setting name=\"...\" value=\"...\"/> to ConfigurationSettings");
}

static void certificates_complete(Build *build, const Role *role, const XmlNode *node)
{
        Missing missing = {};

        for (size_t i = 0; i < role->n_certificates; i++)
                if (!role->certificates[i].thumbprint)
                        missing_add(&missing, role->certificates[i].name);
        missing_refuse(&missing, build, node, "thumbprint",
                       "<Certificate name=\"...\" thumbprint=\"...\" "
                       "thumbprintAlgorithm=\"sha1\"/> to Certificates");
}

static void role_fill(Build *build, Role *role, const XmlNode *node)
{
        const XmlNode *instances = xml_child(node, "Instances");

        role->count = (uint32_t) xml_get_number(instances, "count", 1);
        check_ranges(build, role, instances);
        FOREACH_CHILD(child, xml_child(node, "ConfigurationSettings"), "Setting")
        setting_fill(build, role, child);
        FOREACH_CHILD(child, xml_child(node, "Certificates"), "Certificate")
        certificate_fill(build, role, child);
        settings_complete(build, role, node);
        certificates_complete(build, role, node);
}

static Role *role_named(ServiceModel *model, const char *name)
{
        for (size_t i = 0; i < model->n_roles; i++)
                if (str_equal(model->roles[i].name, name))
                        return &model->roles[i];
        return NULL;
}

static void roles_fill(Build *build, const XmlNode *root, const XmlNode *definition)
{
        ServiceModel *model = build->model;
        bool *seen = calloc(model->n_roles + 1, sizeof(*seen));

        if (!seen) {
                build->error = -ENOMEM;
                return;
        }
        FOREACH_CHILD(node, root, "Role")
        {
                const XmlAttribute *name = xml_get_attribute(node, "name");
                Role *role = role_named(model, name->value);

                if (!role) {
                        build_refuse(build, name->entry,
                                     "the definition has no role of this name: remove it, or add "
                                     "the role there");
                } else if (seen[role - model->roles]) {
                        build_refuse(build, name->entry, "the role is there already");
                } else {
                        seen[role - model->roles] = true;
                        role_fill(build, role, node);
                }
        }
        for (const XmlNode *node = definition->child; node; node = node->next) {
                const Role *role;

                if (!node->schema ||
                    (!str_equal(node->name, "WebRole") && !str_equal(node->name, "WorkerRole")))
                        continue;
                role = role_named(model, xml_get(node, "name"));
                if (role && !seen[role - model->roles])
                        build_refuse(build, node->entry,
                                     "the configuration says nothing of it: add <Role "
                                     "name=\"%s\"><Instances count=\"1\"/></Role>",
                                     role->name);
        }
        free(seen);
}

/* ---- access control */

static int rule_compare(const void *a, const void *b)
{
        const AccessRule *left = a, *right = b;

        return (left->order > right->order) - (left->order < right->order);
}

static void rules_read(Build *build, const XmlNode *list, Endpoint *endpoint)
{
        size_t n = 0;

        FOREACH_CHILD(node, list, "Rule")
        {
                AccessRule rule = {
                        .order = (uint32_t) xml_get_number(node, "order", 0),
                        .permit = xml_get_word(node, "action", 0) == 0,
                };

                if (++n > MODEL_ACCESS_RULES_MAX) {
                        build_refuse(build, node->entry, "a list has at most %u rules",
                                     MODEL_ACCESS_RULES_MAX);
                        return;
                }
                for (size_t i = 0; i < endpoint->n_rules; i++)
                        if (endpoint->rules[i].order == rule.order)
                                build_refuse(build, xml_get_attribute(node, "order")->entry,
                                             "another rule has this order: they must differ");
                if (value_subnet(xml_get(node, "remoteSubnet"), &rule.address, &rule.prefix) == 0 &&
                    ARRAY_APPEND(endpoint->rules, endpoint->n_rules, rule) < 0)
                        build->error = -ENOMEM;
        }
        if (endpoint->n_rules > 1)
                qsort(endpoint->rules, endpoint->n_rules, sizeof(*endpoint->rules), rule_compare);
}

static const XmlNode *access_control(const XmlNode *network, const char *name)
{
        FOREACH_CHILD(node, xml_child(network, "AccessControls"), "AccessControl")
        if (str_equal(xml_get(node, "name"), name))
                return node;
        return NULL;
}

static void acl_fill(Build *build, const XmlNode *network, const XmlNode *node)
{
        const XmlAttribute *role_name = xml_get_attribute(node, "role");
        const XmlAttribute *endpoint_name = xml_get_attribute(node, "endpoint");
        const XmlAttribute *list_name = xml_get_attribute(node, "accessControl");
        const XmlNode *list = access_control(network, list_name->value);
        Role *role = role_named(build->model, role_name->value);
        Endpoint *endpoint = role ? (Endpoint *) role_endpoint(role, endpoint_name->value) : NULL;

        if (!role)
                return build_refuse(build, role_name->entry,
                                    "the definition has no role of this name");
        if (!endpoint || endpoint->kind == ENDPOINT_INTERNAL)
                return build_refuse(build, endpoint_name->entry,
                                    "role %s has no public endpoint of this name", role->name);
        if (!list)
                return build_refuse(build, list_name->entry,
                                    "there is no AccessControl of this name");
        if (endpoint->n_rules > 0)
                return build_refuse(build, endpoint_name->entry,
                                    "the endpoint has an EndpointAcl already");
        rules_read(build, list, endpoint);
}

/* ---- the rest */

static void dns_fill(Build *build, const XmlNode *servers)
{
        ServiceModel *model = build->model;

        FOREACH_CHILD(node, servers, "DnsServer")
        {
                struct in_addr address;

                if (model->n_dns_servers == DNS_SERVERS_MAX) {
                        build_refuse(build, node->entry, "there may be at most %u name servers",
                                     DNS_SERVERS_MAX);
                        return;
                }
                if (inet_pton(AF_INET, xml_get(node, "IPAddress"), &address) == 1 &&
                    ARRAY_APPEND(model->dns_servers, model->n_dns_servers,
                                 (uint32_t) address.s_addr) < 0)
                        build->error = -ENOMEM;
        }
}

static void os_fill(Build *build, const XmlNode *root)
{
        ServiceModel *model = build->model;
        const XmlAttribute *family = xml_get_attribute(root, "osFamily");
        const char *version = xml_get(root, "osVersion");

        if (family && !(family->value[0] >= '0' && family->value[0] <= '9')) {
                free(model->os_family);
                model->os_family = build_text(
                        build, family->schema->words[xml_get_word(root, "osFamily", 0)].value);
        }
        if (version && version[0] && !str_equal(version, "*") &&
            strncasecmp(version, "WA-GUEST-OS", 11) != 0)
                model->os_version = build_text(build, version);
}

void build_configuration(Build *build, const XmlNode *root, const XmlNode *definition)
{
        ServiceModel *model = build->model;
        const XmlNode *network = xml_child(root, "NetworkConfiguration");
        const XmlAttribute *name = xml_get_attribute(root, "serviceName");

        model->configured = true;
        if (model->name && !str_equal(name->value, model->name))
                build_refuse(build, name->entry,
                             "the definition's name is %.256s: they must be the same", model->name);
        os_fill(build, root);
        roles_fill(build, root, definition);
        FOREACH_CHILD(node, xml_child(network, "EndpointAcls"), "EndpointAcl")
        acl_fill(build, network, node);
        dns_fill(build, xml_child(xml_child(network, "Dns"), "DnsServers"));
        dns_fill(build, xml_child(network, "DnsServers"));
}
