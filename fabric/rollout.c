/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/rollout.h"

#include <stdio.h>
#include <string.h>

#include "fabric/host-update.h"
#include "fabric/operation.h"
#include "lib/base/str.h"

#define DOMAINS_MIN 3   /* of voters spread over so many, one domain never has half */
#define HOSTS_MAX   100 /* at once: more would have all else wait for what is written of them */

const char *rollout_next_name(const char *list, RecordName name)
{
        size_t length = strcspn(list, ",");

        if (!*list)
                return NULL;
        snprintf(name, sizeof(RecordName), "%.*s", (int) MIN(length, (size_t) RECORD_NAME_MAX),
                 list);
        return list[length] ? list + length + 1 : list + length;
}

static Host *host_of(const Fabric *fabric, const MapEntry *entry)
{
        return map_get(&fabric->hosts, ((const Record *) entry->value)->host.name);
}

static bool is_part(const Host *host, const OperationRecord *operation)
{
        return host->record && str_equal(host->record->update.operation, operation->id);
}

/* Whether hosts of a fault domain are updated together, rather than each alone. */
static bool has_domains(Fabric *fabric)
{
        const char *domains[DOMAINS_MIN] = {};
        size_t n = 0;

        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                const char *domain = ((const Record *) entry->value)->host.fault_domain;
                bool known = false;

                for (size_t i = 0; i < n; i++)
                        known |= str_equal(domains[i], domain);
                if (!known)
                        domains[n++] = domain;
                if (n == DOMAINS_MIN)
                        return true;
        }
        return false;
}

static bool go_together(const Host *a, const Host *b, bool domains)
{
        return a == b || (domains && str_equal(a->record->fault_domain, b->record->fault_domain));
}

bool rollout_has_room(Fabric *fabric, const Host *host)
{
        bool domains;

        if (host->n_instances == 0)
                return true;
        domains = has_domains(fabric);
        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                const Host *other = host_of(fabric, entry);

                if (other->alive && !other->record->cordoned && !go_together(host, other, domains))
                        return true;
        }
        return false;
}

void rollout_begin(Fabric *fabric, Operation *operation, const char *hosts, const char *url)
{
        OperationRecord *record = operation_record(operation);
        RecordName name;

        for (const char *next = hosts; (next = rollout_next_name(next, name));) {
                host_update_join(fabric, map_get(&fabric->hosts, name), record->id, url);
                record->total++;
        }
        if (*hosts)
                return;
        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                host_update_join(fabric, host_of(fabric, entry), record->id, url);
                record->total++;
        }
}

/* Why it ends is kept in the record while those that restart are waited for. */
static void fail(Fabric *fabric, Operation *operation, const char *why)
{
        OperationRecord *record = operation_record(operation);
        uint32_t n_left = 0;

        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                Host *host = host_of(fabric, entry);

                if (!is_part(host, record) || host->record->update.boot[0])
                        continue;
                n_left++;
                host_update_leave(fabric, host, true);
        }
        state_touch(fabric, &operation->item);
        if (record->error[0])
                return;
        SET_NAME(record->error, "NotReady");
        memset(record->message, 0, sizeof(record->message));
        if (n_left > 0)
                snprintf(record->message, sizeof(record->message),
                         "%.400s; %u of %u hosts were not begun with", why, n_left, record->total);
        else
                snprintf(record->message, sizeof(record->message), "%s", why);
}

/* How far all of them are. */
typedef struct Survey {
        uint32_t n_left;    /* part of it still */
        uint32_t n_working; /* their turn has come */
        Host *next;         /* the first by name that waits */
        const Host *first;  /* that works */
        RecordDetail text;  /* of the first that works */
} Survey;

static void look(Fabric *fabric, Operation *operation, DrainPass *pass, Host *host, Survey *survey)
{
        RecordDetail text;
        HostUpdateOutcome outcome;

        if (!host->record->update.begun) {
                if (!survey->next || strcmp(host->name, survey->next->name) < 0)
                        survey->next = host;
                survey->n_left++;
                return;
        }
        outcome = host_update_advance(fabric, pass, host, text);
        if (outcome == HOST_UPDATE_GOES_ON) {
                if (survey->n_working++ == 0) {
                        memcpy(survey->text, text, sizeof(text));
                        survey->first = host;
                }
                survey->n_left++;
                return;
        }
        host_update_leave(fabric, host, outcome != HOST_UPDATE_FAILED);
        if (outcome != HOST_UPDATE_DONE)
                fail(fabric, operation, text);
}

