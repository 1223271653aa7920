/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Reconciles this host with the records.
 *
 * All that is known is in tables: records as they came, Instances as they are. Whatever changes
 * only marks what is to be looked at again; once the loop has handled what was pending, reconcile()
 * looks: it makes Instances for records that have none, steps those that changed, declares the
 * network and says what it sees. So a hundred records that come in one transaction are one look,
 * and one declaration to netd.
 *
 * What libvirt has is read by listing, at the start, after each event, and every LISTING_NS in case
 * one was lost. */

#include "hostd/host-half.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/deployment.h"
#include "hostd/instance.h"
#include "hostd/kvm-probe.h"
#include "hostd/netd-client.h"
#include "hostd/network.h"
#include "hostd/role-log.h"
#include "hostd/role-spec.h"
#include "hostd/worker.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

/* Starting a VM takes libvirt a good part of a second, mostly waiting. */
#define WORKER_THREADS   4
#define LISTING_NS       (10 * NSEC_PER_SEC)
#define LISTING_RETRY_NS NSEC_PER_SEC
#define CONNECTIONS_NS   (500 * NSEC_PER_MSEC)
#define ACCURACY_USEC    10000
#define KVM_DEVICE       "/dev/kvm"
#define TAG_SALTS_MAX    64

struct HostHalf {
        sd_event *event;
        HostHalfSink sink;
        char *host, *os_dir, *uplink;
        char *intents_dir, *incarnations_dir, *ephemeral_dir, *sockets_dir, *blobs_dir;
        VmPlace place;
        InstanceOwner owner;
        Worker *worker;
        Hypervisor *hypervisor;
        BlobStore *blobs;
        NetdClient *netd;
        RoleLog *log;
        ClusterRecord *cluster; /* NULL until it is known */
        Map records;      /* instance id → InstanceRecord, of all hosts: the topology needs them */
        Map incarnations; /* instance id → uint64_t, the highest seen */
        Map instances;    /* domain name → Instance */
        Map deployments;  /* id → Deployment */
        Map services;     /* name → ServiceRecord */
        Map hosts;        /* name → HostRecord */
        Map reported;     /* instance id → ObservedRecord as last told, or zero */
        Map rotation;     /* `ENDPOINT INSTANCE` of those in rotation → nothing */
        SizeCatalogue sizes;
        bool synced;
        /* the listing of domains */
        WorkerJob listing;
        bool listing_runs;
        bool listing_again; /* something happened since it was begun */
        uint64_t n_listings;
        DomainList domains; /* its result */
        char *listing_message;
        char *libvirt_problem; /* NULL: libvirt answers */
        /* whether hardware virtualisation works */
        WorkerJob probing;
        bool probing_runs;
        bool probed; /* once at least: before, no VM is begun */
        KvmProbe probing_result;
        char probing_message[VM_MESSAGE_MAX];
        KvmProbe kvm;
        char *kvm_answer; /* file */
        char kvm_message[VM_MESSAGE_MAX];
        /* what reconcile() is to look at */
        sd_event_source *defer;
        bool network_dirty;
        bool config_dirty;
        uint64_t network_number; /* of the last declaration */
        sd_event_source *listing_timer;
        sd_event_source *deadline_timer;
        sd_event_source *connections_timer;
};

static void reconcile_later(HostHalf *half)
{
        sd_event_source_set_enabled(half->defer, SD_EVENT_ONESHOT);
}

static void network_changed(HostHalf *half)
{
        half->network_dirty = true;
        reconcile_later(half);
}

