/* SPDX-License-Identifier: GPL-3.0-or-later */

/* One JSON object holds all facts; the file is its text, and the bus reads from it
 * (role-environment.c), so the two cannot disagree. */

#include "agent/role-facts.h"

#include "lib/base/array.h"
#include "lib/base/str.h"

typedef sd_json_variant Variant;

static int endpoints_json(const AgentEndpoint *endpoints, size_t n, Variant **ret)
{
        _cleanup_(sd_json_variant_unrefp) Variant *all = NULL;
        int r;

        r = sd_json_variant_new_object(&all, NULL, 0);
        for (size_t i = 0; i < n && r >= 0; i++) {
                const AgentEndpoint *e = &endpoints[i];
                _cleanup_(sd_json_variant_unrefp) Variant *one = NULL;

                r = sd_json_buildo(
                        &one, SD_JSON_BUILD_PAIR_STRING("kind", e->kind),
                        SD_JSON_BUILD_PAIR_STRING("protocol", e->protocol),
                        SD_JSON_BUILD_PAIR_UNSIGNED("port", e->port),
                        SD_JSON_BUILD_PAIR_UNSIGNED("portLast", MAX(e->port, e->port_last)),
                        SD_JSON_BUILD_PAIR_UNSIGNED("publicPort", e->public_port));
                if (r >= 0)
                        r = sd_json_variant_set_field(&all, e->name, one);
        }
        if (r >= 0)
                *ret = TAKE_PTR(all);
        return r;
}

static int instance_json(const AgentInstance *instance, Variant **ret)
{
        _cleanup_(sd_json_variant_unrefp) Variant *endpoints = NULL;
        int r = endpoints_json(instance->endpoints, instance->n_endpoints, &endpoints);

        if (r < 0)
                return r;
        return sd_json_buildo(
                ret, SD_JSON_BUILD_PAIR_STRING("id", instance->id),
                SD_JSON_BUILD_PAIR_STRING("address", instance->address),
                SD_JSON_BUILD_PAIR_UNSIGNED("upgradeDomain", instance->upgrade_domain),
                SD_JSON_BUILD_PAIR_UNSIGNED("faultDomain", instance->fault_domain),
                SD_JSON_BUILD_PAIR_VARIANT("endpoints", endpoints));
}

static int roles_json(const AgentConfig *config, Variant **ret)
{
        _cleanup_(sd_json_variant_unrefp) Variant *all = NULL;
        int r = sd_json_variant_new_object(&all, NULL, 0);

        for (size_t i = 0; i < config->n_topology && r >= 0; i++) {
                const AgentRole *role = &config->topology[i];
                _cleanup_(sd_json_variant_unrefp) Variant *list = NULL;

                r = sd_json_variant_new_array(&list, NULL, 0);
                for (size_t k = 0; k < role->n_instances && r >= 0; k++) {
                        _cleanup_(sd_json_variant_unrefp) Variant *one = NULL;

                        r = instance_json(&role->instances[k], &one);
                        if (r >= 0)
                                r = sd_json_variant_append_array(&list, one);
                }
                if (r >= 0)
                        r = sd_json_variant_set_field(&all, role->name, list);
        }
        if (r >= 0)
                *ret = TAKE_PTR(all);
        return r;
}

static int settings_json(const AgentConfig *config, Variant **ret)
{
        _cleanup_(sd_json_variant_unrefp) Variant *all = NULL;
        int r = sd_json_variant_new_object(&all, NULL, 0);

        for (size_t i = 0; i < config->n_settings && r >= 0; i++)
                r = sd_json_variant_set_field_string(&all, config->settings[i].name,
                                                     config->settings[i].value);
        if (r >= 0)
                *ret = TAKE_PTR(all);
        return r;
}

static int resources_json(const AgentConfig *config, Variant **ret)
{
        _cleanup_(sd_json_variant_unrefp) Variant *all = NULL;
        int r = sd_json_variant_new_object(&all, NULL, 0);

        for (size_t i = 0; i < config->n_resources && r >= 0; i++) {
                const AgentResource *resource = &config->resources[i];
                _cleanup_free_ char *path = str_printf(AGENT_RESOURCE_ROOT "/%s", resource->name);
                _cleanup_(sd_json_variant_unrefp) Variant *one = NULL;

                if (!path)
                        return -ENOMEM;
                r = sd_json_buildo(&one, SD_JSON_BUILD_PAIR_STRING("path", path),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("sizeMB", resource->size_mb));
                if (r >= 0)
                        r = sd_json_variant_set_field(&all, resource->name, one);
        }
        if (r >= 0)
                *ret = TAKE_PTR(all);
        return r;
}

