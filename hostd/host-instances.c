/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Makes an Instance for each record that is for this host, steps them, and tells their agents what
 * to do. */

#include "hostd/host-half-internal.h"

#include <stdio.h>
#include <string.h>

#include "hostd/network.h"
#include "hostd/role-spec.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define TAG_SALTS_MAX 64

static Instance *instance_by_name(HostHalf *half, const char *name)
{
        return map_get(&half->instances, name);
}

Instance *host_instance_newest(HostHalf *half, const InstanceId *id)
{
        Instance *found = NULL;

        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;

                if (instance_id_equal(&instance->id, id) &&
                    (!found || instance->incarnation > found->incarnation))
                        found = instance;
        }
        return found;
}

static const InstanceRecord *record_of(HostHalf *half, const InstanceId *id)
{
        char text[RECORD_KEY_MAX + 1];

        return map_get(&half->records, instance_id_format(id, text));
}

/* The tag of a new VM: one that no other VM here has. */
static int choose_tag(HostHalf *half, const char *name, char tag[static VM_TAG_MAX + 1])
{
        for (uint64_t salt = 0; salt < TAG_SALTS_MAX; salt++) {
                bool taken = false;

                vm_tag_make(name, salt, tag);
                MAP_FOREACH (entry, &half->instances)
                        taken |= str_equal(((Instance *) entry->value)->names.tag, tag);
                if (!taken)
                        return 0;
        }
        return -EEXIST;
}

static int make_instance(HostHalf *half, const InstanceRecord *record, const char *name)
{
        char tag[VM_TAG_MAX + 1];
        Instance *instance;
        int r;

        r = choose_tag(half, name, tag);
        if (r < 0)
                return r;
        r = instance_new(&half->owner, record, tag, &instance);
        if (r < 0)
                return r;
        r = map_put(&half->instances, name, instance);
        if (r < 0)
                instance_free(instance);
        return r;
}

/* Gives each Instance what the records say of it, and makes those that are missing. */
void host_instances_apply(HostHalf *half)
{
        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                const InstanceRecord *record = record_of(half, &instance->id);

                if (half->cluster)
                        instance_set_spans(instance, half->cluster);
                if (record && host_report_is_for(half, record) &&
                    record->incarnation == instance->incarnation)
                        instance_set_record(instance, record);
                else if (half->synced)
                        instance_unwanted(instance);
        }
        MAP_FOREACH (entry, &half->records) {
                const InstanceRecord *record = entry->value;
                char name[VM_NAME_MAX + 1];
                int r;

                if (!host_report_is_for(half, record) || record->power != POWER_RUNNING ||
                    !half->synced)
                        continue;
                vm_name_format(&record->id, record->incarnation, name);
                if (instance_by_name(half, name))
                        continue;
                r = make_instance(half, record, name);
                if (r < 0)
                        log_error_errno(r, "%s: cannot begin", name);
                host_network_changed(half);
        }
}

/* Whether another incarnation of the same instance still has something here. */
static bool is_blocked(HostHalf *half, const Instance *instance)
{
        MAP_FOREACH (entry, &half->instances) {
                const Instance *other = entry->value;

                if (other != instance && instance_id_equal(&other->id, &instance->id) &&
                    !instance_has_gone(other) && vm_state(&other->vm) != VM_NEW)
                        return true;
        }
        return false;
}

/* Whether what it is made of is here; notes what is waited for. */
static bool has_content(HostHalf *half, Instance *instance)
{
        instance->waiting[0] = '\0';
        return !half->content || instance->record.incarnation == 0 ||
               content_ready(half->content, &instance->record, instance->waiting);
}

/* Before the records are known, an adopted VM that runs is watched over, and nothing else is done.
 */
static bool may_step(const HostHalf *half, const Instance *instance)
{
        return half->synced || instance->record.incarnation > 0 ||
               instance->facts.domain != DOMAIN_ABSENT;
}

static void note_readiness(HostHalf *half, Instance *instance)
{
        bool ready = instance_ready(instance);

        half->network_dirty |= ready != instance->declared_ready;
        instance->declared_ready = ready;
}

/* An adopted VM of which it is not known yet whether it runs, or whether its role does. */
static bool is_unsettled(const Instance *instance)
{
        VmState state = vm_state(&instance->vm);

        if (!instance->adopted || (state != VM_DOWN && state != VM_RUNNING))
                return false;
        if (!instance->facts.domain_known)
                return true;
        return instance->facts.domain != DOMAIN_ABSENT &&
               instance->agent.status == AGENT_STARTING_VM;
}

bool host_instances_settled(HostHalf *half)
{
        if (clock_boottime_ns() >= half->settled_ns)
                return true;
        MAP_FOREACH (entry, &half->instances)
                if (is_unsettled(entry->value))
                        return false;
        return true;
}