static void set_timer(sd_event_source *timer, uint64_t in_ns)
{
        sd_event_source_set_time_relative(timer, in_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* ---- the listing */

static int listing_run(WorkerJob *job)
{
        HostHalf *half = CONTAINER_OF(job, HostHalf, listing);

        return hypervisor_list(half->hypervisor, VM_PREFIX, &half->domains, &half->listing_message);
}

static void listing_begin(HostHalf *half)
{
        half->listing_again = half->listing_runs;
        if (half->listing_runs)
                return;
        half->listing_runs = true;
        half->n_listings++;
        worker_submit(half->worker, &half->listing);
}

static Instance *instance_by_name(HostHalf *half, const char *name)
{
        return map_get(&half->instances, name);
}

/* A domain of ours that no Instance stands for: an intent was removed, or libvirt finished late
 * what a dead hostd had begun. It is ended through an Instance of its own, which nothing wants. */
static void adopt_stray(HostHalf *half, const DomainEntry *entry)
{
        Intent intent = {};
        Instance *instance;

        if (vm_name_parse(entry->name, &intent.id, &intent.incarnation) < 0)
                return; /* not one that we would have made */
        vm_tag_make(entry->name, 0, intent.tag);
        log_notice("%s: runs without an intent", entry->name);
        if (instance_adopt(&half->owner, &intent, entry->state, &instance) < 0)
                return;
        if (map_put(&half->instances, entry->name, instance) < 0)
                instance_free(instance);
}

static void listing_take(HostHalf *half)
{
        for (size_t i = 0; i < half->domains.n_entries; i++)
                if (!instance_by_name(half, half->domains.entries[i].name))
                        adopt_stray(half, &half->domains.entries[i]);
        MAP_FOREACH (entry, &half->instances)
                instance_domain_seen(entry->value, half->n_listings,
                                     domain_list_state(&half->domains, entry->key));
}

static int probing_run(WorkerJob *job)
{
        HostHalf *half = CONTAINER_OF(job, HostHalf, probing);

        return kvm_probe(&(KvmQuestion) {&half->place, KVM_DEVICE, half->kvm_answer, KVM_PROBE_NS},
                         half->probing_message, &half->probing_result);
}

static void probing_done(WorkerJob *job, int result)
{
        HostHalf *half = CONTAINER_OF(job, HostHalf, probing);

        half->probing_runs = false;
        half->probed = true;
        half->kvm = result == 0 ? half->probing_result : KVM_UNKNOWN;
        memcpy(half->kvm_message, half->probing_message, sizeof(half->kvm_message));
        if (result < 0 && result != -ECANCELED && result != -ENOTCONN)
                log_error_errno(result, "cannot find out whether KVM works");
        if (half->kvm == KVM_DOES_NOT_WORK)
                log_warning("role VMs are emulated, and slow: %s", half->kvm_message);
        if (half->kvm == KVM_WORKS)
                half->place.type = "kvm";
        reconcile_later(half);
}

/* Asked once libvirt answers, and again until there is a guest OS to ask with. */
static void probing_begin(HostHalf *half)
{
        if (half->probing_runs || half->kvm != KVM_UNKNOWN)
                return;
        half->probing_runs = true;
        worker_submit(half->worker, &half->probing);
}

static void listing_done(WorkerJob *job, int result)
{
        HostHalf *half = CONTAINER_OF(job, HostHalf, listing);

        half->listing_runs = false;
        if (result == -ECANCELED)
                return;
        if (result == 0) {
                if (half->libvirt_problem)
                        log_notice("libvirt answers again");
                str_set(&half->libvirt_problem, NULL);
                listing_take(half);
                probing_begin(half);
        } else {
                const char *message =
                        half->listing_message ? half->listing_message : "out of memory";

                if (!half->libvirt_problem)
                        log_warning("libvirt: %s", message);
                str_set(&half->libvirt_problem, message);
        }
        domain_list_deinit(&half->domains);
        free(half->listing_message);
        half->listing_message = NULL;
        set_timer(half->listing_timer, result == 0 ? LISTING_NS : LISTING_RETRY_NS);
        reconcile_later(half);
        if (half->listing_again)
                listing_begin(half);
}

static void on_domains_changed(void *userdata)
{
        listing_begin(userdata);
}

static int on_listing_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        listing_begin(userdata);
        return 0;
}

/* ---- records and instances */

static const InstanceRecord *record_of(HostHalf *half, const InstanceId *id)
{
        char text[RECORD_KEY_MAX + 1];

        return map_get(&half->records, instance_id_format(id, text));
}

static bool is_for(const HostHalf *half, const InstanceRecord *record)
{
        return str_equal(record->host, half->host);
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
static void apply_records(HostHalf *half)
{
        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                const InstanceRecord *record = record_of(half, &instance->id);

                if (half->cluster)
                        instance_set_spans(instance, half->cluster);
                if (record && is_for(half, record) && record->incarnation == instance->incarnation)
                        instance_set_record(instance, record);
                else if (half->synced)
                        instance_unwanted(instance);
        }
        MAP_FOREACH (entry, &half->records) {
                const InstanceRecord *record = entry->value;
                char name[VM_NAME_MAX + 1];
                int r;

                if (!is_for(half, record) || record->power != POWER_RUNNING || !half->synced)
                        continue;
                vm_name_format(&record->id, record->incarnation, name);
                if (instance_by_name(half, name))
                        continue;
                r = make_instance(half, record, name);
                if (r < 0)
                        log_error_errno(r, "%s: cannot begin", name);
                network_changed(half);
        }
}

/* Whether another incarnation of the same instance still has something here. */
static bool is_blocked(HostHalf *half, const Instance *instance)
{
        MAP_FOREACH (entry, &half->instances) {
                const Instance *other = entry->value;

                if (other != instance && instance_id_equal(&other->id, &instance->id) &&
                    !instance_is_gone(other) && vm_state(&other->vm) != VM_NEW)
                        return true;
        }
        return false;
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

static void step_instances(HostHalf *half)
{
        uint64_t now_ns = clock_boottime_ns(), deadline_ns = UINT64_MAX;

        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;

                if (!may_step(half, instance))
                        continue;
                if (vm_state(&instance->vm) == VM_NEW || vm_state(&instance->vm) == VM_DOWN)
                        instance->facts.blocked = !half->probed || is_blocked(half, instance);
                instance_step(instance, half->n_listings + 1, now_ns);
                if (instance_is_gone(instance)) {
                        map_remove(&half->instances, entry->key);
                        role_log_forget(half->log, &instance->id);
                        instance_free(instance);
                        network_changed(half);
                        continue;
                }
                note_readiness(half, instance);
                deadline_ns = MIN(deadline_ns, instance_deadline(instance));
        }
        if (deadline_ns != UINT64_MAX)
                set_timer(half->deadline_timer,
                          deadline_ns > now_ns ? deadline_ns - now_ns : NSEC_PER_MSEC);
}

/* ---- the network */

static IpAddress vip_of(HostHalf *half, const char *deployment, Slot *ret_slot)
{
        MAP_FOREACH (entry, &half->services) {
                const ServiceRecord *service = entry->value;

                for (unsigned slot = 0; slot < SLOTS; slot++)
                        if (str_equal(service->slots[slot].deployment, deployment)) {
                                *ret_slot = slot;
                                return service->slots[slot].vip;
                        }
        }
        *ret_slot = SLOT_STAGING;
        return (IpAddress) {};
}

static int gather_instances(HostHalf *half, NetworkDeployment *deployment)
{
        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                NetworkInstance network = {&instance->record, &instance->names,
                                           instance_ready(instance)};

                if (!instance->plugged || instance->record.incarnation == 0 ||
                    !str_equal(instance->id.deployment, deployment->record->id))
                        continue;
                if (ARRAY_APPEND(deployment->instances, deployment->n_instances, network) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int gather(HostHalf *half, NetworkInput *input, const HostRecord ***ret_hosts)
{
        MAP_FOREACH (entry, &half->deployments) {
                const Deployment *deployment = entry->value;
                NetworkDeployment network = {.record = deployment_record(deployment),
                                             .model = deployment_model(deployment)};
                Slot slot;
                int r;

                network.vip = vip_of(half, entry->key, &slot);
                r = gather_instances(half, &network);
                if (r == 0)
                        r = ARRAY_APPEND(input->deployments, input->n_deployments, network);
                if (r < 0) {
                        free(network.instances);
                        return r;
                }
        }
        MAP_FOREACH (entry, &half->hosts)
                if (ARRAY_APPEND(*ret_hosts, input->n_hosts, entry->value) < 0)
                        return -ENOMEM;
        return 0;
}

static void declare_network(HostHalf *half)
{
        NetworkInput input = {.self = half->host, .uplink = half->uplink};
        const HostRecord **hosts = NULL;
        NetPlan plan = {};
        int r;

        half->network_dirty = false;
        r = gather(half, &input, &hosts);
        input.hosts = hosts;
        if (r == 0)
                r = network_plan(&input, &plan);
        for (size_t i = 0; i < input.n_deployments; i++)
                free(input.deployments[i].instances);
        free(input.deployments);
        free(hosts);
        if (r < 0)
                log_error_errno(r, "cannot work out the network");
        else
                half->network_number = netd_client_declare(half->netd, &plan);
}

/* What waits for netd goes on once netd has carried out the declaration that has it. */
static void network_progress(HostHalf *half)
{
        if (half->network_dirty || netd_client_carried_out(half->netd) < half->network_number)
                return;
        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                VmState state = vm_state(&instance->vm);

                if ((state == VM_PLUGGING || state == VM_UNPLUGGING) && vm_busy(&instance->vm))
                        instance_network_done(instance, true, NULL);
        }
}

static void on_netd_changed(void *userdata)
{
        HostHalf *half = userdata;

        network_progress(half);
        reconcile_later(half);
}

static void on_rotation(void *userdata, const char *endpoint, const char *instance,
                        bool in_rotation)
{
        HostHalf *half = userdata;
        _cleanup_free_ char *key = str_printf("%s %s", endpoint, instance);

        if (!key)
                return;
        if (in_rotation)
                map_put(&half->rotation, key, NULL);
        else
                map_remove(&half->rotation, key);
        reconcile_later(half);
}

static Instance *draining_instance(HostHalf *half, const char *id)
{
        char text[RECORD_KEY_MAX + 1];

        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;

                if (vm_state(&instance->vm) == VM_DRAINING &&
                    str_equal(instance_id_format(&instance->id, text), id))
                        return instance;
        }
        return NULL;
}

static void on_connections(void *userdata, const char *id, uint32_t count)
{
        HostHalf *half = userdata;
        Instance *instance = draining_instance(half, id);

        if (!instance || count > 0)
                return;
        instance_set_drained(instance, true);
        reconcile_later(half);
}

/* Connections are counted once netd has taken the instance out of rotation: before, new ones may
 * come. */
static int on_connections_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        HostHalf *half = userdata;
        bool left = false;

        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                char text[RECORD_KEY_MAX + 1];

                if (vm_state(&instance->vm) != VM_DRAINING)
                        continue;
                left = true;
                if (netd_client_carried_out(half->netd) >= half->network_number)
                        netd_client_ask_connections(half->netd,
                                                    instance_id_format(&instance->id, text));
        }
        if (left)
                set_timer(half->connections_timer, CONNECTIONS_NS);
        return 0;
}

