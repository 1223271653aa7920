/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The sites of a web role, and where their directories are in the payload. That is arithmetic on
 * paths alone, so that the packer and the guest come to the same answer: what lies in the role's
 * own directory stays where it is, everything else goes to sitesroot/0, sitesroot/1, ... in the
 * order of the file.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "model/build.h"
#include "model/value.h"

#define SITES_ROOT           "sitesroot"
#define SITE_NAME_DEFAULT    "Web"
#define SITE_DIRECTORIES_MAX 256U /* of one role */

typedef struct SiteBuild {
        Build *build;
        Role *role;
        Site *site;
        unsigned *n_placed;
        size_t *n_directories;
} SiteBuild;

static void directory_place(SiteBuild *of, SiteDirectory *directory)
{
        const char *inside = directory->source ? str_after(directory->source, of->role->name) : "";

        if (inside && *inside == '/')
                directory->payload_path = build_text(of->build, inside + 1);
        else if (inside && *inside == 0)
                directory->payload_path = build_text(of->build, ".");
        else
                directory->payload_path =
                        build_printf(of->build, SITES_ROOT "/%u", (*of->n_placed)++);
}

static void directory_add(SiteBuild *of, const XmlNode *node, const char *url)
{
        const char *physical =
                node ? xml_get(node, "physicalDirectory") ?: xml_get(node, "packageDir") : NULL;
        Site *site = of->site;
        SiteDirectory directory = {};

        if (++*of->n_directories == SITE_DIRECTORIES_MAX + 1)
                build_refuse(of->build, node->entry, "a role serves at most %u directories",
                             SITE_DIRECTORIES_MAX);
        if (*of->n_directories > SITE_DIRECTORIES_MAX)
                return;
        for (size_t i = 0; node && i < site->n_directories; i++)
                if (str_equal(site->directories[i].url, url))
                        build_refuse(of->build, node->entry, "the site has %s already", url);
        if (physical && value_path(physical, &directory.source) < 0)
                return; /* absolute, which is refused already */
        directory.url = build_text(of->build, url);
        directory_place(of, &directory);
        APPEND(of->build, site->directories, site->n_directories, directory, directory_deinit);
}

/* Virtual applications and directories, outer before inner; the document's depth is limited. */
static void directories_walk(SiteBuild *of, const XmlNode *parent, const char *url)
{
        for (const XmlNode *node = parent->child; node; node = node->next) {
                _cleanup_free_ char *name = NULL, *below = NULL;
                const char *written;

                if (!node->schema || (!str_equal(node->name, "VirtualApplication") &&
                                      !str_equal(node->name, "VirtualDirectory")))
                        continue;
                written = xml_get(node, "name");
                if (value_path(written[0] == '/' ? written + 1 : written, &name) < 0)
                        continue; /* refused already */
                below = build_printf(of->build, "%s/%s", url, name);
                if (!below)
                        return;
                if (str_equal(name, "."))
                        build_refuse(of->build, node->entry,
                                     "must be a path below the site's root");
                else if (!xml_get(node, "physicalDirectory") && !xml_get(node, "packageDir") &&
                         !node->child)
                        build_refuse(of->build, node->entry, "must have a physicalDirectory");
                else if (xml_get(node, "physicalDirectory") || xml_get(node, "packageDir"))
                        directory_add(of, node, below);
                directories_walk(of, node, below);
        }
}

static bool binding_taken(const SiteBuild *of, const SiteBinding *binding)
{
        for (size_t i = 0; i <= of->role->n_sites; i++) {
                const Site *site = i < of->role->n_sites ? &of->role->sites[i] : of->site;

                for (size_t j = 0; j < site->n_bindings; j++)
                        if (site->bindings[j].endpoint == binding->endpoint &&
                            str_equal(site->bindings[j].host, binding->host))
                                return true;
        }
        return false;
}

static bool endpoint_serves(const Endpoint *endpoint)
{
        return (endpoint->protocol == PROTOCOL_HTTP || endpoint->protocol == PROTOCOL_HTTPS) &&
               endpoint->kind != ENDPOINT_INSTANCE_INPUT &&
               endpoint->local_first == endpoint->local_last;
}

static void binding_add(SiteBuild *of, const XmlNode *node)
{
        const XmlAttribute *name = xml_get_attribute(node, "endpointName");
        const char *host = xml_get(node, "hostHeader");
        const Endpoint *endpoint = role_endpoint(of->role, name->value);
        SiteBinding binding = {};

        if (!endpoint)
                return build_refuse(of->build, name->entry,
                                    "the role has no endpoint of this name");
        if (!endpoint_serves(endpoint))
                return build_refuse(of->build, name->entry,
                                    "nginx serves http and https endpoints with one port only");
        binding.endpoint = (size_t) (endpoint - of->role->endpoints);
        binding.host = host && host[0] ? build_text(of->build, host) : NULL;
        if (binding_taken(of, &binding))
                build_refuse(of->build, node->entry,
                             "another binding has this endpoint and host: give one of them a "
                             "hostHeader");
        APPEND(of->build, of->site->bindings, of->site->n_bindings, binding, binding_deinit);
}

static void bindings_default(SiteBuild *of, const XmlNode *node)
{
        for (size_t i = 0; i < of->role->n_endpoints; i++) {
                SiteBinding binding = {.endpoint = i};

                if (of->role->endpoints[i].kind == ENDPOINT_INPUT &&
                    endpoint_serves(&of->role->endpoints[i]))
                        APPEND(of->build, of->site->bindings, of->site->n_bindings, binding,
                               binding_deinit);
        }
        if (of->site->n_bindings == 0)
                build_refuse(of->build, node->entry,
                             "a web role must have an http or https input endpoint");
}

static void site_add(SiteBuild *of, const XmlNode *node, const XmlNode *role)
{
        Site site = {
                .name = build_text(of->build, node ? xml_get(node, "name") : SITE_NAME_DEFAULT)};

        of->site = &site;
        directory_add(of, node, "/");
        if (node) {
                FOREACH_CHILD(child, xml_child(node, "Bindings"), "Binding")
                binding_add(of, child);
                if (!xml_child(xml_child(node, "Bindings"), "Binding"))
                        build_refuse(of->build, node->entry,
                                     "a site must have a Binding to an endpoint");
                directories_walk(of, node, "");
        } else {
                bindings_default(of, role);
        }
        APPEND(of->build, of->role->sites, of->role->n_sites, site, site_deinit);
}

void build_sites(Build *build, Role *role, const XmlNode *node)
{
        unsigned n_placed = 0;
        size_t n_directories = 0;
        SiteBuild of = {.build = build,
                        .role = role,
                        .n_placed = &n_placed,
                        .n_directories = &n_directories};

        FOREACH_CHILD(child, xml_child(node, "Sites"), "Site")
        site_add(&of, child, node);
        if (!xml_child(xml_child(node, "Sites"), "Site"))
                site_add(&of, NULL, node);
}
