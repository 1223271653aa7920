/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The step: take the event in, let what it concerns be checked until nothing is left to check, and
 * write the changes up as a plan. */

#include "fabric/fabric.h"

#include <string.h>

#include "fabric/deployment.h"
#include "fabric/guest-os.h"
#include "fabric/hosts.h"
#include "fabric/instance.h"
#include "fabric/operation.h"
#include "fabric/owners.h"
#include "fabric/plan.h"
#include "fabric/request.h"
#include "fabric/state.h"

int fabric_new(Fabric **ret_fabric)
{
        Fabric *fabric = calloc(1, sizeof(*fabric));

        if (!fabric)
                return -ENOMEM;
        place_init(&fabric->place);
        record_init(&fabric->default_cluster, RECORD_CLUSTER);
        fabric->cluster = &fabric->default_cluster.cluster;
        fabric->owners_timer.kind = TIMER_OWNERS;
        *ret_fabric = fabric;
        return 0;
}

void fabric_free(Fabric *fabric)
{
        if (!fabric)
                return;
        state_deinit(fabric);
        free(fabric);
}

const char *fabric_refusal_to_string(FabricRefusal refusal)
{
        static const char *const names[FABRIC_REFUSALS] = {
                [FABRIC_NO_REFUSAL] = "",
                [FABRIC_NO_SUCH_SERVICE] = "NoSuchService",
                [FABRIC_NO_SUCH_DEPLOYMENT] = "NoSuchDeployment",
                [FABRIC_NO_SUCH_ROLE] = "NoSuchRole",
                [FABRIC_NO_SUCH_INSTANCE] = "NoSuchInstance",
                [FABRIC_NO_SUCH_HOST] = "NoSuchHost",
                [FABRIC_NO_SUCH_PACKAGE] = "PackageInvalid",
                [FABRIC_SLOT_OCCUPIED] = "SlotOccupied",
                [FABRIC_OPERATION_CONFLICT] = "OperationConflict",
                [FABRIC_SWAP_ILLEGAL] = "SwapIllegal",
                [FABRIC_NO_STAGING] = "NoStaging",
                [FABRIC_NO_VIP] = "NoVip",
                [FABRIC_NO_SUBNET] = "NoSubnet",
                [FABRIC_NO_ROOM] = "NoRoom",
                [FABRIC_NO_GUEST_OS] = "NoGuestOs",
                [FABRIC_COUNT_INVALID] = "CountInvalid",
                [FABRIC_REFUSED_NOW] = "RefusedNow",
                [FABRIC_UNAVAILABLE] = "Unavailable",
        };

        assert(refusal < FABRIC_REFUSALS);
        return names[refusal];
}

FabricRefusal fabric_refusal(const Fabric *fabric, const char **ret_message)
{
        *ret_message = fabric->message;
        return fabric->refusal;
}

const Map *fabric_records(const Fabric *fabric, RecordType type)
{
        return &fabric->records[type];
}

const Record *fabric_record(const Fabric *fabric, const RecordKey *key)
{
        return state_get(fabric, key);
}

bool fabric_braked(const Fabric *fabric)
{
        return fabric->cluster->braked;
}

/* ---- events */

static void observed_changed(Fabric *fabric, const InstanceId *id, const char *host)
{
        Instance *instance = instance_of(fabric, id);

        if (instance && strcmp(instance->host->name, host) == 0)
                instance_observe(fabric, instance);
}

static void record_put(Fabric *fabric, const Record *record)
{
        if (fabric->synced && record->type != RECORD_ALIVE && record->type != RECORD_OBSERVED)
                return; /* our own echo */
        if (!state_put(fabric, record) || !fabric->synced)
                return;
        fabric->operations_due |= record->type == RECORD_ALIVE;
        if (record->type == RECORD_ALIVE)
                host_alive(fabric, record->alive.host);
        else
                observed_changed(fabric, &record->observed.id, record->observed.host);
}

static void record_deleted(Fabric *fabric, const RecordKey *key)
{
        Record *record = state_get(fabric, key);

        if (!record ||
            (fabric->synced && key->type != RECORD_ALIVE && key->type != RECORD_OBSERVED))
                return;
        state_forget(fabric, ITEM_OF(record));
        if (!fabric->synced)
                return;
        fabric->operations_due |= key->type == RECORD_ALIVE;
        if (key->type == RECORD_ALIVE)
                host_lost(fabric, key->name);
        else
                observed_changed(fabric, &key->instance, key->name);
}

static void synced(Fabric *fabric)
{
        RecordKey key = {.type = RECORD_CLUSTER};
        Record *cluster = state_get(fabric, &key);

        if (fabric->synced)
                return;
        fabric->synced = true;
        if (cluster)
                fabric->cluster = &cluster->cluster;
        owners_sync(fabric);
        hosts_sync(fabric);
        RECORDS_FOREACH(entry, fabric, RECORD_DEPLOYMENT)
        deployment_link(fabric, HOLDER_OF(entry->value, Deployment));
        RECORDS_FOREACH(entry, fabric, RECORD_INSTANCE)
        instance_link(fabric, HOLDER_OF(entry->value, Instance));
        RECORDS_FOREACH(entry, fabric, RECORD_OPERATION)
        operation_link(fabric, HOLDER_OF(entry->value, Operation));
        RECORDS_FOREACH(entry, fabric, RECORD_PACKAGE)
        package_refresh(fabric, ((Record *) entry->value)->package.digest);
        fabric->os_changed = true;
        hosts_synced(fabric);
}