static Survey survey_hosts(Fabric *fabric, Operation *operation)
{
        const OperationRecord *record = operation_record(operation);
        Survey survey = {};
        DrainPass pass;

        drain_begin(fabric, &pass);
        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                Host *host = host_of(fabric, entry);

                if (is_part(host, record))
                        look(fabric, operation, &pass, host, &survey);
        }
        drain_end(fabric, &pass);
        return survey;
}

/* The turn of those that go together with @first, as many as may be on their way: whether that has
 * changed anything. A host that is not there would not come back. */
static bool take_turn(Fabric *fabric, Operation *operation, const Host *first, uint32_t n_working)
{
        const OperationRecord *record = operation_record(operation);
        uint32_t n_begun = 0;
        bool domains = has_domains(fabric);
        RecordDetail why;

        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                Host *host = host_of(fabric, entry);

                if (n_working + n_begun >= HOSTS_MAX)
                        break;
                if (!is_part(host, record) || host->record->update.begun ||
                    !go_together(first, host, domains))
                        continue;
                if (!host->alive) {
                        snprintf(why, sizeof(why), "host '%s' is lost: have it back, or remove it",
                                 host->name);
                        fail(fabric, operation, why);
                        return true;
                }
                host_update_begin(fabric, host);
                n_begun++;
        }
        return n_begun > 0;
}

static void describe(Fabric *fabric, Operation *operation, const Survey *survey)
{
        OperationRecord *record = operation_record(operation);
        RecordDetail text = {};
        uint32_t done = record->total - MIN(survey->n_left, record->total);

        snprintf(text, sizeof(text), "%u of %u hosts%s%.400s", done, record->total,
                 survey->text[0] ? "; " : "", survey->text);
        if (str_equal(text, record->message) && record->done >= done)
                return;
        operation_link(fabric, operation); /* the deadline is for standing still */
        record->done = MAX(record->done, done);
        memcpy(record->message, text, sizeof(text));
        state_touch(fabric, &operation->item);
}

void rollout_check(Fabric *fabric, Operation *operation)
{
        const OperationRecord *record = operation_record(operation);
        Survey survey = survey_hosts(fabric, operation);
        RecordDetail why;

        if (survey.next && !record->error[0] && !fabric->cluster->braked &&
            take_turn(fabric, operation, survey.first ?: survey.next, survey.n_working))
                survey = survey_hosts(fabric, operation);
        if (record->error[0])
                survey = survey_hosts(fabric, operation);
        if (survey.n_left > 0) {
                if (!record->error[0])
                        describe(fabric, operation, &survey);
                return;
        }
        memcpy(why, record->message, sizeof(why));
        if (record->error[0])
                operation_end(fabric, operation, OPERATION_FAILED, "NotReady", why);
        else
                operation_end(fabric, operation, OPERATION_SUCCEEDED, "", "done");
}

void rollout_timer(Fabric *fabric, Operation *operation)
{
        const OperationRecord *record = operation_record(operation);
        unsigned long long patience_s = fabric->cluster->operation_ms / 1000;
        RecordDetail why;

        operation_link(fabric, operation);
        if (fabric->cluster->braked)
                return;
        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                Host *host = host_of(fabric, entry);
                bool told;

                if (!is_part(host, record) || !host->record->update.begun)
                        continue;
                told = host->record->update.boot[0];
                snprintf(why, sizeof(why),
                         told ? "host '%s' did not come back healthy in %llu s: look at its "
                                "console; it stays cordoned"
                              : "host '%s' could not be emptied in %llu s: make room for what it "
                                "carries",
                         host->name, patience_s);
                host_update_leave(fabric, host, !told);
                fail(fabric, operation, why);
        }
        fabric->operations_due = true;
}
