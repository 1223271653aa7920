/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Guest OS walks. All is worked out from the records at each check; only how long a walk has stood
 * still is this leader's own. */

#include "fabric/walk.h"

#include <stdio.h>
#include <string.h>

#include "fabric/deployment.h"
#include "fabric/guest-os.h"
#include "fabric/instance.h"
#include "fabric/operation.h"
#include "fabric/serve.h"
#include "lib/base/str.h"

#define REVERTING "reverting"
#define REVERTED  "reverted"

uint64_t walk_patience_ms(const Fabric *fabric)
{
        const ClusterRecord *cluster = fabric->cluster;

        return cluster->drain_ms + cluster->stop_ms + cluster->boot_ms + cluster->role_ms;
}

/* ---- where it stands */

/* The wanted instances, as seen from one version. */
typedef struct Survey {
        const char *version;
        uint32_t total;
        uint32_t n_on;          /* of the version */
        uint32_t n_done;        /* of the version, and serving */
        uint32_t n_serving;     /* of any */
        uint32_t domain;        /* the lowest with one of another version; UINT32_MAX for none */
        uint32_t n_away;        /* not serving, and in another domain than that; or missing */
        const Instance *behind; /* one that does not serve: of the version and on a host that is
                                   alive, if there is such a one; or NULL */
} Survey;

static bool is_on(const Instance *instance, const char *version)
{
        return str_equal(instance->item.record.instance.os_version, version);
}

/* What is not Ready on the new version says more of it the less else could be to blame. */
static unsigned proof_of(const Instance *instance, const char *version)
{
        return is_on(instance, version) ? 1 + instance->host->alive : 0;
}

static void survey_instance(Fabric *fabric, Instance *instance, Survey *survey)
{
        bool on = is_on(instance, survey->version), serves = serve_check(fabric, instance);
        uint32_t domain = instance_record(instance)->upgrade_domain;

        survey->n_on += on;
        survey->n_serving += serves;
        survey->n_done += on && serves;
        if (!on)
                survey->domain = MIN(survey->domain, domain);
        if (!serves && (!survey->behind || proof_of(instance, survey->version) >
                                                   proof_of(survey->behind, survey->version)))
                survey->behind = instance;
}

/* Calls @each for every wanted instance that is there; returns how many are wanted. */
static uint32_t each_wanted(Fabric *fabric, Deployment *deployment, Survey *survey,
                            void (*each)(Fabric *, Instance *, Survey *))
{
        const DeploymentRecord *record = deployment_record(deployment);
        uint32_t n = 0;

        for (size_t r = 0; r < record->n_roles; r++)
                for (uint32_t i = 0; i < record->roles[r].count; i++) {
                        Instance *instance = instance_at(deployment, r, i);

                        n++;
                        if (instance)
                                each(fabric, instance, survey);
                        else
                                survey->n_away++;
                }
        return n;
}

static void count_away(Fabric *fabric, Instance *instance, Survey *survey)
{
        survey->n_away += instance_record(instance)->upgrade_domain != survey->domain &&
                          !serve_check(fabric, instance);
}

static Survey survey_make(Fabric *fabric, Deployment *deployment, const char *version)
{
        Survey survey = {.version = version, .domain = UINT32_MAX};

        survey.total = each_wanted(fabric, deployment, &survey, survey_instance);
        survey.n_away = 0;
        each_wanted(fabric, deployment, &survey, count_away);
        return survey;
}

static const char *behind_text(const Survey *survey, RecordDetail text)
{
        char id[RECORD_KEY_MAX + 1];

        if (survey->behind)
                snprintf(text, sizeof(RecordDetail), "%s is %s",
                         instance_id_format(&survey->behind->item.record.instance.id, id),
                         instance_is_ready(survey->behind)
                                 ? "on its way"
                                 : instance_status_to_string(instance_status(survey->behind)));
        else
                snprintf(text, sizeof(RecordDetail), "an instance has no room");
        return text;
}

/* ---- its record */

static void set_progress(Fabric *fabric, Operation *operation, const Survey *survey,
                         const char *message)
{
        OperationRecord *record = operation_record(operation);
        RecordDetail text = {};

        snprintf(text, sizeof(text), "%s", message);
        if (survey->n_done > record->done)
                operation_link(fabric, operation); /* the deadline is for standing still */
        if (survey->n_done <= record->done && survey->total == record->total &&
            str_equal(text, record->message))
                return;
        record->done = MAX(record->done, survey->n_done);
        record->total = survey->total;
        memcpy(record->message, text, sizeof(text));
        state_touch(fabric, &operation->item);
}

