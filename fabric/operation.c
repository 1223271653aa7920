/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Operations: what is counted as done for each kind, and how they end.
 *
 *   running --all done--> succeeded --kept for keep_ended_ms--> (deleted)
 *      +----no progress for operation_ms, or overtaken--> failed --likewise--> (deleted)
 */

#include "fabric/operation.h"

#include <stdio.h>

#include "fabric/deployment.h"
#include "fabric/drain.h"
#include "fabric/guest-os.h"
#include "fabric/instance.h"
#include "fabric/rollout.h"
#include "fabric/swap.h"
#include "fabric/walk.h"
#include "lib/base/str.h"

static void set_message(RecordDetail target, const char *text)
{
        /* what snprintf() would leave behind the end is cleared: records are compared as text */
        memset(target, 0, sizeof(RecordDetail));
        snprintf(target, sizeof(RecordDetail), "%s", text);
}

void operation_link(Fabric *fabric, Operation *operation)
{
        const OperationRecord *record = operation_record(operation);
        uint64_t span_ms = record->state != OPERATION_RUNNING ? fabric->cluster->keep_ended_ms
                           : record->kind == OPERATION_SWAP   ? SWAP_PATIENCE_MS
                           : record->kind == OPERATION_UPDATE ? walk_patience_ms(fabric)
                                                              : fabric->cluster->operation_ms;

        state_timer(fabric, &operation->timer, state_after(fabric->now_ns, span_ms));
}

Operation *operation_start(Fabric *fabric, const char *id, OperationKind kind,
                           Deployment *deployment)
{
        RecordKey key = {.type = RECORD_OPERATION};
        Operation *operation;
        OperationRecord *record;
        Item *item;

        SET_NAME(key.name, id);
        item = state_add(fabric, &key);
        if (!item)
                return NULL;
        operation = CONTAINER_OF(item, Operation, item);
        record = operation_record(operation);
        record->kind = kind;
        record->started_us = fabric->realtime_us;
        if (deployment) {
                const DeploymentRecord *d = deployment_record(deployment);
                Slot slot;

                SET_NAME(record->service, d->service);
                SET_NAME(record->deployment, d->id);
                if (deployment_service(fabric, deployment, &slot))
                        record->slot = slot;
        }
        operation_link(fabric, operation);
        state_touch(fabric, item);
        return operation;
}

void operation_end(Fabric *fabric, Operation *operation, OperationState state, const char *error,
                   const char *message)
{
        OperationRecord *record = operation_record(operation);
        Deployment *deployment = deployment_of(fabric, record->deployment);

        assert(record->state == OPERATION_RUNNING && state != OPERATION_RUNNING);
        record->state = state;
        record->ended_us = fabric->realtime_us;
        if (state == OPERATION_SUCCEEDED)
                record->done = record->total;
        SET_NAME(record->error, error);
        set_message(record->message, message);
        operation_link(fabric, operation);
        state_touch(fabric, &operation->item);
        if (deployment)
                state_queue(fabric, deployment); /* what it held up goes on */
}

/* ---- what is done */

typedef struct Progress {
        uint32_t done, total;
        uint32_t waiting;       /* instances that fit nowhere */
        const Instance *behind; /* one that is not there yet */
        const char *what;       /* `instances Ready` */
} Progress;

static bool has_configuration(const Instance *instance)
{
        return instance->observed->configuration_generation >=
               deployment_record(instance->deployment)->configuration_generation;
}

static void count_role(const Deployment *deployment, const OperationRecord *operation,
                       const OperationRole *wanted, Progress *progress)
{
        const DeploymentRecord *record = &deployment->item.record.deployment;
        const DeploymentRole *role = deployment_role(record, wanted->name);
        uint32_t first = operation->kind == OPERATION_CONFIGURE ? 0 : MIN(wanted->from, wanted->to);
        uint32_t end = MAX(wanted->from, wanted->to);

        if (!role)
                return;
        for (uint32_t i = first; i < end; i++) {
                const Instance *instance =
                        instance_at(deployment, (size_t) (role - record->roles), i);
                bool done = i >= wanted->to ? !instance : instance && instance_is_ready(instance);

                if (done && i < wanted->to && operation->kind == OPERATION_CONFIGURE)
                        done = has_configuration(instance);
                progress->total++;
                progress->done += done;
                if (!done && instance && !progress->behind)
                        progress->behind = instance;
        }
}

