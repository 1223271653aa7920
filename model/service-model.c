/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The model's life: freeing it, looking things up in it. */

#include <stdlib.h>

#include "lib/base/str.h"
#include "model/build.h"

#define DEINIT_ALL(array, count, deinit)                                                           \
        do {                                                                                       \
                for (size_t at = 0; at < (count); at++)                                            \
                        deinit(&(array)[at]);                                                      \
                free(array);                                                                       \
        } while (0)

void endpoint_deinit(Endpoint *endpoint)
{
        free(endpoint->name);
        free(endpoint->certificate);
        free(endpoint->rules);
}

void probe_deinit(Probe *probe)
{
        free(probe->name);
        free(probe->path);
}

void variable_deinit(Variable *variable)
{
        free(variable->name);
        free(variable->value);
        free(variable->xpath);
}

void task_deinit(StartupTask *task)
{
        free(task->command_line);
        DEINIT_ALL(task->environment.variables, task->environment.n_variables, variable_deinit);
}

void resource_deinit(LocalResource *resource)
{
        free(resource->name);
}

void setting_deinit(Setting *setting)
{
        free(setting->name);
        free(setting->value);
}

void certificate_deinit(Certificate *certificate)
{
        free(certificate->name);
        free(certificate->thumbprint);
}

void content_deinit(Content *content)
{
        free(content->source);
        free(content->destination);
}

void directory_deinit(SiteDirectory *directory)
{
        free(directory->url);
        free(directory->source);
        free(directory->payload_path);
}

void binding_deinit(SiteBinding *binding)
{
        free(binding->host);
}

void site_deinit(Site *site)
{
        free(site->name);
        DEINIT_ALL(site->directories, site->n_directories, directory_deinit);
        DEINIT_ALL(site->bindings, site->n_bindings, binding_deinit);
}

void role_deinit(Role *role)
{
        free(role->name);
        free(role->size_name);
        free(role->entry_point);
        DEINIT_ALL(role->environment.variables, role->environment.n_variables, variable_deinit);
        DEINIT_ALL(role->endpoints, role->n_endpoints, endpoint_deinit);
        DEINIT_ALL(role->tasks, role->n_tasks, task_deinit);
        DEINIT_ALL(role->resources, role->n_resources, resource_deinit);
        DEINIT_ALL(role->settings, role->n_settings, setting_deinit);
        DEINIT_ALL(role->certificates, role->n_certificates, certificate_deinit);
        DEINIT_ALL(role->sites, role->n_sites, site_deinit);
        DEINIT_ALL(role->contents, role->n_contents, content_deinit);
}

void traffic_rule_deinit(TrafficRule *rule)
{
        free(rule->sources);
}

ServiceModel *model_free(ServiceModel *model)
{
        if (!model)
                return NULL;
        free(model->name);
        free(model->os_family);
        free(model->os_version);
        DEINIT_ALL(model->roles, model->n_roles, role_deinit);
        DEINIT_ALL(model->probes, model->n_probes, probe_deinit);
        DEINIT_ALL(model->traffic_rules, model->n_traffic_rules, traffic_rule_deinit);
        free(model->dns_servers);
        free(model);
        return NULL;
}

const Role *model_role(const ServiceModel *model, const char *name)
{
        for (size_t i = 0; i < model->n_roles; i++)
                if (str_equal(model->roles[i].name, name))
                        return &model->roles[i];
        return NULL;
}

const Endpoint *role_endpoint(const Role *role, const char *name)
{
        for (size_t i = 0; i < role->n_endpoints; i++)
                if (str_equal(role->endpoints[i].name, name))
                        return &role->endpoints[i];
        return NULL;
}

const char *protocol_to_string(EndpointProtocol protocol)
{
        static const char *const words[] = {
                [PROTOCOL_HTTP] = "http", [PROTOCOL_HTTPS] = "https", [PROTOCOL_TCP] = "tcp",
                [PROTOCOL_UDP] = "udp",   [PROTOCOL_ANY] = "any",
        };

        return words[protocol];
}
