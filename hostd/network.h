/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What this host's network is to be: from deployments, their instances here and their VIPs to a
 * declared state for netd. Pure. */

#include "hostd/net-plan.h"
#include "hostd/vm-names.h"
#include "lib/api/records.h"
#include "model/service-model.h"

/* Of a guest's network: what VXLAN leaves of an Ethernet's 1500. */
#define NETWORK_MTU_BYTES 1450U

typedef struct NetworkInstance {
        const InstanceRecord *record;
        const VmNames *names;
        bool ready; /* its role is Ready and may serve */
} NetworkInstance;

/* An instance of the deployment, on whichever host its record says. */
typedef struct NetworkMember {
        const InstanceRecord *record;
        bool here;        /* something of it is declared on this host */
        bool in_rotation; /* as its host observes it, of this incarnation */
        bool ready;
} NetworkMember;

typedef struct NetworkHost {
        const HostRecord *record;
        bool alive; /* it holds its lease */
} NetworkHost;

typedef struct NetworkDeployment {
        const DeploymentRecord *record;
        const ServiceModel *model;  /* NULL when it cannot be read: then it has no endpoints */
        IpAddress vip;              /* of its slot; none: no public endpoints */
        bool vip_owned;             /* this host is to announce it */
        NetworkInstance *instances; /* those on this host */
        size_t n_instances;
        NetworkMember *members; /* those of all hosts */
        size_t n_members;
} NetworkDeployment;

typedef struct NetworkInput {
        NetworkDeployment *deployments;
        size_t n_deployments;
        NetworkHost *hosts; /* of the cluster */
        size_t n_hosts;
        const char *self;
        const char *uplink; /* "" for netd's choice */
} NetworkInput;

/**
 * network_plan() - The declared state
 * @input:    borrowed for the call
 * @ret_plan: owned, borrows nothing
 *
 * With one host in the cluster nothing is shared: all is carried here.
 *
 * Return: 0; -ENOMEM.
 */
int network_plan(const NetworkInput *input, NetPlan *ret_plan);
