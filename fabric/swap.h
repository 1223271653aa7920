/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which swaps are legal, when they may be carried out, and the exchange itself.
 *
 *   asked for --all in rotation, or forced--> exchanged
 *       +--> waiting --all in rotation, or somebody of each role after SWAP_PATIENCE_MS-->
 * exchanged
 *               +--nobody of some role after SWAP_PATIENCE_MS--> failed, nothing changed */

#include "fabric/operation.h"

/* How long a swap waits for those that are Ready to be put in rotation: a few probes' time. */
#define SWAP_PATIENCE_MS 10000

/**
 * swap_difference() - What forbids swapping two deployments
 * @production: deployment in production
 * @staging:    deployment in staging
 * @message:    says what differs, when something does
 * @size:       room in @message
 *
 * Both must have the same public endpoints: as many, of the same kinds, protocols and ports,
 * whatever they are called. Internal endpoints do not matter.
 *
 * Return: whether they differ.
 * Source: Azure Cloud Services, "Swap deployments": the number and type of endpoints must match
 */
bool swap_difference(const DeploymentRecord *production, const DeploymentRecord *staging,
                     char *message, size_t size);

/**
 * swap_rotation() - How many of the instances that are to serve the production's VIP could
 * @deployment: deployment in staging
 * @ret_total:  instances of roles with public endpoints
 * @ret_behind: one of them that is not in rotation, NULL when all are
 *
 * Being Ready is the role's own word; in rotation is who answers its probe as well. A VIP with
 * nobody in rotation refuses.
 *
 * Return: how many are in rotation.
 */
uint32_t swap_rotation(const Deployment *deployment, uint32_t *ret_total,
                       const Instance **ret_behind);

/**
 * swap_carry_out() - Exchange the deployments of a service's slots
 * @fabric:    state
 * @operation: running swap, which ends by this: it succeeded, or failed because what it was to
 *             swap is not what it was when it was asked for
 *
 * One write of one record: every host sees it whole. The VIPs stay with the slots.
 */
void swap_carry_out(Fabric *fabric, Operation *operation);

/** swap_timer() - A swap has waited for long enough: it is carried out, or has failed */
void swap_timer(Fabric *fabric, Operation *operation);