static Operation *record_walk(Fabric *fabric, Deployment *deployment)
{
        DeploymentRecord *record = deployment_record(deployment);
        char id[RECORD_NAME_MAX + 1];

        do
                snprintf(id, sizeof(id), "update-%s-%u", record->id, ++record->os_walks);
        while (state_get_named(fabric, RECORD_OPERATION, id));
        state_touch(fabric, &deployment->item);
        return operation_start(fabric, id, OPERATION_UPDATE, deployment);
}

/* From now on its instances are walked back. */
static void revert(Fabric *fabric, Deployment *deployment, Operation *operation, const char *why)
{
        DeploymentRecord *record = deployment_record(deployment);
        OperationRecord *o = operation_record(operation);

        memset(record->os_next, 0, sizeof(RecordVersion));
        state_touch(fabric, &deployment->item);
        state_queue(fabric, deployment);
        memset(o->message, 0, sizeof(o->message));
        snprintf(o->message, sizeof(o->message), REVERTING " to guest OS %s version %s: %s",
                 record->os_family, record->os_current, why);
        operation_link(fabric, operation);
        state_touch(fabric, &operation->item);
        fabric->os_changed = true;
}

/* Why it was reverted stays what the operation says. */
static void end_reverted(Fabric *fabric, Operation *operation, const char *more)
{
        const char *message = operation_record(operation)->message;
        const char *why = str_after(message, REVERTING);
        RecordDetail text = {};

        snprintf(text, sizeof(text), REVERTED "%.400s%s", why ?: "", more);
        operation_end(fabric, operation, OPERATION_FAILED, "NotReady", text);
}

/* ---- a step */

static void bring(Fabric *fabric, Instance *instance, const char *version)
{
        InstanceRecord *record = instance_record(instance);

        SET_NAME(record->os_version, version);
        if (record->power == POWER_RUNNING)
                record->wanted[ACTION_REIMAGE]++;
        record->rung = HEAL_NONE; /* to another system nothing has been tried yet */
        record->heals = 0;
        instance->acted_ns = fabric->now_ns;
        state_touch(fabric, &instance->item);
        state_queue(fabric, instance->deployment); /* its deadlines are other ones now */
}

static void bring_domain(Fabric *fabric, Instance *instance, Survey *survey)
{
        if (!is_on(instance, survey->version) &&
            instance_record(instance)->upgrade_domain == survey->domain)
                bring(fabric, instance, survey->version);
}

static void bring_unready(Fabric *fabric, Instance *instance, Survey *survey)
{
        if (!is_on(instance, survey->version) && !instance_is_ready(instance))
                bring(fabric, instance, survey->version);
}

/* Takes the next domain, if its turn has come. */
static void step(Fabric *fabric, Deployment *deployment, Survey *survey)
{
        if (fabric->cluster->braked || survey->domain == UINT32_MAX || survey->n_away > 0)
                return;
        each_wanted(fabric, deployment, survey, bring_domain);
}

/* To the version that they ran well with, or away from one that the operator says is not good. */
static void bring_all_unready(Fabric *fabric, Deployment *deployment, Survey *survey)
{
        if (!fabric->cluster->braked && survey->domain != UINT32_MAX)
                each_wanted(fabric, deployment, survey, bring_unready);
        *survey = survey_make(fabric, deployment, survey->version);
}

static void finish(Fabric *fabric, Deployment *deployment, Operation *operation)
{
        DeploymentRecord *record = deployment_record(deployment);
        RecordDetail text = {};

        memcpy(record->os_current, record->os_next, sizeof(RecordVersion));
        memset(record->os_next, 0, sizeof(RecordVersion));
        memset(record->os_failed, 0, sizeof(RecordVersion));
        state_touch(fabric, &deployment->item);
        fabric->os_changed = true;
        snprintf(text, sizeof(text), "all run guest OS %s version %s", record->os_family,
                 record->os_current);
        operation_end(fabric, operation, OPERATION_SUCCEEDED, "", text);
}

/* Whether those that are not Ready have nothing to lose: they never were, or the version is
 * disabled.
 */
static bool is_to_leave(const Fabric *fabric, const DeploymentRecord *record)
{
        return !record->ready ||
               guest_os_is_disabled(fabric, record->os_family, record->os_current);
}

