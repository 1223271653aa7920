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

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/host-half-internal.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

/* How long the network waits for the agents of adopted VMs: two of their heartbeats. */
#define SETTLE_NS (10 * NSEC_PER_SEC)

/* Starting a VM takes libvirt a good part of a second, mostly waiting. */
#define WORKER_THREADS 4
#define ACCURACY_USEC  10000

void host_reconcile_later(HostHalf *half)
{
        sd_event_source_set_enabled(half->defer, SD_EVENT_ONESHOT);
}

void host_network_changed(HostHalf *half)
{
        half->network_dirty = true;
        host_reconcile_later(half);
}

void host_timer_set(sd_event_source *timer, uint64_t in_ns)
{
        sd_event_source_set_time_relative(timer, in_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}
static void reconcile(HostHalf *half)
{
        host_instances_apply(half);
        host_report_instances(half); /* what is about to be made is said first */
        host_instances_step(half);
        /* a hostd that has just come back does not know yet which VMs may serve: until it does,
         * netd goes on with what the one before it declared */
        if (half->network_dirty && half->synced && host_instances_settled(half))
                host_network_declare(half);
        host_network_progress(half);
        if (half->config_dirty)
                host_instances_configure(half);
        host_network_watch_drains(half);
        host_report_instances(half);
        host_report_rest(half);
}

static int on_defer(sd_event_source *source, void *userdata)
{
        reconcile(userdata);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        host_reconcile_later(userdata);
        return 0;
}

/* ---- records */

void host_half_synced(HostHalf *half)
{
        half->synced = true;
        host_network_changed(half);
        host_blobs_collect(half);
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
        host_network_changed(half);
        return r;
}

void host_half_instance_deleted(HostHalf *half, const InstanceId *instance)
{
        char key[RECORD_KEY_MAX + 1];

        free(map_remove(&half->records, instance_id_format(instance, key)));
        half->config_dirty = true;
        host_network_changed(half);
}

int host_half_observed_found(HostHalf *half, const InstanceId *instance)
{
        char key[RECORD_KEY_MAX + 1];

        instance_id_format(instance, key);
        host_reconcile_later(half);
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
        blob_release(half->blobs, record->package);
        if (!deployment_model(deployment))
                log_error("deployment %s: %s", record->id, deployment_problem(deployment));
        half->config_dirty = true;
        host_network_changed(half);
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
        host_blobs_collect(half);
        host_network_changed(half);
}

int host_half_service_put(HostHalf *half, const ServiceRecord *service)
{
        half->config_dirty = true;
        host_network_changed(half);
        return put_copy(&half->services, service->name, service, sizeof(*service));
}

void host_half_service_deleted(HostHalf *half, const char *service)
{
        free(map_remove(&half->services, service));
        host_network_changed(half);
}

int host_half_host_put(HostHalf *half, const HostRecord *host)
{
        host_network_changed(half);
        return put_copy(&half->hosts, host->name, host, sizeof(*host));
}

void host_half_host_deleted(HostHalf *half, const char *host)
{
        free(map_remove(&half->hosts, host));
        host_network_changed(half);
}

static void free_certificate(void *certificate)
{
        if (certificate)
                record_deinit(certificate);
        free(certificate);
}

int host_half_alive_put(HostHalf *half, const char *host)
{
        if (map_contains(&half->alive, host))
                return 0;
        host_network_changed(half);
        return map_put(&half->alive, host, NULL);
}

void host_half_alive_deleted(HostHalf *half, const char *host)
{
        map_remove(&half->alive, host);
        host_network_changed(half);
}

void host_observed_key(const char *host, const InstanceId *instance,
                       char ret_key[static OBSERVED_KEY_MAX + 1])
{
        char id[RECORD_KEY_MAX + 1];

        snprintf(ret_key, OBSERVED_KEY_MAX + 1, "%s %s", host, instance_id_format(instance, id));
}

/* Heartbeats and details come often, what the network is made of seldom changes. */
int host_half_observed_put(HostHalf *half, const ObservedRecord *observed)
{
        char key[OBSERVED_KEY_MAX + 1];
        const ObservedRecord *last;

        host_observed_key(observed->host, &observed->id, key);
        last = map_get(&half->observed, key);
        if (!last || last->in_rotation != observed->in_rotation ||
            last->status != observed->status || last->incarnation != observed->incarnation)
                host_network_changed(half);
        return put_copy(&half->observed, key, observed, sizeof(*observed));
}

void host_half_observed_deleted(HostHalf *half, const char *host, const InstanceId *instance)
{
        char key[OBSERVED_KEY_MAX + 1];
        ObservedRecord *last;

        host_observed_key(host, instance, key);
        last = map_remove(&half->observed, key);
        if (last)
                host_network_changed(half);
        free(last);
}

int host_half_certificate_put(HostHalf *half, const Record *certificate)
{
        Record *copy = malloc(record_size(RECORD_CERTIFICATE));
        int r;

        if (!copy || record_copy(certificate, copy) < 0) {
                free(copy);
                return -ENOMEM;
        }
        r = map_put(&half->certificates, certificate->certificate.digest, copy);
        if (r < 0)
                free_certificate(copy);
        half->config_dirty = true;
        host_reconcile_later(half);
        return r;
}

void host_half_certificate_deleted(HostHalf *half, const char *digest)
{
        free_certificate(map_remove(&half->certificates, digest));
}

void host_half_cluster_put(HostHalf *half, const ClusterRecord *cluster)
{
        if (!half->cluster)
                half->cluster = malloc(sizeof(*half->cluster));
        if (!half->cluster)
                return; /* the defaults stay in force */
        *half->cluster = *cluster;
        half->cluster->ca = NULL;
        host_reconcile_later(half);
}

/* ---- the rest of the interface */

void host_half_set_bus(HostHalf *half, sd_bus *bus)
{
        int r;

        map_deinit(&half->rotation);
        map_deinit(&half->serving);
        r = netd_client_set_bus(half->netd, bus);
        if (r < 0)
                log_error_errno(r, "cannot reach netd over the bus");
        host_network_changed(half);
}

void host_half_allow(HostHalf *half, uint64_t until_ns)
{
        __atomic_store_n(&half->start_until_ns, until_ns, __ATOMIC_RELAXED);
        host_reconcile_later(half);
}

bool host_half_is_starting(const HostHalf *half)
{
        MAP_FOREACH (entry, &half->instances) {
                const Instance *instance = entry->value;
                VmState state = vm_state(&instance->vm);

                if ((state == VM_STARTING || state == VM_RESETTING) && vm_busy(&instance->vm))
                        return true;
        }
        return false;
}

void host_half_set_content(HostHalf *half, const Content *content)
{
        half->content = content;
}

void host_half_content_arrived(HostHalf *half)
{
        host_reconcile_later(half);
}

BlobStore *host_half_blobs(HostHalf *half)
{
        return half->blobs;
}

int host_half_shell_send(HostHalf *half, const InstanceId *id, const AgentMessage *message)
{
        Instance *instance = host_instance_newest(half, id);

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
                {&half->fetched_os_dir, config->state_dir, "os"},
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

static int add_sources(HostHalf *half)
{
        int r;

        r = sd_event_add_defer(half->event, &half->defer, on_defer, half);
        if (r >= 0)
                r = sd_event_source_set_enabled(half->defer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(half->event, &half->listing_timer, CLOCK_BOOTTIME, 0,
                                               ACCURACY_USEC, host_domains_timer, half);
        if (r >= 0)
                r = sd_event_source_set_enabled(half->listing_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(half->event, &half->deadline_timer, CLOCK_BOOTTIME,
                                               0, ACCURACY_USEC, on_deadline, half);
        if (r >= 0)
                r = sd_event_source_set_enabled(half->deadline_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(half->event, &half->connections_timer,
                                               CLOCK_BOOTTIME, 0, ACCURACY_USEC, host_network_timer,
                                               half);
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
        NetdSink sink = host_network_sink(half);
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
                r = hypervisor_new(half->event, config->libvirt_uri, host_domains_changed, half,
                                   &half->hypervisor);
        if (r == 0)
                r = blob_store_open(half->blobs_dir, &half->blobs);
        if (r == 0)
                r = role_log_new(half->worker, &half->log);
        if (r == 0)
                r = netd_client_new(half->event, &sink, &half->netd);
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
        half->observed.value_free = free;
        half->records.value_free = half->services.value_free = half->hosts.value_free = free;
        half->incarnations.value_free = half->reported.value_free = free;
        half->serving.value_free = free;
        half->deployments.value_free = free_deployment;
        half->certificates.value_free = free_certificate;
        host_domains_init(half);
        r = set_up(half, config);
        if (r < 0)
                return r;
        half->place = (VmPlace) {
                .dirs = {half->intents_dir, half->ephemeral_dir, half->sockets_dir},
                .incarnations = half->incarnations_dir,
                .os_dir = half->os_dir,
                .fetched_os_dir = half->fetched_os_dir,
                .type = "qemu",
                .console = config->console,
                .hypervisor = half->hypervisor,
                .blobs = half->blobs,
                .start_until_ns = &half->start_until_ns,
        };
        half->start_until_ns = UINT64_MAX;
        read_controllers(half);
        half->owner = host_instances_owner(half);
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
        map_deinit(&half->alive);
        map_deinit(&half->observed);
        map_deinit(&half->certificates);
        map_deinit(&half->reported);
        map_deinit(&half->rotation);
        map_deinit(&half->serving);
        domain_list_deinit(&half->domains);
        sd_event_unref(half->event);
        free(half->cluster);
        free(half->listing_message);
        free(half->libvirt_problem);
        free(half->collect_keep);
        free(half->kvm_answer);
        free(half->host);
        free(half->os_dir);
        free(half->uplink);
        free(half->intents_dir);
        free(half->incarnations_dir);
        free(half->ephemeral_dir);
        free(half->sockets_dir);
        free(half->blobs_dir);
        free(half->fetched_os_dir);
        free(half);
        return NULL;
}

int host_half_start(HostHalf *half)
{
        int r;

        half->settled_ns = clock_boottime_ns() + SETTLE_NS;
        r = host_domains_adopt(half);
        if (r < 0)
                return r;
        host_domains_list(half);
        return 0;
}
