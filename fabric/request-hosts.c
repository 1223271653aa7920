/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Requests about hosts, and about the brake. */

#include <string.h>

#include "fabric/hosts.h"
#include "fabric/operation.h"
#include "fabric/request-internal.h"
#include "fabric/rollout.h"
#include "lib/base/str.h"

static void set_cordon(Fabric *fabric, Host *host, bool cordoned, bool draining)
{
        host->record->cordoned = cordoned;
        host->record->draining = draining;
        state_touch(fabric, ITEM_OF(CONTAINER_OF(host->record, Record, host)));
        host_refresh(fabric, host);
        state_queue_host(fabric, host);
}

/* What an update does with a host is not changed under its hands. */
static int check_no_update(Fabric *fabric, const Host *host)
{
        if (!host->record->update.operation[0])
                return 0;
        return refuse(fabric, FABRIC_OPERATION_CONFLICT,
                      "operation %s is updating host '%s': wait for its end",
                      host->record->update.operation, host->name);
}

static int cordon(Fabric *fabric, const FabricRequest *request)
{
        Host *host;
        int r = request_find_host(fabric, request->host, &host);

        if (r == 0)
                r = check_no_update(fabric, host);
        if (r == 0)
                set_cordon(fabric, host, true, host->record->draining);
        return r;
}

static int uncordon(Fabric *fabric, const FabricRequest *request)
{
        Operation *drain;
        Host *host;
        int r = request_find_host(fabric, request->host, &host);

        if (r == 0)
                r = check_no_update(fabric, host);
        if (r != 0)
                return r;
        drain = operation_draining(fabric, host->name);
        if (drain)
                operation_end(fabric, drain, OPERATION_FAILED, "RefusedNow",
                              "the host was uncordoned");
        set_cordon(fabric, host, false, false);
        return 0;
}

static int drain(Fabric *fabric, const FabricRequest *request)
{
        Operation *operation;
        Host *host;
        int r = request_find_host(fabric, request->host, &host);

        if (r == 0)
                r = check_no_update(fabric, host);
        if (r != 0)
                return r;
        operation = operation_draining(fabric, host->name);
        if (operation)
                return refuse(fabric, FABRIC_OPERATION_CONFLICT,
                              "operation %s is draining host '%s' already",
                              operation_record(operation)->id, host->name);
        if (!host->alive)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "host '%s' is lost: healing moves its instances", host->name);
        set_cordon(fabric, host, true, true);
        operation = operation_start(fabric, request->operation, OPERATION_DRAIN, NULL);
        if (operation) {
                SET_NAME(operation_record(operation)->host, host->name);
                operation_record(operation)->total = (uint32_t) host->n_instances;
        }
        return 0;
}

/* One that is alive goes when nothing is on it, and nothing more can come to it. */
static int check_living(Fabric *fabric, const Host *host)
{
        if (!host->record->draining)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "host '%s' is alive: `troupectl host drain %s` first", host->name,
                              host->name);
        if (host->n_instances > 0 || host->n_vips > 0)
                return refuse(
                        fabric, FABRIC_REFUSED_NOW,
                        "host '%s' is alive and still carries %zu instances and %u VIPs: wait "
                        "until it is drained",
                        host->name, host->n_instances, host->n_vips);
        return 0;
}

/* What runs on a host that is neither gone nor empty would go on running unseen. So to force it is
 * safe: what one that is gone carried is placed elsewhere when there is room. */
static int remove_host(Fabric *fabric, const FabricRequest *request)
{
        Operation *drain;
        Host *host;
        int r = request_find_host(fabric, request->host, &host);

        if (r == 0 && host->alive)
                r = check_no_update(fabric, host);
        if (r == 0 && host->alive)
                r = check_living(fabric, host);
        if (r != 0)
                return r;
        if (!host->alive && !host->gone)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "host '%s' was lost only just now: try again in some seconds",
                              host->name);
        if (host->n_instances > 0 && !request->force)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "host '%s' carries %zu instances that are not placed elsewhere yet: "
                              "make room, release the brake if it is on, or force it",
                              host->name, host->n_instances);
        drain = operation_draining(fabric, host->name);
        if (drain)
                operation_end(fabric, drain, OPERATION_FAILED, "RefusedNow",
                              "the host was removed");
        host_remove(fabric, host);
        return 0;
}

static int check_update(Fabric *fabric, Host *host)
{
        const Operation *drain = operation_draining(fabric, host->name);

        if (drain)
                return refuse(fabric, FABRIC_OPERATION_CONFLICT,
                              "operation %s is draining host '%s': wait for its end",
                              drain->item.record.operation.id, host->name);
        if (!host->alive)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "host '%s' is lost: remove it, or name the others", host->name);
        if (!rollout_has_room(fabric, host))
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "host '%s' carries %zu instances, and no other host could take them "
                              "while it restarts: add one, or update it by hand",
                              host->name, host->n_instances);
        return 0;
}

/* Whether a name stands in what is left of a list. */
static bool is_listed(const char *list, const char *name)
{
        RecordName other;

        while ((list = rollout_next_name(list, other)))
                if (str_equal(name, other))
                        return true;
        return false;
}

static int check_updates(Fabric *fabric, const char *hosts)
{
        RecordName name;
        Host *host;
        int r = 0;

        for (const char *next = hosts; r == 0 && (next = rollout_next_name(next, name));) {
                if (is_listed(next, name))
                        return refuse(fabric, FABRIC_REFUSED_NOW, "host '%s' is named twice", name);
                r = request_find_host(fabric, name, &host);
                if (r == 0)
                        r = check_update(fabric, host);
        }
        if (r != 0 || *hosts)
                return r;
        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                const Record *record = entry->value;

                r = check_update(fabric, map_get(&fabric->hosts, record->host.name));
                if (r != 0)
                        return r;
        }
        return 0;
}

static int update_hosts(Fabric *fabric, const FabricRequest *request)
{
        const char *hosts = request->hosts ?: "", *url = request->url ?: "";
        Operation *operation = operation_updating_hosts(fabric);
        int r;

        if (operation)
                return refuse(fabric, FABRIC_OPERATION_CONFLICT,
                              "operation %s is updating hosts already: wait for its end",
                              operation_record(operation)->id);
        if (strlen(url) > RECORD_URL_MAX)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "the address is longer than %d characters", RECORD_URL_MAX);
        r = check_updates(fabric, hosts);
        if (r != 0)
                return r;
        operation = operation_start(fabric, request->operation, OPERATION_UPDATE_HOSTS, NULL);
        if (operation)
                rollout_begin(fabric, operation, hosts, url);
        return 0;
}

static int release_brake(Fabric *fabric)
{
        if (!fabric->cluster->braked)
                return refuse(fabric, FABRIC_REFUSED_NOW, "the brake is not on");
        hosts_release_brake(fabric);
        return 0;
}

int request_host(Fabric *fabric, const FabricRequest *request)
{
        switch (request->kind) {
        case FABRIC_CORDON:
                return cordon(fabric, request);
        case FABRIC_UNCORDON:
                return uncordon(fabric, request);
        case FABRIC_DRAIN:
                return drain(fabric, request);
        case FABRIC_UPDATE_HOSTS:
                return update_hosts(fabric, request);
        case FABRIC_REMOVE_HOST:
                return remove_host(fabric, request);
        default:
                assert(request->kind == FABRIC_RELEASE_BRAKE);
                return release_brake(fabric);
        }
}
