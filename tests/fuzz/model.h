/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the fuzz targets of model/ share: checking two texts, and what must hold whatever they are.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/service-model.h"

#define INVARIANT(condition)                                                                       \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        abort();                                                                   \
        } while (0)

static inline const SizeCatalogue *fuzz_sizes(void)
{
        static SizeCatalogue sizes;

        if (sizes.n_sizes == 0)
                INVARIANT(sizes_load(&sizes, "/nonexistent", "/nonexistent", NULL, NULL) == 0);
        return &sizes;
}

static inline void fuzz_role(const Role *role)
{
        INVARIANT(role->name && role->size_name && role->vcpus > 0 && role->memory_bytes > 0);
        INVARIANT(role->count >= 1 && role->count <= MODEL_INSTANCES_MAX);
        INVARIANT(role->kind == ROLE_WEB ? role->n_sites > 0 : role->entry_point != NULL);
        for (size_t i = 0; i < role->n_endpoints; i++) {
                const Endpoint *endpoint = &role->endpoints[i];

                INVARIANT(endpoint->local_first > 0 &&
                          endpoint->local_first <= endpoint->local_last);
                INVARIANT((endpoint->kind == ENDPOINT_INTERNAL) == (endpoint->public_first == 0));
                INVARIANT(endpoint->public_first <= endpoint->public_last);
                INVARIANT(endpoint->n_rules <= MODEL_ACCESS_RULES_MAX);
        }
        for (size_t i = 0; i < role->n_sites; i++) {
                const Site *site = &role->sites[i];

                INVARIANT(site->n_directories > 0 && strcmp(site->directories[0].url, "/") == 0);
                for (size_t j = 0; j < site->n_directories; j++)
                        INVARIANT(site->directories[j].payload_path &&
                                  site->directories[j].payload_path[0] != '/' &&
                                  strncmp(site->directories[j].payload_path, "..", 2) != 0);
                for (size_t j = 0; j < site->n_bindings; j++)
                        INVARIANT(site->bindings[j].endpoint < role->n_endpoints);
        }
}

static inline void fuzz_model(const ServiceModel *model)
{
        InstanceFacts facts = {"d00000000", "x_IN_0", NULL, 0, 0, "10.64.0.2", "/r"};

        INVARIANT(model->n_roles >= 1 && model->n_roles <= MODEL_ROLES_MAX);
        INVARIANT(model->upgrade_domain_count >= 1 &&
                  model->upgrade_domain_count <= MODEL_UPGRADE_DOMAINS_MAX);
        for (size_t i = 0; i < model->n_roles; i++) {
                const Role *role = &model->roles[i];

                fuzz_role(role);
                facts.role = role;
                for (size_t j = 0; j < role->environment.n_variables; j++) {
                        char *value = NULL;

                        if (role->environment.variables[j].xpath)
                                INVARIANT(model_xpath_value(&facts,
                                                            role->environment.variables[j].xpath,
                                                            &value) == 0);
                        free(value);
                }
        }
}

static inline void fuzz_check(const ModelText *definition, const ModelText *configuration)
{
        VerdictList verdicts = {};
        ServiceModel *model = NULL;
        int r = model_check(definition, configuration, fuzz_sizes(), &verdicts, &model);

        INVARIANT(r == 0 || r == MODEL_REFUSED || r == MODEL_BROKEN);
        INVARIANT((r == 0) == (verdicts.n_refused == 0));
        INVARIANT((r == MODEL_BROKEN) == (verdicts.n_broken > 0));
        INVARIANT((r == 0) == (model != NULL));
        INVARIANT(verdicts.n_entries > 0);
        for (size_t i = 0; i < verdicts.n_entries; i++)
                INVARIANT(verdicts.entries[i].line > 0 && verdicts.entries[i].reason[0] &&
                          (!verdicts.entries[i].broken ||
                           verdicts.entries[i].verdict == VERDICT_REFUSED));
        if (model)
                fuzz_model(model);
        model_free(model);
        verdict_list_deinit(&verdicts);
}
