/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A deployment as the host half holds it: its record and the model that its texts say. */

#include "lib/api/records.h"
#include "model/service-model.h"

typedef struct Deployment Deployment;

/**
 * deployment_new() - Copy a record and read its definition and configuration
 * @record:         copied
 * @sizes:          what a size's name means
 * @ret_deployment: owned
 *
 * The leader has checked the texts before it wrote the record; a text that this host refuses all
 * the same (an older version of hostd, say) leaves the deployment without a model.
 *
 * Return: 0; -ENOMEM.
 */
int deployment_new(const DeploymentRecord *record, const SizeCatalogue *sizes,
                   Deployment **ret_deployment);

/**
 * deployment_free() - Free it
 *
 * Return: NULL.
 */
Deployment *deployment_free(Deployment *deployment);
DEFINE_CLEANUP(Deployment *, deployment_free)

/** deployment_record() - Its record, borrowed */
const DeploymentRecord *deployment_record(const Deployment *deployment);

/** deployment_model() - Its model, borrowed; NULL when the texts cannot be read */
const ServiceModel *deployment_model(const Deployment *deployment);

/** deployment_problem() - Why there is no model: the first refusal, as FILE:LINE: reason */
const char *deployment_problem(const Deployment *deployment);