static void go_on(Fabric *fabric, Deployment *deployment, Operation *operation)
{
        const DeploymentRecord *record = deployment_record(deployment);
        const OsRecord *os = guest_os_find(fabric, record->os_family, record->os_next);
        Survey survey = survey_make(fabric, deployment, record->os_next);
        RecordDetail behind, text;

        if (!os || os->disabled) {
                snprintf(text, sizeof(text), "version %s was %s", record->os_next,
                         os ? "disabled" : "removed");
                revert(fabric, deployment, operation, text);
                return;
        }
        if (survey.n_done == survey.total) {
                set_progress(fabric, operation, &survey, "");
                finish(fabric, deployment, operation);
                return;
        }
        if (is_to_leave(fabric, record))
                bring_all_unready(fabric, deployment, &survey);
        step(fabric, deployment, &survey);
        survey = survey_make(fabric, deployment, record->os_next);
        snprintf(text, sizeof(text), "guest OS %s version %s: %u of %u instances; %s",
                 record->os_family, record->os_next, survey.n_done, survey.total,
                 behind_text(&survey, behind));
        set_progress(fabric, operation, &survey, text);
}

/* Also without an operation: those that were not back when it ended. */
static void go_back(Fabric *fabric, Deployment *deployment, Operation *operation)
{
        const DeploymentRecord *record = deployment_record(deployment);
        Survey survey = survey_make(fabric, deployment, record->os_current);

        if (survey.domain == UINT32_MAX) {
                if (operation && survey.n_done == survey.total)
                        end_reverted(fabric, operation, "");
                return;
        }
        bring_all_unready(fabric, deployment, &survey);
        step(fabric, deployment, &survey);
}

/* Whether it is the version's doing that not all serve, as far as can be seen. */
static bool is_at_fault(const Survey *survey)
{
        return survey->behind && is_on(survey->behind, survey->version) &&
               survey->behind->host->alive;
}

static bool may_begin(Fabric *fabric, Deployment *deployment)
{
        const DeploymentRecord *record = deployment_record(deployment);
        Survey survey;

        if (fabric->cluster->braked)
                return false;
        if (is_to_leave(fabric, record))
                return true;
        survey = survey_make(fabric, deployment, record->os_current);
        if (survey.n_serving == survey.total)
                return true;
        /* it will not go on by itself, if it is the new version that keeps them from serving */
        survey = survey_make(fabric, deployment, record->os_next);
        return record->os_next[0] && is_at_fault(&survey);
}

/* Begins a walk, or takes up one that stood still or whose operation was never written. */
static void begin(Fabric *fabric, Deployment *deployment)
{
        DeploymentRecord *record = deployment_record(deployment);
        const OsRecord *os = record->os_next[0] ? NULL : guest_os_next(fabric, record);
        Operation *operation;

        if (!os && !record->os_next[0]) {
                go_back(fabric, deployment, NULL);
                return;
        }
        if (!may_begin(fabric, deployment))
                return;
        if (os)
                SET_NAME(record->os_next, os->version);
        fabric->os_changed = true;
        operation = record_walk(fabric, deployment);
        if (operation)
                go_on(fabric, deployment, operation);
}

void walk_check(Fabric *fabric, Deployment *deployment)
{
        const DeploymentRecord *record = deployment_record(deployment);
        Operation *operation = operation_running(fabric, record->id, NULL);

        if (!operation)
                begin(fabric, deployment);
        else if (operation_record(operation)->kind != OPERATION_UPDATE)
                return;
        else if (record->os_next[0])
                go_on(fabric, deployment, operation);
        else
                go_back(fabric, deployment, operation);
}

/* ---- standing still */

static void give_up(Fabric *fabric, Deployment *deployment, Operation *operation)
{
        DeploymentRecord *record = deployment_record(deployment);
        Survey survey = survey_make(fabric, deployment, record->os_next);
        RecordDetail behind, text;

        behind_text(&survey, behind);
        if (is_at_fault(&survey)) {
                snprintf(text, sizeof(text), "with version %s %.400s after %llu s", record->os_next,
                         behind, (unsigned long long) (walk_patience_ms(fabric) / 1000));
                memcpy(record->os_failed, record->os_next, sizeof(RecordVersion));
                revert(fabric, deployment, operation, text);
                return;
        }
        snprintf(text, sizeof(text), "stands still, as %.400s; it goes on when all serve again",
                 behind);
        operation_end(fabric, operation, OPERATION_FAILED, "NotReady", text);
}

void walk_timer(Fabric *fabric, Operation *operation)
{
        Deployment *deployment = deployment_of(fabric, operation_record(operation)->deployment);

        if (!deployment || fabric->cluster->braked)
                operation_link(fabric, operation); /* nobody heals meanwhile */
        else if (deployment_record(deployment)->os_next[0])
                give_up(fabric, deployment, operation);
        else
                end_reverted(fabric, operation, "; not all are back yet");
}