static Progress count_deployment(const Fabric *fabric, const OperationRecord *record)
{
        const Deployment *deployment = deployment_of(fabric, record->deployment);
        Progress progress = {.what = "instances as wanted"};

        if (!deployment)
                return progress;
        for (size_t i = 0; i < record->n_roles; i++)
                count_role(deployment, record, &record->roles[i], &progress);
        progress.waiting = deployment->n_waiting;
        return progress;
}

/* A deletion's total was set when it began. */
static Progress count_deletion(const Fabric *fabric, const OperationRecord *record)
{
        Progress progress = {.what = "instances removed", .total = record->total};
        uint32_t left = 0;

        RECORDS_FOREACH(entry, fabric, RECORD_DEPLOYMENT)
        {
                const Deployment *d = HOLDER_OF(entry->value, Deployment);

                if (str_equal(d->item.record.deployment.service, record->service) &&
                    (record->deployment[0] == '\0' ||
                     str_equal(d->item.record.deployment.id, record->deployment)))
                        left += d->n_live;
        }
        progress.done = left < progress.total ? progress.total - left : 0;
        return progress;
}

static InstanceAction action_of(OperationKind kind)
{
        return kind == OPERATION_REBOOT    ? ACTION_REBOOT
               : kind == OPERATION_REIMAGE ? ACTION_REIMAGE
                                           : ACTION_REBUILD;
}

static Progress count_action(const Fabric *fabric, const OperationRecord *record)
{
        const Instance *instance = instance_of(fabric, &record->instance);
        Progress progress = {.what = "steps", .total = 2, .behind = instance};

        if (instance && instance_is_current(instance) &&
            instance->observed->done[action_of(record->kind)] >= record->wanted)
                progress.done = 1 + instance_is_ready(instance);
        return progress;
}

static Progress count_drain(Fabric *fabric, const OperationRecord *record)
{
        Host *host = map_get(&fabric->hosts, record->host);
        Progress progress = {.what = "instances moved", .total = record->total};
        DrainPass pass;
        DrainWait wait;

        if (!host || !host->record || !host->record->draining)
                return progress;
        drain_begin(fabric, &pass);
        drain_host(fabric, &pass, host, &wait);
        drain_end(fabric, &pass);
        progress.waiting = wait.n_roomless;
        progress.behind = wait.behind;
        progress.done = host->n_instances < progress.total
                                ? progress.total - (uint32_t) host->n_instances
                                : 0;
        return progress;
}

/* What a swap waits for: that those it puts behind the production's VIP would serve. */
static Progress count_swap(const Fabric *fabric, const OperationRecord *record)
{
        const Deployment *staging = deployment_of(fabric, record->deployment);
        Progress progress = {.what = "instances in rotation"};

        if (staging)
                progress.done = swap_rotation(staging, &progress.total, &progress.behind);
        return progress;
}

static Progress count(Fabric *fabric, const OperationRecord *record)
{
        switch (record->kind) {
        case OPERATION_DEPLOY:
        case OPERATION_SCALE:
        case OPERATION_CONFIGURE:
                return count_deployment(fabric, record);
        case OPERATION_DELETE:
                return count_deletion(fabric, record);
        case OPERATION_REBOOT:
        case OPERATION_REIMAGE:
        case OPERATION_REBUILD:
                return count_action(fabric, record);
        case OPERATION_DRAIN:
                return count_drain(fabric, record);
        case OPERATION_SWAP:
                return count_swap(fabric, record);
        case OPERATION_UPDATE: /* the walk's own */
        case OPERATION_UPDATE_HOSTS:
        case OPERATION_KINDS:
                break;
        }
        return (Progress) {};
}