static int take_event(Fabric *fabric, const FabricEvent *event)
{
        switch (event->type) {
        case FABRIC_RECORD_PUT:
                record_put(fabric, event->record);
                break;
        case FABRIC_RECORD_DELETED:
                record_deleted(fabric, &event->key);
                break;
        case FABRIC_SYNCED:
                synced(fabric);
                break;
        case FABRIC_REQUEST:
                if (!fabric->synced) {
                        fabric->refusal = FABRIC_UNAVAILABLE;
                        memcpy(fabric->message, "the records are being loaded", 29);
                        return FABRIC_REFUSED;
                }
                return request_step(fabric, event->request);
        case FABRIC_TICK:
                break;
        case FABRIC_SILENT:
                if (fabric->synced)
                        host_silent(fabric, event->key.name, event->renewal, event->since_ns);
                break;
        }
        return 0;
}

/* ---- the step */

/* Far more than it ever takes: a leader that goes on and on would hold up everything. */
#define SETTLE_ROUNDS_MAX 1000

static void fire(Fabric *fabric, Timer *timer)
{
        switch (timer->kind) {
        case TIMER_HOST:
                host_timer(fabric, CONTAINER_OF(timer, Host, timer));
                break;
        case TIMER_SUSPECT:
                host_set_suspect(fabric, CONTAINER_OF(timer, Host, suspect_timer), false);
                break;
        case TIMER_INSTANCE:
                state_queue(fabric, CONTAINER_OF(timer, Instance, timer)->deployment);
                break;
        case TIMER_OPERATION:
                operation_timer(fabric, CONTAINER_OF(timer, Operation, timer));
                break;
        case TIMER_OWNERS:
                owners_timer(fabric);
                break;
        case TIMER_PACKAGE:
                state_drop(fabric, &CONTAINER_OF(timer, Package, timer)->item);
                break;
        case TIMER_GUEST_OS:
                state_drop(fabric, &CONTAINER_OF(timer, GuestOs, timer)->item);
                break;
        default:
                assert(false);
        }
}

/* What found no room may find some now. */
static void queue_waiting(Fabric *fabric)
{
        if (!fabric->room_changed)
                return;
        fabric->room_changed = false;
        RECORDS_FOREACH(entry, fabric, RECORD_DEPLOYMENT)
        if (HOLDER_OF(entry->value, Deployment)->n_waiting > 0)
                state_queue(fabric, HOLDER_OF(entry->value, Deployment));
}

/* Checks what is queued, until a round of checking changes nothing more. Each round moves things
 * forward only (towards placed, stopped, removed, ended), so the rounds are few. */
static void settle(Fabric *fabric)
{
        size_t n_dirty = 0; /* changes that operations have been checked after */
        unsigned rounds = 0;

        do {
                size_t n_checked = 0;

                queue_waiting(fabric);
                while (fabric->n_queue > 0 && !fabric->failed) {
                        Deployment *deployment = fabric->queue[--fabric->n_queue];

                        deployment->queued = false;
                        if (!deployment->dropped)
                                deployment_check(fabric, deployment);
                        n_checked++;
                }
                if (n_checked > 0 || fabric->n_dirty != n_dirty || fabric->operations_due) {
                        fabric->operations_due = false;
                        operations_check(fabric);
                }
                n_dirty = fabric->n_dirty;
                if (fabric->owners_changed)
                        owners_check(fabric);
                fabric->operations_due |= fabric->n_dirty != n_dirty;
                n_dirty = fabric->n_dirty;
        } while ((fabric->n_queue > 0 || fabric->room_changed || fabric->operations_due) &&
                 !fabric->failed && ++rounds < SETTLE_ROUNDS_MAX);
        fabric->unsettled = rounds == SETTLE_ROUNDS_MAX;
        if (fabric->os_changed)
                guest_os_check(fabric);
}

int fabric_step(Fabric *fabric, const FabricEvent *event, const FabricPlan **ret_plan)
{
        Timer *timer;
        int r;

        assert(event->time_ns >= fabric->now_ns);
        state_free_garbage(fabric);
        fabric->now_ns = event->time_ns;
        fabric->realtime_us = event->realtime_us;
        fabric->refusal = FABRIC_NO_REFUSAL;
        fabric->message[0] = '\0';
        r = take_event(fabric, event);
        if (event->more && !fabric->failed) {
                fabric->plan = (FabricPlan) {.wake_ns = FABRIC_NEVER};
                *ret_plan = &fabric->plan;
                return r;
        }
        while (!fabric->failed && (timer = timers_pop(&fabric->timers, fabric->now_ns)))
                fire(fabric, timer);
        if (fabric->synced) {
                hosts_check(fabric);
                settle(fabric);
        }
        if (!fabric->failed)
                plan_build(fabric);
        if (fabric->failed)
                return -ENOMEM;
        *ret_plan = &fabric->plan;
        return r;
}
