/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Batches of journal entries: one is being written while the next is filled. */

#include "hostd/role-log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

#define FIELDS 9

typedef struct Entry {
        char *fields[FIELDS];
} Entry;

typedef struct Batch {
        Entry *entries;
        size_t n_entries;
        size_t bytes;
} Batch;

/* What one guest may still write. */
typedef struct Allowance {
        uint64_t bytes;
        uint64_t refilled_ns;
        uint64_t n_dropped;
} Allowance;

struct RoleLog {
        Worker *worker;
        WorkerJob job;
        bool busy;
        Batch writing; /* the worker's while busy */
        Batch waiting;
        Map allowances; /* instance id → Allowance */
};

static void batch_deinit(Batch *batch)
{
        for (size_t i = 0; i < batch->n_entries; i++)
                for (size_t j = 0; j < FIELDS; j++)
                        free(batch->entries[i].fields[j]);
        free(batch->entries);
        *batch = (Batch) {};
}

static int write_batch(WorkerJob *job)
{
        RoleLog *log = CONTAINER_OF(job, RoleLog, job);

        for (size_t i = 0; i < log->writing.n_entries; i++) {
                struct iovec fields[FIELDS];
                int n = 0;

                for (size_t j = 0; j < FIELDS; j++) {
                        char *field = log->writing.entries[i].fields[j];

                        if (field)
                                fields[n++] = (struct iovec) {field, strlen(field)};
                }
                sd_journal_sendv(fields, n);
        }
        return 0;
}

static void begin(RoleLog *log)
{
        if (log->busy || log->waiting.n_entries == 0)
                return;
        log->writing = log->waiting;
        log->waiting = (Batch) {};
        log->busy = true;
        worker_submit(log->worker, &log->job);
}

static void on_written(WorkerJob *job, int result)
{
        RoleLog *log = CONTAINER_OF(job, RoleLog, job);

        batch_deinit(&log->writing);
        log->busy = false;
        if (result != -ECANCELED)
                begin(log);
}

int role_log_new(Worker *worker, RoleLog **ret_log)
{
        RoleLog *log = calloc(1, sizeof(*log));

        if (!log)
                return -ENOMEM;
        log->worker = worker;
        log->job = (WorkerJob) {.run = write_batch, .done = on_written};
        log->allowances.value_free = free;
        *ret_log = log;
        return 0;
}

RoleLog *role_log_free(RoleLog *log)
{
        if (!log)
                return NULL;
        batch_deinit(&log->writing);
        batch_deinit(&log->waiting);
        map_deinit(&log->allowances);
        free(log);
        return NULL;
}

static Allowance *allowance_of(RoleLog *log, const char *instance)
{
        Allowance *allowance = map_get(&log->allowances, instance);
        uint64_t now_ns = clock_boottime_ns(), passed_ms;

        if (!allowance) {
                allowance = calloc(1, sizeof(*allowance));
                if (!allowance || map_put(&log->allowances, instance, allowance) < 0) {
                        free(allowance);
                        return NULL;
                }
                *allowance = (Allowance) {.bytes = ROLE_LOG_BYTES_BURST, .refilled_ns = now_ns};
        }
        passed_ms = MIN((now_ns - allowance->refilled_ns) / NSEC_PER_MSEC, UINT64_C(60000));
        if (passed_ms > 0) {
                allowance->bytes = MIN(allowance->bytes + passed_ms * ROLE_LOG_BYTES_PER_S / 1000,
                                       (uint64_t) ROLE_LOG_BYTES_BURST);
                allowance->refilled_ns = now_ns;
        }
        return allowance;
}

/* One journal entry; the text may have several lines, as the role wrote them. */
static void add(RoleLog *log, const char *service, const InstanceId *instance, int priority,
                const char *stream, const char *source, const char *text)
{
        Entry entry = {.fields = {
                               str_printf("MESSAGE=%s", text),
                               str_printf("PRIORITY=%d", priority),
                               str_printf("SYSLOG_IDENTIFIER=troupe-role"),
                               str_printf("TROUPE_SERVICE=%s", service),
                               str_printf("TROUPE_DEPLOYMENT=%s", instance->deployment),
                               str_printf("TROUPE_ROLE=%s", instance->role),
                               str_printf("TROUPE_INSTANCE=%s_IN_%" PRIu32, instance->role,
                                          instance->number),
                               str_printf("TROUPE_STREAM=%s", stream),
                               str_printf("TROUPE_SOURCE=%s", source),
                       }};

        if (ARRAY_APPEND(log->waiting.entries, log->waiting.n_entries, entry) < 0) {
                for (size_t i = 0; i < FIELDS; i++)
                        free(entry.fields[i]);
                return;
        }
        log->waiting.bytes += strlen(text) + 256;
}

static void add_exit(RoleLog *log, const char *service, const InstanceId *instance,
                     const AgentExit *told)
{
        _cleanup_free_ char *text = NULL;

        text = str_printf(told->signal ? "ended by signal %" PRIu64 " (%s) after %" PRIu64 " ms%s"
                                       : "ended with code %" PRIu64 " (%s) after %" PRIu64 " ms%s",
                          told->signal ? told->signal : told->code, told->cause ? told->cause : "",
                          told->ran_ms, told->restarts ? ", is started again" : "");
        if (text)
                add(log, service, instance, LOG_WARNING, "agent",
                    told->source ? told->source : "role", text);
}

static void add_log(RoleLog *log, const char *service, const InstanceId *instance,
                    const AgentLog *told, Allowance *allowance)
{
        static const char *const streams[AGENT_LOG_STREAMS] = {"out", "err", "agent"};
        _cleanup_free_ char *lost = NULL;
        uint64_t n_lost = told->dropped + allowance->n_dropped;

        if (n_lost > 0) {
                lost = str_printf("%" PRIu64 " messages were lost to the rate limit", n_lost);
                if (lost)
                        add(log, service, instance, LOG_WARNING, "agent", "hostd", lost);
                allowance->n_dropped = 0;
        }
        add(log, service, instance, told->stream == AGENT_LOG_ERR ? LOG_NOTICE : LOG_INFO,
            streams[told->stream], told->source ? told->source : "role",
            told->text ? told->text : "");
}

void role_log_message(RoleLog *log, const char *service, const InstanceId *instance,
                      const AgentMessage *message)
{
        char id[RECORD_KEY_MAX + 1];
        Allowance *allowance = allowance_of(log, instance_id_format(instance, id));
        size_t bytes = 256;

        if (!allowance)
                return;
        if (message->type == AGENT_LOG && message->log.text)
                bytes += strlen(message->log.text);
        if (allowance->bytes < bytes || log->waiting.bytes + bytes > ROLE_LOG_WAITING_MAX) {
                allowance->n_dropped++;
                return;
        }
        allowance->bytes -= bytes;
        if (message->type == AGENT_EXIT)
                add_exit(log, service, instance, &message->exit);
        else
                add_log(log, service, instance, &message->log, allowance);
        begin(log);
}

uint64_t role_log_dropped(const RoleLog *log, const InstanceId *instance)
{
        char id[RECORD_KEY_MAX + 1];
        const Allowance *allowance = map_get(&log->allowances, instance_id_format(instance, id));

        return allowance ? allowance->n_dropped : 0;
}

void role_log_forget(RoleLog *log, const InstanceId *instance)
{
        char id[RECORD_KEY_MAX + 1];

        free(map_remove(&log->allowances, instance_id_format(instance, id)));
}