static void watch_drains(HostHalf *half)
{
        int enabled = SD_EVENT_OFF;

        sd_event_source_get_enabled(half->connections_timer, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        MAP_FOREACH (entry, &half->instances)
                if (vm_state(&((Instance *) entry->value)->vm) == VM_DRAINING)
                        return set_timer(half->connections_timer, CONNECTIONS_NS / 10);
}

/* ---- what agents are told */

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
                               .mac = instance->names.mac,
                               .mtu_bytes = NETWORK_MTU_BYTES};
        AgentConfig config = {};
        int r;

        if (!deployment || !deployment_model(deployment) || instance->record.incarnation == 0)
                return;
        input.deployment = deployment_record(deployment);
        input.model = deployment_model(deployment);
        vip_of(half, instance->id.deployment, &input.slot);
        r = list_topology(half, instance->id.deployment, &records, &input.n_instances);
        input.instances = records;
        if (r == 0)
                r = role_spec_build(&input, &config);
        if (r == 0)
                r = instance_configure(instance, &config,
                                       input.deployment->configuration_generation);
        if (r < 0 && r != -ENOTCONN)
                log_error_errno(r, "%s: cannot tell the agent what to do", instance->names.name);
        agent_config_deinit(&config);
        free(records);
}

static void configure_all(HostHalf *half)
{
        half->config_dirty = false;
        MAP_FOREACH (entry, &half->instances)
                configure(half, entry->value);
}

