/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/host-update.h"

#include <stdio.h>
#include <string.h>

#include "fabric/hosts.h"
#include "lib/base/str.h"

static void touch(Fabric *fabric, Host *host)
{
        state_touch(fabric, ITEM_OF(CONTAINER_OF(host->record, Record, host)));
        host_refresh(fabric, host);
        state_queue_host(fabric, host);
}

void host_update_join(Fabric *fabric, Host *host, const char *operation, const char *url)
{
        HostUpdate *update = &host->record->update;

        *update = (HostUpdate) {};
        SET_NAME(update->operation, operation);
        snprintf(update->url, sizeof(update->url), "%s", url);
        touch(fabric, host);
}

void host_update_begin(Fabric *fabric, Host *host)
{
        HostRecord *record = host->record;

        record->update.begun = true;
        record->update.cordoned = record->cordoned;
        record->update.draining = record->draining;
        record->cordoned = record->draining = true;
        touch(fabric, host);
}

void host_update_leave(Fabric *fabric, Host *host, bool usable)
{
        HostRecord *record = host->record;

        if (record->update.begun) {
                record->cordoned = record->update.cordoned || !usable;
                record->draining = record->update.draining;
        }
        record->update = (HostUpdate) {};
        touch(fabric, host);
}

static const AliveRecord *alive_of(const Fabric *fabric, const Host *host)
{
        Record *record = state_get_named(fabric, RECORD_ALIVE, host->name);

        return record && host->alive ? &record->alive : NULL;
}

static bool is_only_one(const Fabric *fabric, const Host *host)
{
        MAP_FOREACH (entry, &fabric->hosts) {
                const Host *other = entry->value;

                if (other != host && other->record && other->alive)
                        return false;
        }
        return true;
}

static void empty(Fabric *fabric, DrainPass *pass, Host *host, const AliveRecord *alive,
                  RecordDetail text)
{
        DrainWait wait;

        drain_host(fabric, pass, host, &wait);
        if (host->n_instances > 0 || (host->n_vips > 0 && !is_only_one(fabric, host))) {
                if (wait.n_roomless > 0)
                        snprintf(text, sizeof(RecordDetail),
                                 "'%s' is being drained; waiting for room: %u", host->name,
                                 wait.n_roomless);
                else
                        snprintf(text, sizeof(RecordDetail), "'%s' is being drained", host->name);
                return;
        }
        SET_NAME(host->record->update.boot, alive->boot_id);
        SET_NAME(host->record->update.version, alive->version);
        snprintf(text, sizeof(RecordDetail), "'%s' fetches the new version", host->name);
        touch(fabric, host);
}

/* Before its restart: what it says of the new version. */
static HostUpdateOutcome judge_fetch(const Host *host, const AliveRecord *alive, RecordDetail text)
{
        if (str_equal(alive->update.operation, host->record->update.operation) &&
            alive->update.current)
                return HOST_UPDATE_DONE;
        if (str_equal(alive->update.operation, host->record->update.operation) &&
            alive->update.problem[0]) {
                snprintf(text, sizeof(RecordDetail),
                         "host '%s' could not be updated, and stays as it is: %.300s", host->name,
                         alive->update.problem);
                return HOST_UPDATE_REFUSED;
        }
        snprintf(text, sizeof(RecordDetail), "'%s' fetches the new version", host->name);
        return HOST_UPDATE_GOES_ON;
}

/* After it. A version on trial that is not healthy is left by the machine itself. */
static HostUpdateOutcome judge_boot(const Host *host, const AliveRecord *alive, RecordDetail text)
{
        const HostUpdate *update = &host->record->update;

        if (str_equal(alive->version, update->version)) {
                snprintf(text, sizeof(RecordDetail),
                         "host '%s' came back with version %s as before: the new one was not "
                         "started, or did not become healthy; see its journal",
                         host->name, update->version[0] ? update->version : "(none)");
                return HOST_UPDATE_FAILED;
        }
        if (str_equal(alive->update.operation, update->operation) && alive->update.healthy)
                return HOST_UPDATE_DONE;
        snprintf(text, sizeof(RecordDetail), "'%s' is back with version %s, and not healthy yet",
                 host->name, alive->version);
        return HOST_UPDATE_GOES_ON;
}

HostUpdateOutcome host_update_advance(Fabric *fabric, DrainPass *pass, Host *host,
                                      RecordDetail ret_text)
{
        const AliveRecord *alive = alive_of(fabric, host);

        memset(ret_text, 0, sizeof(RecordDetail));
        if (!alive) {
                snprintf(ret_text, sizeof(RecordDetail), "'%s' %s", host->name,
                         host->record->update.boot[0] ? "restarts" : "is lost");
                return HOST_UPDATE_GOES_ON;
        }
        if (!host->record->update.boot[0]) {
                empty(fabric, pass, host, alive, ret_text);
                return HOST_UPDATE_GOES_ON;
        }
        return str_equal(alive->boot_id, host->record->update.boot)
                       ? judge_fetch(host, alive, ret_text)
                       : judge_boot(host, alive, ret_text);
}
