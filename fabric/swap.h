/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which swaps are legal. */

#include "lib/api/records.h"

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