int role_facts_build(const AgentConfig *c, sd_json_variant **ret)
{
        _cleanup_(sd_json_variant_unrefp) Variant *roles = NULL, *settings = NULL,
                                                  *resources = NULL;
        int r = roles_json(c, &roles);

        if (r >= 0)
                r = settings_json(c, &settings);
        if (r >= 0)
                r = resources_json(c, &resources);
        if (r < 0)
                return r;
        return sd_json_buildo(
                ret, SD_JSON_BUILD_PAIR_STRING("service", c->service),
                SD_JSON_BUILD_PAIR_STRING("slot", c->slot),
                SD_JSON_BUILD_PAIR_STRING("deploymentId", c->deployment),
                SD_JSON_BUILD_PAIR_STRING("role", c->role),
                SD_JSON_BUILD_PAIR_STRING("instanceId", c->instance),
                SD_JSON_BUILD_PAIR_UNSIGNED("incarnation", c->incarnation),
                SD_JSON_BUILD_PAIR_UNSIGNED("upgradeDomain", c->upgrade_domain),
                SD_JSON_BUILD_PAIR_UNSIGNED("faultDomain", c->fault_domain),
                SD_JSON_BUILD_PAIR_STRING("address", c->network.address ? c->network.address : ""),
                SD_JSON_BUILD_PAIR_VARIANT("settings", settings),
                SD_JSON_BUILD_PAIR_VARIANT("localResources", resources),
                SD_JSON_BUILD_PAIR_VARIANT("roles", roles));
}

int role_facts_json(const AgentConfig *config, char **ret_json)
{
        _cleanup_(sd_json_variant_unrefp) Variant *facts = NULL;
        int r = role_facts_build(config, &facts);

        if (r < 0)
                return r;
        r = sd_json_variant_format(facts, SD_JSON_FORMAT_PRETTY, ret_json);
        return r < 0 ? r : 0;
}

void role_facts_variables_free(char **list)
{
        for (size_t i = 0; list && list[i]; i++)
                free(list[i]);
        free(list);
}

/* A later name wins over an earlier one: systemd takes the last. */
static int list_add(char ***list, size_t *count, char *text)
{
        if (text && ARRAY_APPEND(*list, *count, text) == 0)
                return 0;
        free(text);
        return -ENOMEM;
}

static int list_fill(const AgentConfig *c, uint16_t port, char ***list, size_t *n)
{
        int r = list_add(list, n, str_printf("TROUPE_SERVICE=%s", c->service));

        if (r == 0)
                r = list_add(list, n, str_printf("TROUPE_SLOT=%s", c->slot));
        if (r == 0)
                r = list_add(list, n, str_printf("TROUPE_DEPLOYMENT_ID=%s", c->deployment));
        if (r == 0)
                r = list_add(list, n, str_printf("TROUPE_ROLE=%s", c->role));
        if (r == 0)
                r = list_add(list, n, str_printf("TROUPE_INSTANCE=%s", c->instance));
        if (r == 0)
                r = list_add(list, n, str_printf("TROUPE_ADDRESS=%s", c->network.address ?: ""));
        if (r == 0)
                r = list_add(list, n, str_printf("TROUPE_ENVIRONMENT=" ROLE_ENVIRONMENT_FILE));
        for (size_t i = 0; i < c->n_resources && r == 0; i++)
                r = list_add(list, n,
                             str_printf("TROUPE_LOCAL_%s=" AGENT_RESOURCE_ROOT "/%s",
                                        c->resources[i].name, c->resources[i].name));
        if (port > 0 && r == 0)
                r = list_add(list, n, str_printf("PORT=%u", port));
        if (port > 0 && r == 0)
                r = list_add(list, n, str_printf("TROUPE_SOCKET=/run/troupe/role/http.sock"));
        for (size_t i = 0; i < c->n_environment && r == 0; i++)
                r = list_add(list, n,
                             str_printf("%s=%s", c->environment[i].name, c->environment[i].value));
        return r;
}

int role_facts_variables(const AgentConfig *config, uint16_t port, char ***ret_list)
{
        char **list = NULL;
        size_t count = 0;
        int r = list_fill(config, port, &list, &count);

        if (r == 0)
                r = ARRAY_APPEND(list, count, NULL);
        if (r < 0) {
                for (size_t i = 0; i < count; i++)
                        free(list[i]);
                free(list);
                return r;
        }
        *ret_list = list;
        return 0;
}
