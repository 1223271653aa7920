/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Swap legality: the public endpoints of both sides as sorted lists. */

#include "fabric/swap.h"

#include <stdio.h>
#include <string.h>

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
