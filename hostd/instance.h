/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* One instance's VM on this host: the state machine of vm.h with what it needs around it, its jobs,
 * its agent and what is observed of it. An Instance is one incarnation; the next is another
 * Instance, which waits until this one is gone. */

#include "hostd/agent-link.h"
#include "hostd/vm-job.h"
#include "hostd/vm.h"
#include "hostd/worker.h"
#include "lib/api/records.h"

typedef struct Instance Instance;

/* What an Instance shares with the others and asks of its owner; borrowed for its life. */
typedef struct InstanceOwner {
        sd_event *event;
        Worker *worker;
        const VmPlace *place;
        const char *host;
        void *userdata;
        /* something was seen or done: step it again soon */
        void (*changed)(void *userdata, Instance *instance);
        /* the network declared for it is no longer right: plugged, or whether it may serve */
        void (*network_changed)(void *userdata);
        /* its connections have had their time, or end with its VM: they are to be ended */
        void (*cut)(void *userdata, Instance *instance);
        /* the agent wants to know what to do: instance_configure() it */
        void (*wants_config)(void *userdata, Instance *instance);
        /* a message of the agent that is not the Instance's own concern: logs and shells */
        void (*message)(void *userdata, Instance *instance, const AgentMessage *message);
} InstanceOwner;

/* What the agent last said; all zeroes when it has not spoken since the VM started. */
typedef struct InstanceAgent {
        uint64_t heard_ns; /* when it last said anything; 0: never in this VM */
        bool greeted;      /* it has said hello, so it can be told things */
        AgentStatus status;
        bool stopped;
        uint64_t serial; /* of the configuration it has */
        uint64_t restarts;
        char boot_id[64];
        char detail[RECORD_DETAIL_MAX + 1];
        char last_exit[RECORD_DETAIL_MAX + 1];
        char os_version[RECORD_VERSION_MAX + 1];
} InstanceAgent;

struct Instance {
        const InstanceOwner *owner;
        VmNames names;
        InstanceId id;
        uint64_t incarnation;
        InstanceRecord record; /* the last that was for this incarnation; zero when adopted and not
                                  yet known */
        VmWish wish;
        VmFacts facts;
        Vm vm;
        VmJob job;
        WorkerJob work;
        uint64_t stale_before; /* listings with a lower number were begun before the last action
                                  ended */
        bool plugged;          /* it is to be in the declared network */
        bool adopted;          /* an earlier hostd began with it */
        bool declared_ready;   /* the owner's: what the network was last told */
        uint64_t silence_ns;   /* an agent that says nothing for so long is not alive */
        AgentLink *link;       /* while there is a domain */
        InstanceAgent agent;
        bool config_waits;          /* until the guest has taken what was sent before */
        uint64_t config_serial;     /* of the configuration last sent; 0: none */
        uint64_t config_generation; /* the deployment's, of the same */
        uint64_t config_hash;
        uint64_t config_in_force;    /* generation that the agent has taken up */
        char waiting[VM_DETAIL_MAX]; /* for what, before a VM of it is begun; "" for nothing */
        InstanceStatus status;
        uint64_t status_since_us;
};

/**
 * instance_new() - An instance that is to have a VM here
 * @owner:        borrowed
 * @record:       copied; its power is POWER_RUNNING
 * @tag:          of its names, unique on this host
 * @ret_instance: owned
 *
 * Return: 0; -ENOMEM.
 */
int instance_new(const InstanceOwner *owner, const InstanceRecord *record, const char *tag,
                 Instance **ret_instance);

/**
 * instance_adopt() - An instance that an earlier hostd began with
 * @owner:        borrowed
 * @intent:       what it wrote down
 * @domain:       whether libvirt has its domain
 * @ret_instance: owned; wanted as it is until instance_set_record() or instance_unwanted()
 *
 * Return: 0; -ENOMEM.
 */
int instance_adopt(const InstanceOwner *owner, const Intent *intent, DomainState domain,
                   Instance **ret_instance);

/**
 * instance_free() - Free it; what runs goes on running
 * @instance: with no job under way, or NULL
 *
 * Return: NULL.
 */
Instance *instance_free(Instance *instance);
DEFINE_CLEANUP(Instance *, instance_free)

/** instance_set_record() - The record of this incarnation was written; with another power than
 * running it is removed */
void instance_set_record(Instance *instance, const InstanceRecord *record);

/** instance_set_spans() - How long drain and stop may take and an agent be silent, as the cluster
 * has it */
void instance_set_spans(Instance *instance, const ClusterRecord *cluster);

/** instance_unwanted() - No record wants this incarnation here any more */
void instance_unwanted(Instance *instance);

/**
 * instance_domain_seen() - What a listing said about its domain
 * @instance: instance
 * @listing:  number of the listing; older ones than the last action are passed over
 * @state:    state
 */
void instance_domain_seen(Instance *instance, uint64_t listing, DomainState state);

/**
 * instance_step() - Begin whatever is to be done now
 * @instance:     instance
 * @next_listing: number that the next listing to be begun will have
 * @now_ns:       CLOCK_BOOTTIME
 */
void instance_step(Instance *instance, uint64_t next_listing, uint64_t now_ns);

/**
 * instance_network_done() - netd has carried out, or can never carry out, what was declared for it
 * @instance: PLUGGING or UNPLUGGING
 * @ok:       whether it has
 * @message:  why not
 */
void instance_network_done(Instance *instance, bool ok, const char *message);

/** instance_drained() - Tell whether connections through VIPs are left, while it is DRAINING */
void instance_set_drained(Instance *instance, bool drained);

/**
 * instance_configure() - Tell the agent what to do, if it does not do so already
 * @instance:   instance
 * @config:     borrowed; its serial is set here
 * @generation: of the deployment's configuration
 *
 * Return: 0, also when there is nothing to tell or nobody to tell it to; a negative errno of
 * agent_link_send().
 */
int instance_configure(Instance *instance, AgentConfig *config, uint64_t generation);

/** instance_ready() - Whether its endpoints are to be in rotation */
bool instance_ready(const Instance *instance);

/** instance_has_gone() - Whether nothing of it is left */
bool instance_has_gone(const Instance *instance);

/** instance_deadline() - When instance_step() is due at the latest; UINT64_MAX for never */
uint64_t instance_deadline(const Instance *instance);

/**
 * instance_report() - What is to be said about it
 * @instance:     its status' age is kept here
 * @ret_observed: all but in_rotation, which is the network's to say
 */
void instance_report(Instance *instance, ObservedRecord *ret_observed);
