/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Deployments: making what there is of a deployment equal to what its record wants. */

#include "fabric/state.h"

/** deployment_link() - Make the tables beside a deployment's record */
void deployment_link(Fabric *fabric, Deployment *deployment);

/** deployment_of() - The deployment of an id, or NULL */
Deployment *deployment_of(const Fabric *fabric, const char *id);

/**
 * deployment_check() - Do what can be done now for one deployment
 *
 * Places what is missing, stops what is too much (highest numbers first), moves what is gone, heals
 * what is not well, and removes the deployment when it is being deleted and nothing is left.
 */
void deployment_check(Fabric *fabric, Deployment *deployment);

/**
 * deployment_fits() - Whether instances that are yet to be made have room
 * @fabric:     state
 * @record:     deployment with the wanted counts
 * @deployment: the same as it is, or NULL for one that is yet to be made
 * @ret_role:   a role of which not all instances fit
 *
 * Nothing is changed.
 */
bool deployment_fits(Fabric *fabric, const DeploymentRecord *record, const Deployment *deployment,
                     const DeploymentRole **ret_role);

/** deployment_is_ready() - Whether every wanted instance is Ready */
bool deployment_is_ready(const Deployment *deployment);

/** deployment_service() - The service that a deployment is in a slot of, or NULL */
ServiceRecord *deployment_service(const Fabric *fabric, Deployment *deployment, Slot *ret_slot);

/** package_refresh() - Start or stop the count-down of a package that nothing refers to */
void package_refresh(Fabric *fabric, const char *digest);

#define PACKAGE_KEEP_MS 3600000 /* a package that was uploaded and then not deployed */