/* ---- what is said */

static bool in_rotation(HostHalf *half, const char *instance)
{
        MAP_FOREACH (entry, &half->rotation)
                if (str_ends_with(entry->key, instance) &&
                    entry->key[strlen(entry->key) - strlen(instance) - 1] == ' ')
                        return true;
        return false;
}

static void tell(HostHalf *half, const ObservedRecord *observed)
{
        char text[RECORD_KEY_MAX + 1];
        ObservedRecord *last;

        instance_id_format(&observed->id, text);
        last = map_get(&half->reported, text);
        if (last && memcmp(last, observed, sizeof(*last)) == 0)
                return;
        if (!last) {
                last = calloc(1, sizeof(*last));
                if (!last || map_put(&half->reported, text, last) < 0) {
                        free(last);
                        return;
                }
        }
        memcpy(last, observed, sizeof(*last));
        if (half->sink.observed)
                half->sink.observed(half->sink.userdata, observed);
}

/* The incarnation that stands for an instance: the one that is on its way out before the one that
 * waits for it. */
static Instance *spokesman(HostHalf *half, const InstanceId *id)
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

static void tell_instances(HostHalf *half)
{
        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                char text[RECORD_KEY_MAX + 1];
                ObservedRecord observed;

                if (spokesman(half, &instance->id) != instance)
                        continue;
                instance_observe(instance, &observed);
                observed.in_rotation = in_rotation(half, instance_id_format(&instance->id, text));
                tell(half, &observed);
        }
}

