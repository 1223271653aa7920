/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What an instance's agent is told: the definition and configuration of its role, resolved for this
 * one instance, and the topology of its deployment. Pure. */

#include "lib/api/agent-protocol.h"
#include "lib/api/records.h"
#include "lib/base/map.h"
#include "model/service-model.h"

typedef struct RoleSpecInput {
        const DeploymentRecord *deployment;
        const ServiceModel *model;
        Slot slot;
        const InstanceRecord *instance; /* who is told */
        const InstanceRecord *const
                *instances; /* all of the deployment, on whichever host, @instance too */
        size_t n_instances;
        const Map *certificates; /* that the cluster has: any key to Record; NULL for none */
        const char *mac;
        unsigned mtu_bytes;
} RoleSpecInput;

#define ROLE_SPEC_NO_CERTIFICATE                                                                   \
        1 /* outcome: one that the role's configuration names is missing                           \
           */

/**
 * role_spec_build() - The configuration message for one instance
 * @input:      borrowed for the call; @input->instance's role is in the model
 * @ret_config: owned, free with agent_config_deinit(); its serial is 0
 *
 * Return: 0; ROLE_SPEC_NO_CERTIFICATE; -ENOENT when the model has no such role; -ENOMEM.
 */
int role_spec_build(const RoleSpecInput *input, AgentConfig *ret_config);
