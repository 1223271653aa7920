/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A path is either one of five fixed texts or BEFORE[@name='NAME']AFTER of the table. */

#include <errno.h>
#include <string.h>

#include "lib/base/str.h"
#include "model/xpath.h"

#define CURRENT "/RoleEnvironment/CurrentInstance"

static const struct {
        const char *before; /* the whole path, if there is no @after */
        const char *after;
} paths[_XPATH_KIND_MAX] = {
        [XPATH_EMULATED] = {"/RoleEnvironment/Deployment/@emulated"},
        [XPATH_DEPLOYMENT_ID] = {"/RoleEnvironment/Deployment/@id"},
        [XPATH_INSTANCE_ID] = {CURRENT "/@id"},
        [XPATH_ROLE_NAME] = {CURRENT "/@roleName"},
        [XPATH_UPDATE_DOMAIN] = {CURRENT "/@updateDomain"},
        [XPATH_FAULT_DOMAIN] = {CURRENT "/@faultDomain"},
        [XPATH_SETTING_VALUE] = {CURRENT "/ConfigurationSettings/ConfigurationSetting", "/@value"},
        [XPATH_RESOURCE_PATH] = {CURRENT "/LocalResources/LocalResource", "/@path"},
        [XPATH_RESOURCE_SIZE] = {CURRENT "/LocalResources/LocalResource", "/@sizeInMB"},
        [XPATH_ENDPOINT_PROTOCOL] = {CURRENT "/Endpoints/Endpoint", "/@protocol"},
        [XPATH_ENDPOINT_ADDRESS] = {CURRENT "/Endpoints/Endpoint", "/@address"},
        [XPATH_ENDPOINT_PORT] = {CURRENT "/Endpoints/Endpoint", "/@port"},
};

/* "[@name='x']" + @after is all that is left of @text */
static bool predicate_parse(const char *text, const char *after, char name[static 257])
{
        const char *value, *end;
        char quote;

        text = str_after(text, "[@name=");
        if (!text || (*text != '\'' && *text != '"'))
                return false;
        quote = *text;
        value = text + 1;
        end = strchr(value, quote);
        if (!end || end == value || end - value > 256 || end[1] != ']' ||
            !str_equal(end + 2, after))
                return false;
        memcpy(name, value, (size_t) (end - value));
        name[end - value] = 0;
        return true;
}

int xpath_parse(const char *text, XPath *ret)
{
        size_t blanks = strspn(text, " \t\r\n"), length;
        char path[1024];

        length = strlen(text + blanks);
        while (length > 0 && strchr(" \t\r\n", text[blanks + length - 1]))
                length--;
        if (length >= sizeof(path))
                return MODEL_XPATH_UNKNOWN;
        memcpy(path, text + blanks, length);
        path[length] = 0;
        for (XPathKind kind = 0; kind < _XPATH_KIND_MAX; kind++) {
                const char *rest = str_after(path, paths[kind].before);
                XPath xpath = {.kind = kind};

                if (!rest)
                        continue;
                if (paths[kind].after ? predicate_parse(rest, paths[kind].after, xpath.name)
                                      : *rest == 0) {
                        *ret = xpath;
                        return 0;
                }
        }
        return MODEL_XPATH_UNKNOWN;
}

static const Setting *setting_find(const Role *role, const char *name)
{
        for (size_t i = 0; i < role->n_settings; i++)
                if (str_equal(role->settings[i].name, name))
                        return &role->settings[i];
        return NULL;
}

static const LocalResource *resource_find(const Role *role, const char *name)
{
        for (size_t i = 0; i < role->n_resources; i++)
                if (str_equal(role->resources[i].name, name))
                        return &role->resources[i];
        return NULL;
}

bool xpath_in_role(const XPath *xpath, const Role *role)
{
        switch (xpath->kind) {
        case XPATH_SETTING_VALUE:
                return setting_find(role, xpath->name);
        case XPATH_RESOURCE_PATH:
        case XPATH_RESOURCE_SIZE:
                return resource_find(role, xpath->name);
        case XPATH_ENDPOINT_PROTOCOL:
        case XPATH_ENDPOINT_ADDRESS:
        case XPATH_ENDPOINT_PORT:
                return role_endpoint(role, xpath->name);
        default:
                return true;
        }
}

static char *named_value(const InstanceFacts *facts, const XPath *xpath)
{
        const Setting *setting = setting_find(facts->role, xpath->name);
        const LocalResource *resource = resource_find(facts->role, xpath->name);
        const Endpoint *endpoint = role_endpoint(facts->role, xpath->name);

        switch (xpath->kind) {
        case XPATH_SETTING_VALUE:
                return str_printf("%s", setting->value ?: "");
        case XPATH_RESOURCE_PATH:
                return str_printf("%s/%s", facts->resource_root, resource->name);
        case XPATH_RESOURCE_SIZE:
                return str_printf("%llu", (unsigned long long) resource->size_mb);
        case XPATH_ENDPOINT_PROTOCOL:
                return str_printf("%s", protocol_to_string(endpoint->protocol));
        case XPATH_ENDPOINT_ADDRESS:
                return str_printf("%s", facts->address);
        default:
                return str_printf("%u", endpoint->local_first);
        }
}

static char *plain_value(const InstanceFacts *facts, XPathKind kind)
{
        switch (kind) {
        case XPATH_EMULATED:
                return str_printf("false");
        case XPATH_DEPLOYMENT_ID:
                return str_printf("%s", facts->deployment_id);
        case XPATH_INSTANCE_ID:
                return str_printf("%s", facts->instance_id);
        case XPATH_ROLE_NAME:
                return str_printf("%s", facts->role->name);
        case XPATH_UPDATE_DOMAIN:
                return str_printf("%u", facts->upgrade_domain);
        default:
                return str_printf("%u", facts->fault_domain);
        }
}

int model_xpath_value(const InstanceFacts *facts, const char *xpath, char **ret)
{
        char *value;
        XPath path;

        if (xpath_parse(xpath, &path) != 0 || !xpath_in_role(&path, facts->role))
                return MODEL_XPATH_UNKNOWN;
        value = paths[path.kind].after ? named_value(facts, &path) : plain_value(facts, path.kind);
        if (!value)
                return -ENOMEM;
        *ret = value;
        return 0;
}
