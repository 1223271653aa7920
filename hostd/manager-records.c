/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the manager carries from the store: each record to all whom it concerns. */

#include <stdio.h>

#include "hostd/manager.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

/* What hosts observe and operations come to says nothing about content. */
static void content_changed(Manager *manager, RecordType type)
{
        if (type != RECORD_OBSERVED && type != RECORD_OPERATION)
                content_look(manager->content);
}

static void half_put(Manager *manager, const Record *record, const Record *before)
{
        HostHalf *half = manager->host_half;
        int r = 0;

        switch (record->type) {
        case RECORD_CLUSTER:
                host_half_cluster_put(half, &record->cluster);
                fence_set_cluster(manager->fence, &record->cluster);
                break;
        case RECORD_HOST:
                r = host_half_host_put(half, &record->host);
                if (str_equal(record->host.name, manager->config->host))
                        updater_look(manager->updater, &record->host.update);
                break;
        case RECORD_SERVICE:
                r = host_half_service_put(half, &record->service);
                break;
        case RECORD_DEPLOYMENT:
                r = host_half_deployment_put(half, &record->deployment);
                break;
        case RECORD_INSTANCE:
                r = host_half_instance_put(half, &record->instance);
                break;
        case RECORD_CERTIFICATE:
                r = host_half_certificate_put(half, record);
                break;
        case RECORD_ALIVE:
                r = host_half_alive_put(half, record->alive.host);
                break;
        case RECORD_OBSERVED:
                r = host_half_observed_put(half, &record->observed);
                if (r == 0 && !before && str_equal(record->observed.host, manager->config->host))
                        r = host_half_observed_found(half, &record->observed.id);
                break;
        default:
                break;
        }
        if (r < 0)
                log_error_errno(r, "a record could not be taken to heart");
}

static void half_deleted(Manager *manager, const Record *before)
{
        HostHalf *half = manager->host_half;

        switch (before->type) {
        case RECORD_HOST:
                host_half_host_deleted(half, before->host.name);
                if (str_equal(before->host.name, manager->config->host))
                        updater_look(manager->updater, &(HostUpdate) {});
                break;
        case RECORD_SERVICE:
                host_half_service_deleted(half, before->service.name);
                break;
        case RECORD_DEPLOYMENT:
                host_half_deployment_deleted(half, before->deployment.id);
                break;
        case RECORD_INSTANCE:
                host_half_instance_deleted(half, &before->instance.id);
                break;
        case RECORD_ALIVE:
                host_half_alive_deleted(half, before->alive.host);
                break;
        case RECORD_OBSERVED:
                host_half_observed_deleted(half, before->observed.host, &before->observed.id);
                break;
        case RECORD_CERTIFICATE:
                host_half_certificate_deleted(half, before->certificate.digest);
                break;
        default:
                break;
        }
}

static const char *service_of(Manager *manager, const Record *record)
{
        const Record *deployment = NULL;

        if (record->type == RECORD_INSTANCE)
                deployment = store_named(manager->store, RECORD_DEPLOYMENT,
                                         record->instance.id.deployment);
        if (record->type == RECORD_OBSERVED)
                deployment = store_named(manager->store, RECORD_DEPLOYMENT,
                                         record->observed.id.deployment);
        return deployment ? deployment->deployment.service : "";
}

static void on_put(void *userdata, const Record *record, const Record *before)
{
        Manager *manager = userdata;

        if (record->type == RECORD_HOST || record->type == RECORD_ALIVE)
                quorum_changed(manager->quorum);
        half_put(manager, record, before);
        content_changed(manager, record->type);
        controller_record_put(manager->controller, record);
        host1_record_put(manager->host1, record, before);
        if (manager->synced) /* what was there when hostd started did not happen now */
                events_record_put(manager->events, record, before, service_of(manager, record));
}

static void on_deleted(void *userdata, const RecordKey *key, const Record *before)
{
        Manager *manager = userdata;

        if (key->type == RECORD_HOST || key->type == RECORD_ALIVE)
                quorum_changed(manager->quorum);
        half_deleted(manager, before);
        content_changed(manager, key->type);
        controller_record_deleted(manager->controller, key);
        host1_record_deleted(manager->host1, key, before);
        events_record_deleted(manager->events, before);
        if (key->type == RECORD_ALIVE && str_equal(key->name, manager->config->host) &&
            manager->presence)
                presence_alive_changed(manager->presence, false);
}

static void on_leader(void *userdata, const StoreLeader *leader)
{
        Manager *manager = userdata;

        manager->leader = *leader;
        snprintf(manager->leader_host, sizeof(manager->leader_host), "%s", leader->host ?: "");
        manager->leader.host = leader->host ? manager->leader_host : NULL;
        if (manager->presence)
                presence_leader_changed(manager->presence, &manager->leader);
        host1_leader_changed(manager->host1);
        if (leader->host)
                registrar_look(manager->registrar);
        if (manager->synced && leader->host)
                events_note(manager->events, "leader", leader->host, "leads the cluster");
}

StoreHandlers manager_record_handlers(Manager *manager)
{
        return (StoreHandlers) {
                .userdata = manager,
                .put = on_put,
                .deleted = on_deleted,
                .leader = on_leader,
        };
}
