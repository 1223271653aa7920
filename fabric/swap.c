/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Swap legality: the public endpoints of both sides as sorted lists. */

#include "fabric/swap.h"

#include <stdio.h>
#include <string.h>

#include "fabric/deployment.h"
#include "fabric/instance.h"
#include "fabric/network.h"
#include "lib/base/str.h"

static int compare(const void *a, const void *b)
{
        const DeploymentEndpoint *left = a, *right = b;

        if (left->kind != right->kind)
                return left->kind < right->kind ? -1 : 1;
        if (left->port != right->port)
                return left->port < right->port ? -1 : 1;
        if (left->port_last != right->port_last)
                return left->port_last < right->port_last ? -1 : 1;
        return strcmp(left->protocol, right->protocol);
}

static size_t public_endpoints(const DeploymentRecord *deployment, DeploymentEndpoint *endpoints)
{
        size_t n = 0;

        for (size_t i = 0; i < deployment->n_endpoints; i++)
                if (deployment->endpoints[i].kind != RECORD_ENDPOINT_INTERNAL)
                        endpoints[n++] = deployment->endpoints[i];
        qsort(endpoints, n, sizeof(*endpoints), compare);
        return n;
}

static void describe(const DeploymentEndpoint *endpoint, char *text, size_t size)
{
        snprintf(text, size, "%s %s on port %u", endpoint->protocol,
                 endpoint->kind == RECORD_ENDPOINT_INPUT ? "endpoint" : "instance endpoint",
                 endpoint->port);
}

bool swap_difference(const DeploymentRecord *production, const DeploymentRecord *staging,
                     char *message, size_t size)
{
        DeploymentEndpoint p[RECORD_ENDPOINTS_MAX] = {}, s[RECORD_ENDPOINTS_MAX] = {};
        size_t n_p = public_endpoints(production, p), n_s = public_endpoints(staging, s);
        char mine[64], theirs[64];

        if (n_p != n_s) {
                snprintf(message, size, "production has %zu public endpoints, staging %zu", n_p,
                         n_s);
                return true;
        }
        for (size_t i = 0; i < n_p; i++)
                if (compare(&p[i], &s[i]) != 0) {
                        describe(&p[i], mine, sizeof(mine));
                        describe(&s[i], theirs, sizeof(theirs));
                        snprintf(message, size, "production has a %s where staging has a %s", mine,
                                 theirs);
                        return true;
                }
        return false;
}

/* ---- rotation */

static bool is_public(const DeploymentRecord *deployment, const DeploymentRole *role)
{
        for (size_t i = 0; i < deployment->n_endpoints; i++)
                if (deployment->endpoints[i].kind != RECORD_ENDPOINT_INTERNAL &&
                    str_equal(deployment->endpoints[i].role, role->name))
                        return true;
        return false;
}

static uint32_t role_rotation(const Deployment *deployment, size_t role,
                              const Instance **ret_behind)
{
        uint32_t wanted = deployment->item.record.deployment.roles[role].count, n = 0;

        for (uint32_t i = 0; i < wanted; i++) {
                const Instance *instance = instance_at(deployment, role, i);

                if (instance && instance_is_ready(instance) && instance->observed->in_rotation)
                        n++;
                else if (instance)
                        *ret_behind = instance;
        }
        return n;
}

uint32_t swap_rotation(const Deployment *deployment, uint32_t *ret_total,
                       const Instance **ret_behind)
{
        const DeploymentRecord *record = &deployment->item.record.deployment;
        const Instance *behind = NULL;
        uint32_t total = 0, n = 0;

        for (size_t i = 0; i < record->n_roles; i++) {
                if (!is_public(record, &record->roles[i]))
                        continue;
                total += record->roles[i].count;
                n += role_rotation(deployment, i, &behind);
        }
        *ret_total = total;
        *ret_behind = n < total ? behind : NULL;
        return n;
}

/* A role with public endpoints, and instances, of which none is in rotation; or NULL. */
static const DeploymentRole *dark_role(const Deployment *deployment)
{
        const DeploymentRecord *record = &deployment->item.record.deployment;
        const Instance *behind;

        for (size_t i = 0; i < record->n_roles; i++)
                if (is_public(record, &record->roles[i]) && record->roles[i].count > 0 &&
                    role_rotation(deployment, i, &behind) == 0)
                        return &record->roles[i];
        return NULL;
}

/* ---- the exchange */

static void fail(Fabric *fabric, Operation *operation, const char *message)
{
        operation_end(fabric, operation, OPERATION_FAILED, "RefusedNow", message);
}

/* Whether the slots hold what they held when the swap was asked for, as far as it matters. */
static bool is_overtaken(const Fabric *fabric, const ServiceRecord *service,
                         const OperationRecord *record)
{
        Deployment *production = deployment_of(fabric, service->slots[SLOT_PRODUCTION].deployment);
        Deployment *staging = deployment_of(fabric, record->deployment);
        char difference[256];

        if (!staging || !str_equal(service->slots[SLOT_STAGING].deployment, record->deployment) ||
            deployment_record(staging)->deleting)
                return true;
        return production &&
               swap_difference(deployment_record(production), deployment_record(staging),
                               difference, sizeof(difference));
}

static void exchange(ServiceRecord *service)
{
        char *production = service->slots[SLOT_PRODUCTION].deployment;
        char *staging = service->slots[SLOT_STAGING].deployment;
        RecordId moved;

        memcpy(moved, production, sizeof(moved));
        memcpy(production, staging, sizeof(moved));
        memcpy(staging, moved, sizeof(moved));
}

void swap_carry_out(Fabric *fabric, Operation *operation)
{
        const OperationRecord *record = operation_record(operation);
        Record *found = state_get_named(fabric, RECORD_SERVICE, record->service);
        ServiceRecord *service;

        if (!found || is_overtaken(fabric, &found->service, record)) {
                fail(fabric, operation, "what it was to swap has changed meanwhile");
                return;
        }
        service = &found->service;
        if (service->slots[SLOT_PRODUCTION].vip.family == 0 &&
            !network_pick_vip(fabric, &service->slots[SLOT_PRODUCTION].vip)) {
                fail(fabric, operation, "every public address of the cluster is taken");
                return;
        }
        exchange(service);
        fabric->owners_changed = true; /* the VIP may be new */
        state_touch(fabric, ITEM_OF(found));
        operation_end(fabric, operation, OPERATION_SUCCEEDED, "", "swapped");
}

void swap_timer(Fabric *fabric, Operation *operation)
{
        const Deployment *staging = deployment_of(fabric, operation_record(operation)->deployment);
        const DeploymentRole *dark = staging ? dark_role(staging) : NULL;
        RecordDetail message;

        if (!dark) {
                swap_carry_out(fabric, operation);
                return;
        }
        snprintf(message, sizeof(message),
                 "no instance of role %s in staging answers its probe: production's address would "
                 "refuse; nothing was swapped",
                 dark->name);
        operation_end(fabric, operation, OPERATION_FAILED, "NotReady", message);
}
