/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A deployment's record with its model. */

#include "hostd/deployment.h"

#include <stdio.h>
#include <string.h>

#define PROBLEM_MAX 600

struct Deployment {
        Record record;
        ServiceModel *model;
        char problem[PROBLEM_MAX];
};

static void note_problem(Deployment *deployment, const VerdictList *verdicts)
{
        for (size_t i = 0; i < verdicts->n_entries; i++) {
                const VerdictEntry *entry = &verdicts->entries[i];

                if (entry->verdict != VERDICT_REFUSED)
                        continue;
                snprintf(deployment->problem, sizeof(deployment->problem), "%s:%u: %s", entry->file,
                         entry->line, entry->reason);
                return;
        }
}

static int read_texts(Deployment *deployment, const SizeCatalogue *sizes)
{
        const DeploymentRecord *record = &deployment->record.deployment;
        ModelText definition = {"ServiceDefinition.csdef",
                                record->definition ? record->definition : "", 0};
        ModelText configuration = {"ServiceConfiguration.cscfg",
                                   record->configuration ? record->configuration : "", 0};
        VerdictList verdicts = {};
        int r;

        definition.length = strlen(definition.text);
        configuration.length = strlen(configuration.text);
        r = model_check(&definition, &configuration, sizes, &verdicts, &deployment->model);
        if (r > 0)
                note_problem(deployment, &verdicts);
        verdict_list_deinit(&verdicts);
        return r < 0 ? r : 0;
}

int deployment_new(const DeploymentRecord *record, const SizeCatalogue *sizes,
                   Deployment **ret_deployment)
{
        _cleanup_(deployment_freep) Deployment *deployment = calloc(1, sizeof(*deployment));
        Record *borrowed = malloc(sizeof(*borrowed));
        int r = -ENOMEM;

        if (deployment && borrowed) {
                *borrowed = (Record) {.type = RECORD_DEPLOYMENT, .deployment = *record};
                r = record_copy(borrowed, &deployment->record);
        }
        free(borrowed);
        if (r == 0)
                r = read_texts(deployment, sizes);
        if (r < 0)
                return r;
        *ret_deployment = TAKE_PTR(deployment);
        return 0;
}

Deployment *deployment_free(Deployment *deployment)
{
        if (!deployment)
                return NULL;
        model_free(deployment->model);
        if (deployment->record.type == RECORD_DEPLOYMENT)
                record_deinit(&deployment->record);
        free(deployment);
        return NULL;
}

const DeploymentRecord *deployment_record(const Deployment *deployment)
{
        return &deployment->record.deployment;
}

const ServiceModel *deployment_model(const Deployment *deployment)
{
        return deployment->model;
}

const char *deployment_problem(const Deployment *deployment)
{
        return deployment->problem;
}