/* The word that an incarnation which is to be off never runs again. */
static void tell_stopped(HostHalf *half)
{
        MAP_FOREACH (entry, &half->records) {
                const InstanceRecord *record = entry->value;
                ObservedRecord observed = {.id = record->id,
                                           .incarnation = record->incarnation,
                                           .status = STATUS_STOPPED_VM};
                const ObservedRecord *last = map_get(&half->reported, entry->key);

                if (!is_for(half, record) || record->power == POWER_RUNNING || !half->synced ||
                    spokesman(half, &record->id))
                        continue;
                snprintf(observed.host, sizeof(observed.host), "%s", half->host);
                memcpy(observed.done, record->wanted, sizeof(observed.done));
                observed.since_us = last && last->status == STATUS_STOPPED_VM &&
                                                    last->incarnation == record->incarnation
                                            ? last->since_us
                                            : clock_realtime_us();
                tell(half, &observed);
        }
}

static void tell_gone(HostHalf *half)
{
        MAP_FOREACH (entry, &half->reported) {
                const InstanceRecord *record = map_get(&half->records, entry->key);
                InstanceId id;

                if (instance_id_parse(entry->key, &id) < 0 || spokesman(half, &id) ||
                    (record && is_for(half, record)))
                        continue;
                free(map_remove(&half->reported, entry->key));
                if (half->sink.gone)
                        half->sink.gone(half->sink.userdata, &id);
        }
}

static void reconcile(HostHalf *half)
{
        apply_records(half);
        tell_instances(half); /* what is about to be made is said first */
        step_instances(half);
        if (half->network_dirty && half->synced)
                declare_network(half);
        network_progress(half);
        if (half->config_dirty)
                configure_all(half);
        watch_drains(half);
        tell_instances(half);
        tell_stopped(half);
        if (half->synced)
                tell_gone(half);
}

static int on_defer(sd_event_source *source, void *userdata)
{
        reconcile(userdata);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        reconcile_later(userdata);
        return 0;
}

/* ---- what Instances ask for */

static void on_instance_changed(void *userdata, Instance *instance)
{
        reconcile_later(userdata);
}

