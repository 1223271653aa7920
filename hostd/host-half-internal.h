/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the parts of the host half share: its tables, and what each part does for the others.
 *
 *   host-half.c       its life, and the records as they come
 *   host-domains.c    what libvirt has, what an earlier hostd left, whether KVM works
 *   host-instances.c  the Instances: made, stepped, removed, and what their agents are told
 *   host-network.c    what netd is told, and what it says
 *   host-report.c     what is said about instances
 *   host-blobs.c      what is thrown out of the store of packages */

#include "hostd/content.h"
#include "hostd/deployment.h"
#include "hostd/host-half.h"
#include "hostd/instance.h"
#include "hostd/kvm-probe.h"
#include "hostd/netd-client.h"
#include "hostd/role-log.h"
#include "hostd/worker.h"
#include "lib/base/map.h"

#define OBSERVED_KEY_MAX (RECORD_NAME_MAX + 1 + RECORD_KEY_MAX)

struct HostHalf {
        sd_event *event;
        HostHalfSink sink;
        char *host, *os_dir, *uplink;
        char *intents_dir, *incarnations_dir, *ephemeral_dir, *sockets_dir, *blobs_dir;
        char *fetched_os_dir;
        VmPlace place;
        InstanceOwner owner;
        Worker *worker;
        Hypervisor *hypervisor;
        BlobStore *blobs;
        const Content *content; /* borrowed; NULL: what is not here never will be */
        NetdClient *netd;
        RoleLog *log;
        ClusterRecord *cluster; /* NULL until it is known */
        Map records;      /* instance id → InstanceRecord, of all hosts: the topology needs them */
        Map incarnations; /* instance id → uint64_t, the highest seen */
        Map instances;    /* domain name → Instance */
        Map deployments;  /* id → Deployment */
        Map services;     /* name → ServiceRecord */
        Map hosts;        /* name → HostRecord */
        Map alive;        /* names of hosts that hold their lease → nothing */
        Map observed;     /* `HOST INSTANCE` → ObservedRecord, as that host wrote it last */
        Map certificates; /* digest → Record, as long as a certificate needs it to be */
        Map reported;     /* instance id → ObservedRecord as last told, or zero */
        Map rotation;     /* `ENDPOINT INSTANCE` of those in rotation → nothing */
        Map serving;      /* instance → in how many endpoints' rotation it is, if in any */
        SizeCatalogue sizes;
        bool synced;
        uint64_t start_until_ns; /* read by the worker's threads */
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
        /* the collection of blobs */
        WorkerJob collecting;
        bool collecting_runs;
        bool collect_again;         /* a deployment went since it was begun */
        RecordDigest *collect_keep; /* the job's while it runs */
        size_t n_collect_keep;
        /* what reconcile() is to look at */
        sd_event_source *defer;
        bool network_dirty;
        uint64_t settled_ns; /* from then on agents of adopted VMs are not waited for any more */
        bool config_dirty;
        uint64_t network_number; /* of the last declaration */
        sd_event_source *listing_timer;
        sd_event_source *deadline_timer;
        sd_event_source *connections_timer;
};

/** host_observed_key() - The key of what a host said of an instance: more than one may have
 * something to say, one of them of an incarnation that is over */
void host_observed_key(const char *host, const InstanceId *instance,
                       char ret_key[static OBSERVED_KEY_MAX + 1]);

/** host_reconcile_later() - Look at everything once the loop has handled what is pending */
void host_reconcile_later(HostHalf *half);

/** host_network_changed() - The declared network is no longer right */
void host_network_changed(HostHalf *half);

/** host_timer_set() - Arm a timer, once */
void host_timer_set(sd_event_source *timer, uint64_t in_ns);

/* ---- host-domains.c */

/** host_domains_init() - Prepare listing and probing, before the worker has anything to do */
void host_domains_init(HostHalf *half);

/** host_domains_adopt() - Read intents back and remove what has none; 0 or a negative errno */
int host_domains_adopt(HostHalf *half);

/** host_domains_list() - Begin a listing, or another one after that which runs */
void host_domains_list(HostHalf *half);

/** host_domains_changed() - For the hypervisor: its userdata is the HostHalf */
void host_domains_changed(void *userdata);

/** host_domains_timer() - For the listing timer */
int host_domains_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* ---- host-instances.c */

/** host_instances_apply() - Give Instances what the records say, and make those that are missing */
void host_instances_apply(HostHalf *half);

/** host_instances_settled() - Whether each adopted VM's agent has said how it is, or had time to */
bool host_instances_settled(HostHalf *half);

/** host_instances_step() - Step them all, and free those that are gone */
void host_instances_step(HostHalf *half);

/** host_instances_configure() - Tell all agents what to do, where that has changed */
void host_instances_configure(HostHalf *half);

/** host_instances_owner() - What Instances are to call */
InstanceOwner host_instances_owner(HostHalf *half);

/** host_instance_newest() - The newest incarnation of an instance that has something here, or NULL
 */
Instance *host_instance_newest(HostHalf *half, const InstanceId *id);

/* ---- host-network.c */

/** host_network_slot() - The service that has a deployment in a slot, and which; NULL when it is in
 * none */
const ServiceRecord *host_network_slot(HostHalf *half, const char *deployment, Slot *ret_slot);

/** host_network_declare() - Work out the network and declare it to netd */
void host_network_declare(HostHalf *half);

/** host_network_progress() - Let Instances go on that wait for netd, if it has done its part */
void host_network_progress(HostHalf *half);

/** host_network_watch_drains() - Count connections as long as anything is DRAINING */
void host_network_watch_drains(HostHalf *half);

/** host_network_timer() - For the timer that counts connections */
int host_network_timer(sd_event_source *source, uint64_t usec, void *userdata);

/** host_network_sink() - What the netd client is to call */
NetdSink host_network_sink(HostHalf *half);

/* ---- host-report.c */

/** host_report_is_for() - Whether a record is for this host */
bool host_report_is_for(const HostHalf *half, const InstanceRecord *record);

/** host_report_instances() - Tell what changed about Instances */
void host_report_instances(HostHalf *half);

/** host_report_rest() - Tell which instances are stopped for good, and which are gone */
void host_report_rest(HostHalf *half);

/* ---- host-blobs.c */

/** host_blobs_collect() - Remove packages and payloads that no deployment refers to, off the loop
 */
void host_blobs_collect(HostHalf *half);