static void describe(const Progress *progress, char *text, size_t size)
{
        char id[RECORD_KEY_MAX + 1];
        int n = snprintf(text, size, "%u of %u %s", progress->done, progress->total,
                         progress->what);

        if (n < 0 || (size_t) n >= size)
                return;
        if (progress->waiting > 0)
                snprintf(text + n, size - (size_t) n, "; waiting for room: %u", progress->waiting);
        else if (progress->behind)
                snprintf(text + n, size - (size_t) n, "; %s is %s",
                         instance_id_format(&progress->behind->item.record.instance.id, id),
                         instance_status_to_string(instance_status(progress->behind)));
}

/* A walk cannot begin while this operation runs, so who waits for it is told of what comes. */
static void describe_end(const Fabric *fabric, const OperationRecord *record, char *text,
                         size_t size)
{
        const Deployment *deployment = record->kind == OPERATION_CONFIGURE
                                               ? deployment_of(fabric, record->deployment)
                                               : NULL;
        const DeploymentRecord *d = deployment ? &deployment->item.record.deployment : NULL;
        const OsRecord *os = d ? guest_os_next(fabric, d) : NULL;

        if (os)
                snprintf(text, size,
                         "done; its instances are walked to guest OS %s version %s next, as "
                         "operation update-%s-%u",
                         os->family, os->version, d->id, d->os_walks + 1);
        else
                snprintf(text, size, "done");
}

/* Whether nothing is left to do. Deletions are ended by the removal itself. */
static bool is_complete(const Fabric *fabric, const OperationRecord *record,
                        const Progress *progress)
{
        const Host *host;

        if (record->kind == OPERATION_DELETE)
                return false;
        if (record->kind != OPERATION_DRAIN)
                return progress->done >= progress->total;
        host = map_get(&fabric->hosts, record->host);
        return !host || host->n_instances == 0;
}

/* What it works on must be there; deletions are ended by the removal itself. */
static bool target_exists(const Fabric *fabric, const OperationRecord *record)
{
        if (record->instance.deployment[0])
                return instance_of(fabric, &record->instance);
        if (record->kind == OPERATION_DELETE && !record->deployment[0])
                return state_get_named(fabric, RECORD_SERVICE, record->service);
        if (record->kind == OPERATION_DRAIN)
                return state_get_named(fabric, RECORD_HOST, record->host);
        if (record->kind == OPERATION_UPDATE_HOSTS)
                return true;
        return deployment_of(fabric, record->deployment);
}

void operation_check(Fabric *fabric, Operation *operation)
{
        OperationRecord *record = operation_record(operation);
        RecordDetail message;
        Progress progress;

        if (operation->dropped || record->state != OPERATION_RUNNING)
                return;
        if (!target_exists(fabric, record)) {
                operation_end(fabric, operation, OPERATION_FAILED, "RefusedNow",
                              "what it worked on was removed");
                return;
        }
        if (record->kind == OPERATION_UPDATE)
                return; /* its walk keeps it */
        if (record->kind == OPERATION_UPDATE_HOSTS) {
                rollout_check(fabric, operation);
                return;
        }
        progress = count(fabric, record);
        if (record->kind != OPERATION_SWAP) /* who left rotation has to come back */
                progress.done = MAX(progress.done, record->done);
        if (is_complete(fabric, record, &progress)) {
                if (record->kind == OPERATION_SWAP) {
                        swap_carry_out(fabric, operation);
                        return;
                }
                describe_end(fabric, record, message, sizeof(message));
                operation_end(fabric, operation, OPERATION_SUCCEEDED, "", message);
                return;
        }
        describe(&progress, message, sizeof(message));
        /* it moves: the deadline is for standing still; but production does not wait for ever */
        if (progress.done != record->done && record->kind != OPERATION_SWAP)
                operation_link(fabric, operation);
        if (progress.done != record->done || progress.total != record->total ||
            !str_equal(message, record->message)) {
                record->done = progress.done;
                record->total = progress.total;
                set_message(record->message, message);
                state_touch(fabric, &operation->item);
        }
}