void host_instances_step(HostHalf *half)
{
        uint64_t now_ns = clock_boottime_ns(), deadline_ns = UINT64_MAX;

        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;

                if (!may_step(half, instance))
                        continue;
                instance->facts.forbidden = now_ns >= half->start_until_ns;
                instance->facts.lacking = vm_is_to_be_made(&instance->vm, &instance->wish) &&
                                          !has_content(half, instance);
                instance->facts.blocked =
                        instance->facts.lacking || !half->probed || is_blocked(half, instance);
                instance_step(instance, half->n_listings + 1, now_ns);
                if (instance_has_gone(instance)) {
                        map_remove(&half->instances, entry->key);
                        role_log_forget(half->log, &instance->id);
                        instance_free(instance);
                        host_network_changed(half);
                        continue;
                }
                note_readiness(half, instance);
                deadline_ns = MIN(deadline_ns, instance_deadline(instance));
        }
        if (half->settled_ns > now_ns)
                deadline_ns = MIN(deadline_ns, half->settled_ns);
        if (deadline_ns != UINT64_MAX)
                host_timer_set(half->deadline_timer,
                               deadline_ns > now_ns ? deadline_ns - now_ns : NSEC_PER_MSEC);
}
static int list_topology(HostHalf *half, const char *deployment,
                         const InstanceRecord ***ret_records, size_t *ret_count)
{
        MAP_FOREACH (entry, &half->records) {
                const InstanceRecord *record = entry->value;

                if (str_equal(record->id.deployment, deployment) &&
                    ARRAY_APPEND(*ret_records, *ret_count, record) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static void configure(HostHalf *half, Instance *instance)
{
        const Deployment *deployment = map_get(&half->deployments, instance->id.deployment);
        const InstanceRecord **records = NULL;
        RoleSpecInput input = {.instance = &instance->record,
                               .certificates = &half->certificates,
                               .mac = instance->names.mac,
                               .mtu_bytes = NETWORK_MTU_BYTES};
        AgentConfig config = {};
        int r;

        if (!deployment || !deployment_model(deployment) || instance->record.incarnation == 0)
                return;
        input.deployment = deployment_record(deployment);
        input.model = deployment_model(deployment);
        host_network_slot(half, instance->id.deployment, &input.slot);
        r = list_topology(half, instance->id.deployment, &records, &input.n_instances);
        input.instances = records;
        if (r == 0)
                r = role_spec_build(&input, &config);
        if (r == 0)
                r = instance_configure(instance, &config,
                                       input.deployment->configuration_generation);
        if (r == ROLE_SPEC_NO_CERTIFICATE)
                log_error("%s: a certificate that its role's configuration names is not there: "
                          "add it with `troupectl certificate add`",
                          instance->names.name);
        if (r < 0 && r != -ENOTCONN)
                log_error_errno(r, "%s: cannot tell the agent what to do", instance->names.name);
        agent_config_deinit(&config);
        free(records);
}

void host_instances_configure(HostHalf *half)
{
        half->config_dirty = false;
        MAP_FOREACH (entry, &half->instances)
                configure(half, entry->value);
}

static void on_instance_changed(void *userdata, Instance *instance)
{
        host_reconcile_later(userdata);
}

static void on_network_changed(void *userdata)
{
        host_network_changed(userdata);
}

static void on_cut(void *userdata, Instance *instance)
{
        HostHalf *half = userdata;
        char text[RECORD_KEY_MAX + 1];

        netd_client_cut(half->netd, instance_id_format(&instance->id, text));
}

static void on_wants_config(void *userdata, Instance *instance)
{
        configure(userdata, instance);
}

static void on_agent_message(void *userdata, Instance *instance, const AgentMessage *message)
{
        HostHalf *half = userdata;
        const Deployment *deployment = map_get(&half->deployments, instance->id.deployment);

        switch (message->type) {
        case AGENT_LOG:
        case AGENT_EXIT:
                role_log_message(half->log,
                                 deployment ? deployment_record(deployment)->service : "",
                                 &instance->id, message);
                break;
        case AGENT_HELLO: /* it has no shells yet */
        case AGENT_SHELL_OPENED:
        case AGENT_SHELL_CLOSED:
        case AGENT_SHELL_DATA:
        case AGENT_SHELL_CREDIT:
                if (half->sink.shell)
                        half->sink.shell(half->sink.userdata, &instance->id, message);
                break;
        default:
                break;
        }
}

InstanceOwner host_instances_owner(HostHalf *half)
{
        return (InstanceOwner) {
                .event = half->event,
                .worker = half->worker,
                .place = &half->place,
                .host = half->host,
                .userdata = half,
                .changed = on_instance_changed,
                .network_changed = on_network_changed,
                .cut = on_cut,
                .wants_config = on_wants_config,
                .message = on_agent_message,
        };
}
