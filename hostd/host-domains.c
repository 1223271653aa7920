/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What libvirt has is read by listing: at the start, after each event, and every LISTING_NS in case
 * one was lost. What an earlier hostd left is found by its intents; all else that carries one of
 * our names is removed. */

#include "hostd/host-half-internal.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

#define LISTING_NS       (10 * NSEC_PER_SEC)
#define LISTING_RETRY_NS NSEC_PER_SEC
#define KVM_DEVICE       "/dev/kvm"

static int listing_run(WorkerJob *job)
{
        HostHalf *half = CONTAINER_OF(job, HostHalf, listing);

        return hypervisor_list(half->hypervisor, VM_PREFIX, &half->domains, &half->listing_message);
}

void host_domains_list(HostHalf *half)
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
        host_reconcile_later(half);
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
        host_timer_set(half->listing_timer, result == 0 ? LISTING_NS : LISTING_RETRY_NS);
        host_reconcile_later(half);
        if (half->listing_again)
                host_domains_list(half);
}

void host_domains_changed(void *userdata)
{
        host_domains_list(userdata);
}

int host_domains_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        host_domains_list(userdata);
        return 0;
}

void host_domains_init(HostHalf *half)
{
        half->probing = (WorkerJob) {.run = probing_run, .done = probing_done};
        half->listing = (WorkerJob) {.run = listing_run, .done = listing_done};
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

int host_domains_adopt(HostHalf *half)
{
        int r;

        r = each_file(half, half->intents_dir, adopt_intent);
        if (r == 0)
                r = each_file(half, half->ephemeral_dir, sweep_disk);
        if (r == 0)
                r = each_file(half, half->sockets_dir, sweep_socket);
        return r;
}