void operations_check(Fabric *fabric)
{
        RECORDS_FOREACH(entry, fabric, RECORD_OPERATION)
        operation_check(fabric, HOLDER_OF(entry->value, Operation));
}

void operation_timer(Fabric *fabric, Operation *operation)
{
        OperationRecord *record = operation_record(operation);
        RecordDetail message;

        if (record->state != OPERATION_RUNNING) {
                operation->dropped = true;
                state_drop(fabric, &operation->item);
                return;
        }
        if (record->kind == OPERATION_SWAP) {
                swap_timer(fabric, operation);
                return;
        }
        if (record->kind == OPERATION_UPDATE) {
                walk_timer(fabric, operation);
                return;
        }
        if (record->kind == OPERATION_UPDATE_HOSTS) {
                rollout_timer(fabric, operation);
                return;
        }
        if (record->kind == OPERATION_DELETE || record->kind == OPERATION_DRAIN) {
                operation_link(fabric, operation); /* these only end when they are done */
                return;
        }
        snprintf(message, sizeof(message), "no progress for %llu s: %.400s",
                 (unsigned long long) (fabric->cluster->operation_ms / 1000), record->message);
        operation_end(fabric, operation, OPERATION_FAILED, "NotReady", message);
}

/* ---- finding them */

Operation *operation_running(const Fabric *fabric, const char *deployment,
                             const InstanceId *instance)
{
        RECORDS_FOREACH(entry, fabric, RECORD_OPERATION)
        {
                Operation *operation = HOLDER_OF(entry->value, Operation);
                const OperationRecord *record = operation_record(operation);

                if (record->state == OPERATION_RUNNING &&
                    str_equal(record->deployment, deployment) &&
                    (!instance || !record->instance.deployment[0] ||
                     instance_id_equal(&record->instance, instance)))
                        return operation;
        }
        return NULL;
}

Operation *operation_draining(const Fabric *fabric, const char *host)
{
        RECORDS_FOREACH(entry, fabric, RECORD_OPERATION)
        {
                Operation *operation = HOLDER_OF(entry->value, Operation);
                const OperationRecord *record = operation_record(operation);

                if (record->state == OPERATION_RUNNING && record->kind == OPERATION_DRAIN &&
                    str_equal(record->host, host))
                        return operation;
        }
        return NULL;
}

Operation *operation_updating_hosts(const Fabric *fabric)
{
        RECORDS_FOREACH(entry, fabric, RECORD_OPERATION)
        {
                Operation *operation = HOLDER_OF(entry->value, Operation);
                const OperationRecord *record = operation_record(operation);

                if (record->state == OPERATION_RUNNING && record->kind == OPERATION_UPDATE_HOSTS)
                        return operation;
        }
        return NULL;
}

static void end_removed(Fabric *fabric, Operation *operation)
{
        if (operation_record(operation)->kind == OPERATION_DELETE)
                operation_end(fabric, operation, OPERATION_SUCCEEDED, "", "done");
        else
                operation_end(fabric, operation, OPERATION_FAILED, "RefusedNow",
                              "the deployment was deleted");
}

void operations_deployment_removed(Fabric *fabric, const char *deployment)
{
        RECORDS_FOREACH(entry, fabric, RECORD_OPERATION)
        {
                Operation *operation = HOLDER_OF(entry->value, Operation);
                const OperationRecord *record = operation_record(operation);

                if (record->state == OPERATION_RUNNING && str_equal(record->deployment, deployment))
                        end_removed(fabric, operation);
        }
}

void operations_service_removed(Fabric *fabric, const char *service)
{
        RECORDS_FOREACH(entry, fabric, RECORD_OPERATION)
        {
                Operation *operation = HOLDER_OF(entry->value, Operation);
                const OperationRecord *record = operation_record(operation);

                if (record->state == OPERATION_RUNNING && record->kind == OPERATION_DELETE &&
                    str_equal(record->service, service) && record->deployment[0] == '\0')
                        end_removed(fabric, operation);
        }
}
