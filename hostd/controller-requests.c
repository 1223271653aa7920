/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/controller-requests.h"

#include <stdio.h>
#include <sys/random.h>

#define REQUESTS_MAX     256
#define OPERATION_PREFIX "o"

ControllerRequest *controller_request_new(FabricRequestKind kind)
{
        ControllerRequest *request = calloc(1, sizeof(*request));

        if (request)
                request->kind = kind;
        return request;
}

ControllerRequest *controller_request_free(ControllerRequest *request)
{
        if (!request)
                return NULL;
        record_deinit(&request->record);
        free(request->configuration);
        free(request->hosts);
        free(request->url);
        free(request);
        return NULL;
}

void controller_request_finish(ControllerRequest *request, const char *error, const char *message)
{
        if (request->done)
                request->done(request->userdata, error, message);
        controller_request_free(request);
}

FabricRequest controller_request_fabric(const ControllerRequest *request,
                                        FabricCount counts[static RECORD_ROLES_MAX])
{
        for (size_t i = 0; i < request->n_counts; i++)
                counts[i] = (FabricCount) {request->counts[i].role, request->counts[i].count};
        return (FabricRequest) {
                .kind = request->kind,
                .operation = request->operation,
                .service = request->service,
                .slot = request->slot,
                .deployment = &request->record.deployment,
                .counts = counts,
                .n_counts = request->n_counts,
                .configuration = request->configuration,
                .instance = request->instance,
                .host = request->host,
                .hosts = request->hosts,
                .url = request->url,
                .force = request->force,
                .record = &request->record,
        };
}

/* Never used before in the cluster's life: 64 random bits. */
static void name_operation(ControllerRequest *request)
{
        uint64_t number;

        while (getrandom(&number, sizeof(number), 0) != sizeof(number))
                ;
        snprintf(request->operation, sizeof(request->operation), OPERATION_PREFIX "%016llx",
                 (unsigned long long) number);
}

bool controller_requests_add(ControllerRequests *requests, ControllerRequest *request)
{
        name_operation(request);
        if (requests->n_waiting >= REQUESTS_MAX)
                return false;
        if (requests->last)
                requests->last->next = request;
        else
                requests->first = request;
        requests->last = request;
        requests->n_waiting++;
        return true;
}

ControllerRequest *controller_requests_take(ControllerRequests *requests)
{
        ControllerRequest *request = requests->first;

        if (!request)
                return NULL;
        requests->first = request->next;
        if (!requests->first)
                requests->last = NULL;
        requests->n_waiting--;
        return request;
}

void controller_requests_fail(ControllerRequests *requests, const char *error, const char *message)
{
        ControllerRequest *request;

        while ((request = controller_requests_take(requests)))
                controller_request_finish(request, error, message);
}

void controller_requests_accept(ControllerRequests *requests, ControllerRequest *request,
                                int64_t revision)
{
        request->written = revision;
        request->next = requests->accepted;
        requests->accepted = request;
}

void controller_requests_tell(ControllerRequests *requests, int64_t revision)
{
        ControllerRequest **link = &requests->accepted, *request;

        while ((request = *link)) {
                if (request->written > revision) {
                        link = &request->next;
                        continue;
                }
                *link = request->next;
                controller_request_finish(request, NULL, "");
        }
}