static void on_network_changed(void *userdata)
{
        network_changed(userdata);
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

/* ---- what an earlier hostd left */

static int make_dirs(HostHalf *half, const HostHalfConfig *config)
{
        const struct {
                char **path;
                const char *parent, *name;
        } dirs[] = {
                {&half->intents_dir, config->state_dir, "instances"},
                {&half->incarnations_dir, config->state_dir, "incarnations"},
                {&half->ephemeral_dir, config->state_dir, "ephemeral"},
                {&half->blobs_dir, config->state_dir, "blobs"},
                {&half->sockets_dir, config->runtime_dir, "agents"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
                *dirs[i].path = str_printf("%s/%s", dirs[i].parent, dirs[i].name);
                if (!*dirs[i].path)
                        return -ENOMEM;
                if (mkdir(*dirs[i].path, 0755) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

static int adopt_intent(HostHalf *half, const char *file)
{
        _cleanup_free_ char *path = str_printf("%s/%s", half->intents_dir, file);
        char name[VM_NAME_MAX + 1];
        Instance *instance;
        Intent intent;
        int r;

        if (!path)
                return -ENOMEM;
        r = intent_read(path, &intent);
        if (r < 0) {
                log_error_errno(r, "%s: is no intent and is removed", path);
                return intent_remove(path);
        }
        vm_name_format(&intent.id, intent.incarnation, name);
        /* whether there is a domain is yet to be found out: until then it is DOWN, and not known to
         * be */
        r = instance_adopt(&half->owner, &intent, DOMAIN_ABSENT, &instance);
        if (r < 0)
                return r;
        instance->facts.domain_known = false;
        instance->plugged = true;
        r = map_put(&half->instances, name, instance);
        if (r < 0)
                instance_free(instance);
        return r;
}

/* Calls @handle for each file of a directory. */
static int each_file(HostHalf *half, const char *path,
                     int (*handle)(HostHalf *half, const char *name))
{
        struct dirent *entry;
        int r = 0;
        DIR *dir;

        dir = opendir(path);
        if (!dir)
                return -errno;
        while (r == 0 && (entry = readdir(dir)))
                if (entry->d_type != DT_DIR)
                        r = handle(half, entry->d_name);
        closedir(dir);
        return r;
}

/* A file that belongs to no intent was made by nobody who is still there. */
static int sweep_disk(HostHalf *half, const char *file)
{
        _cleanup_free_ char *name = strdup(file),
                            *path = str_printf("%s/%s", half->ephemeral_dir, file);
        char *end;

        if (!name || !path)
                return -ENOMEM;
        if (!str_after(name, VM_PREFIX))
                return 0;
        end = strstr(name, ".root.");
        if (!end)
                end = strstr(name, ".local.");
        if (end)
                *end = '\0';
        if (instance_by_name(half, name))
                return 0;
        log_notice("%s: belongs to no VM and is removed", path);
        return unlink(path) < 0 ? -errno : 0;
}

static int sweep_socket(HostHalf *half, const char *file)
{
        _cleanup_free_ char *path = str_printf("%s/%s", half->sockets_dir, file);

        if (!path)
                return -ENOMEM;
        MAP_FOREACH (entry, &half->instances)
                if (strncmp(file, ((Instance *) entry->value)->names.tag, VM_TAG_MAX) == 0)
                        return 0;
        unlink(path);
        return 0;
}

int host_half_start(HostHalf *half)
{
        int r;

        r = each_file(half, half->intents_dir, adopt_intent);
        if (r == 0)
                r = each_file(half, half->ephemeral_dir, sweep_disk);
        if (r == 0)
                r = each_file(half, half->sockets_dir, sweep_socket);
        if (r < 0)
                return r;
        listing_begin(half);
        return 0;
}

/* ---- records */

void host_half_synced(HostHalf *half)
{
        half->synced = true;
        network_changed(half);
}

/* Puts a copy of @size bytes under a key. */
static int put_copy(Map *map, const char *key, const void *value, size_t size)
{
        void *copied = malloc(size);
        int r;

        if (!copied)
                return -ENOMEM;
        memcpy(copied, value, size);
        r = map_put(map, key, copied);
        if (r < 0)
                free(copied);
        return r;
}

/* The highest incarnation of an instance that this host has seen, now or in an earlier life. */
static uint64_t highest_incarnation(HostHalf *half, const InstanceId *id, const char *key)
{
        const uint64_t *known = map_get(&half->incarnations, key);
        uint64_t highest = 0;

        if (known)
                return *known;
        incarnation_highest(half->incarnations_dir, id, &highest);
        return highest;
}

int host_half_instance_put(HostHalf *half, const InstanceRecord *instance)
{
        char key[RECORD_KEY_MAX + 1];
        int r;

        instance_id_format(&instance->id, key);
        if (instance->incarnation < highest_incarnation(half, &instance->id, key)) {
                log_warning("%s: incarnation %llu is older than one that was here, ignored", key,
                            (unsigned long long) instance->incarnation);
                return 0;
        }
        r = put_copy(&half->incarnations, key, &instance->incarnation,
                     sizeof(instance->incarnation));
        if (r == 0)
                r = put_copy(&half->records, key, instance, sizeof(*instance));
        half->config_dirty = true;
        network_changed(half);
        return r;
}

void host_half_instance_deleted(HostHalf *half, const InstanceId *instance)
{
        char key[RECORD_KEY_MAX + 1];

        free(map_remove(&half->records, instance_id_format(instance, key)));
        half->config_dirty = true;
        network_changed(half);
}

int host_half_observed_found(HostHalf *half, const InstanceId *instance)
{
        char key[RECORD_KEY_MAX + 1];

        instance_id_format(instance, key);
        reconcile_later(half);
        if (map_contains(&half->reported, key))
                return 0;
        return put_copy(&half->reported, key, &(ObservedRecord) {}, sizeof(ObservedRecord));
}

int host_half_deployment_put(HostHalf *half, const DeploymentRecord *record)
{
        Deployment *deployment;
        int r;

        r = deployment_new(record, &half->sizes, &deployment);
        if (r < 0)
                return r;
        r = map_put(&half->deployments, record->id, deployment);
        if (r < 0) {
                deployment_free(deployment);
                return r;
        }
        if (!deployment_model(deployment))
                log_error("deployment %s: %s", record->id, deployment_problem(deployment));
        half->config_dirty = true;
        network_changed(half);
        return 0;
}

/* Ids are never used again: what was noted about its instances is of no more use. */
void host_half_deployment_deleted(HostHalf *half, const char *id)
{
        MAP_FOREACH (entry, &half->incarnations) {
                InstanceId instance;

                if (instance_id_parse(entry->key, &instance) < 0 ||
                    !str_equal(instance.deployment, id))
                        continue;
                incarnation_forget(half->incarnations_dir, &instance);
                free(map_remove(&half->incarnations, entry->key));
        }
        deployment_free(map_remove(&half->deployments, id));
        network_changed(half);
}

int host_half_service_put(HostHalf *half, const ServiceRecord *service)
{
        half->config_dirty = true;
        network_changed(half);
        return put_copy(&half->services, service->name, service, sizeof(*service));
}

void host_half_service_deleted(HostHalf *half, const char *service)
{
        free(map_remove(&half->services, service));
        network_changed(half);
}

int host_half_host_put(HostHalf *half, const HostRecord *host)
{
        network_changed(half);
        return put_copy(&half->hosts, host->name, host, sizeof(*host));
}

void host_half_host_deleted(HostHalf *half, const char *host)
{
        free(map_remove(&half->hosts, host));
        network_changed(half);
}

void host_half_cluster_put(HostHalf *half, const ClusterRecord *cluster)
{
        if (!half->cluster)
                half->cluster = malloc(sizeof(*half->cluster));
        if (!half->cluster)
                return; /* the defaults stay in force */
        *half->cluster = *cluster;
        half->cluster->ca = NULL;
        reconcile_later(half);
}

/* ---- the rest of the interface */

void host_half_set_bus(HostHalf *half, sd_bus *bus)
{
        int r;

        map_deinit(&half->rotation);
        r = netd_client_set_bus(half->netd, bus);
        if (r < 0)
                log_error_errno(r, "cannot reach netd over the bus");
        network_changed(half);
}

BlobStore *host_half_blobs(HostHalf *half)
{
        return half->blobs;
}

int host_half_shell_send(HostHalf *half, const InstanceId *id, const AgentMessage *message)
{
        Instance *instance = spokesman(half, id);

        if (!instance)
                return -ENOENT;
        return instance->link ? agent_link_send(instance->link, message) : -ENOTCONN;
}

void host_half_state(const HostHalf *half, HostHalfState *ret_state)
{
        *ret_state = (HostHalfState) {
                .kvm = half->kvm == KVM_WORKS,
                .kvm_known = half->kvm != KVM_UNKNOWN,
                .kvm_message = half->kvm_message,
                .libvirt = half->libvirt_problem == NULL && half->n_listings > 0,
                .netd = netd_client_carried_out(half->netd) >= half->network_number,
                .n_vms = map_size(&half->instances),
                .problem = half->libvirt_problem ? half->libvirt_problem
                                                 : netd_client_problem(half->netd),
        };
}

/* ---- life */

static int add_sources(HostHalf *half)
{
        int r;

        r = sd_event_add_defer(half->event, &half->defer, on_defer, half);
        if (r >= 0)
                r = sd_event_source_set_enabled(half->defer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(half->event, &half->listing_timer, CLOCK_BOOTTIME, 0,
                                               ACCURACY_USEC, on_listing_timer, half);
        if (r >= 0)
                r = sd_event_source_set_enabled(half->listing_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(half->event, &half->deadline_timer, CLOCK_BOOTTIME,
                                               0, ACCURACY_USEC, on_deadline, half);
        if (r >= 0)
                r = sd_event_source_set_enabled(half->deadline_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(half->event, &half->connections_timer,
                                               CLOCK_BOOTTIME, 0, ACCURACY_USEC,
                                               on_connections_timer, half);
        if (r >= 0)
                r = sd_event_source_set_enabled(half->connections_timer, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

/* Limits are asked for where the host has the control groups for them. */
static void read_controllers(HostHalf *half)
{
        _cleanup_free_ char *text = NULL;

        if (file_read(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", 4 * KIB, &text, NULL) < 0)
                return;
        text[strcspn(text, "\n")] = '\0';
        for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
                half->place.limits_cpu |= str_equal(word, "cpu");
                half->place.limits_memory |= str_equal(word, "memory");
        }
}

static void free_deployment(void *deployment)
{
        deployment_free(deployment);
}

/* A catalogue that cannot be read is the operator's to mend; the one compiled in is better than
 * none. */
static int load_sizes(HostHalf *half)
{
        const char *path = NULL;
        unsigned line = 0;
        int r;

        r = sizes_load(&half->sizes, NULL, NULL, &path, &line);
        if (r == SIZES_BAD_LINE)
                log_error("%s:%u: is not a size; the rest of the file is passed over", path, line);
        return r < 0 ? r : 0;
}

static int set_up(HostHalf *half, const HostHalfConfig *config)
{
        int r;

        r = str_set(&half->host, config->host);
        if (r == 0)
                r = str_set(&half->os_dir, config->os_dir);
        if (r == 0)
                r = str_set(&half->uplink, config->uplink ? config->uplink : "");
        if (r == 0)
                r = make_dirs(half, config);
        half->kvm_answer = str_printf("%s/kvm", config->runtime_dir); /* which a boot empties */
        if (r == 0 && !half->kvm_answer)
                r = -ENOMEM;
        if (r == 0)
                r = load_sizes(half);
        if (r == 0)
                r = add_sources(half);
        if (r == 0)
                r = worker_new(half->event, WORKER_THREADS, &half->worker);
        if (r == 0)
                r = hypervisor_new(half->event, config->libvirt_uri, on_domains_changed, half,
                                   &half->hypervisor);
        if (r == 0)
                r = blob_store_open(half->blobs_dir, &half->blobs);
        if (r == 0)
                r = role_log_new(half->worker, &half->log);
        if (r == 0)
                r = netd_client_new(
                        half->event,
                        &(NetdSink) {half, on_netd_changed, on_rotation, on_connections},
                        &half->netd);
        return r;
}

int host_half_new(sd_event *event, const HostHalfConfig *config, const HostHalfSink *sink,
                  HostHalf **ret_half)
{
        _cleanup_(host_half_freep) HostHalf *half = NULL;
        int r;

        half = calloc(1, sizeof(*half));
        if (!half)
                return -ENOMEM;
        half->event = sd_event_ref(event);
        half->sink = *sink;
        half->records.value_free = half->services.value_free = half->hosts.value_free = free;
        half->incarnations.value_free = half->reported.value_free = free;
        half->deployments.value_free = free_deployment;
        half->probing = (WorkerJob) {.run = probing_run, .done = probing_done};
        half->listing = (WorkerJob) {.run = listing_run, .done = listing_done};
        r = set_up(half, config);
        if (r < 0)
                return r;
        half->place = (VmPlace) {
                .dirs = {half->intents_dir, half->ephemeral_dir, half->sockets_dir},
                .incarnations = half->incarnations_dir,
                .os_dir = half->os_dir,
                .type = "qemu",
                .console = config->console,
                .hypervisor = half->hypervisor,
                .blobs = half->blobs,
        };
        read_controllers(half);
        half->owner = (InstanceOwner) {
                .event = event,
                .worker = half->worker,
                .place = &half->place,
                .host = half->host,
                .userdata = half,
                .changed = on_instance_changed,
                .network_changed = on_network_changed,
                .wants_config = on_wants_config,
                .message = on_agent_message,
        };
        *ret_half = TAKE_PTR(half);
        return 0;
}

HostHalf *host_half_free(HostHalf *half)
{
        if (!half)
                return NULL;
        worker_free(half->worker);
        MAP_FOREACH (entry, &half->instances)
                instance_free(entry->value);
        netd_client_free(half->netd);
        role_log_free(half->log);
        hypervisor_free(half->hypervisor);
        blob_store_close(half->blobs);
        sd_event_source_disable_unref(half->defer);
        sd_event_source_disable_unref(half->listing_timer);
        sd_event_source_disable_unref(half->deadline_timer);
        sd_event_source_disable_unref(half->connections_timer);
        map_deinit(&half->records);
        map_deinit(&half->incarnations);
        map_deinit(&half->instances);
        map_deinit(&half->deployments);
        map_deinit(&half->services);
        sizes_deinit(&half->sizes);
        map_deinit(&half->hosts);
        map_deinit(&half->reported);
        map_deinit(&half->rotation);
        domain_list_deinit(&half->domains);
        sd_event_unref(half->event);
        free(half->cluster);
        free(half->listing_message);
        free(half->libvirt_problem);
        free(half->kvm_answer);
        free(half->host);
        free(half->os_dir);
        free(half->uplink);
        free(half->intents_dir);
        free(half->incarnations_dir);
        free(half->ephemeral_dir);
        free(half->sockets_dir);
        free(half->blobs_dir);
        free(half);
        return NULL;
}
