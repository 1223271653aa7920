/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The glue around a VM's state machine. One action at a time is under way; it ends on the loop in
 * job_done() or instance_network_done(). An action that ended makes what was listed before it
 * worthless. */

#include "hostd/instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hostd/host1.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define DRAIN_DEFAULT_NS   (30 * NSEC_PER_SEC)
#define STOP_DEFAULT_NS    (5 * 60 * NSEC_PER_SEC)
#define SILENCE_DEFAULT_NS (30 * NSEC_PER_SEC)

static bool has_domain(const Instance *instance)
{
        VmState state = vm_state(&instance->vm);

        return state == VM_RUNNING || state == VM_DRAINING || state == VM_STOPPING ||
               state == VM_RESETTING;
}

static bool agent_alive(const Instance *instance, uint64_t now_ns)
{
        return instance->agent.heard_ns > 0 &&
               now_ns - instance->agent.heard_ns < instance->silence_ns;
}

/* ---- the agent */

static void say_hello(Instance *instance)
{
        AgentMessage clock = {.type = AGENT_CLOCK, .realtime_us = clock_realtime_us()};
        AgentMessage hello = {.type = AGENT_HELLO,
                              .hello = {.protocol = AGENT_PROTOCOL_VERSION,
                                        .agent_version = (char *) HOST1_VERSION}};
        int r;

        r = agent_link_send(instance->link, &hello);
        if (r == 0)
                r = agent_link_send(instance->link, &clock);
        if (r < 0)
                log_error_errno(r, "%s: cannot greet the agent", instance->names.name);
}

static void on_connected(void *userdata)
{
        say_hello(userdata);
}

static void copy_text(char *to, size_t size, const char *from)
{
        snprintf(to, size, "%s", from ? from : "");
}

/* A hello with another boot id is another boot: what the last one said is void. */
static void on_hello(Instance *instance, const AgentHello *hello)
{
        InstanceAgent *agent = &instance->agent;
        bool same_boot = hello->boot_id && str_equal(agent->boot_id, hello->boot_id);

        if (!same_boot) {
                uint64_t heard_ns = agent->heard_ns;

                *agent = (InstanceAgent) {.heard_ns = heard_ns};
                copy_text(agent->boot_id, sizeof(agent->boot_id), hello->boot_id);
        }
        copy_text(agent->os_version, sizeof(agent->os_version), hello->os_version);
        agent->greeted = true;
        agent->serial = 0;
        if (hello->instance && hello->incarnation == instance->incarnation)
                agent->serial = hello->serial;
        if (agent->serial > instance->config_serial || agent->serial == 0)
                instance->config_hash = 0; /* an earlier hostd's, or none: tell it ours */
        instance->config_serial = MAX(instance->config_serial, agent->serial);
        instance->owner->wants_config(instance->owner->userdata, instance);
}

static void note_in_force(Instance *instance)
{
        if (instance->agent.serial == instance->config_serial)
                instance->config_in_force = instance->config_generation;
}

static void on_heartbeat(Instance *instance, const AgentHeartbeat *heartbeat)
{
        InstanceAgent *agent = &instance->agent;

        agent->status = heartbeat->status;
        agent->restarts = heartbeat->restarts;
        agent->serial = heartbeat->serial;
        copy_text(agent->detail, sizeof(agent->detail), heartbeat->detail);
        note_in_force(instance);
}

static void on_exit_told(Instance *instance, const AgentExit *told)
{
        snprintf(instance->agent.last_exit, sizeof(instance->agent.last_exit),
                 told->signal ? "%s: %s, signal %" PRIu64 " after %" PRIu64 " ms"
                              : "%s: %s, code %" PRIu64 " after %" PRIu64 " ms",
                 told->source ? told->source : "role", told->cause ? told->cause : "ended",
                 told->signal ? told->signal : told->code, told->ran_ms);
}

static void on_message(void *userdata, const AgentMessage *message)
{
        Instance *instance = userdata;

        log_debug("%s: agent says %s", instance->names.name,
                  agent_message_type_to_string(message->type));
        instance->agent.heard_ns = clock_boottime_ns();
        switch (message->type) {
        case AGENT_HELLO:
                on_hello(instance, &message->hello);
                instance->owner->message(instance->owner->userdata, instance, message);
                break;
        case AGENT_HEARTBEAT:
                on_heartbeat(instance, &message->heartbeat);
                break;
        case AGENT_STOPPED:
                instance->agent.stopped = true;
                break;
        case AGENT_CONFIG_ACK:
                if (message->config_ack.outcome == AGENT_CONFIG_REFUSED)
                        copy_text(instance->agent.detail, sizeof(instance->agent.detail),
                                  message->config_ack.detail);
                break;
        case AGENT_EXIT:
                on_exit_told(instance, &message->exit);
                __attribute__((fallthrough));
        default:
                instance->owner->message(instance->owner->userdata, instance, message);
        }
        instance->owner->changed(instance->owner->userdata, instance);
}

/* What a guest has not taken is not added to: it is told what holds when it has. */
static void on_taken(void *userdata)
{
        Instance *instance = userdata;

        if (!instance->config_waits)
                return;
        instance->config_waits = false;
        instance->owner->wants_config(instance->owner->userdata, instance);
}

/* There is a link exactly while there is a domain. */
static void tend_link(Instance *instance)
{
        int r;

        if (has_domain(instance) && !instance->link) {
                instance->agent = (InstanceAgent) {};
                r = agent_link_new(instance->owner->event, instance->names.agent_socket,
                                   &(AgentLinkSink) {instance, on_message, on_connected, on_taken},
                                   &instance->link);
                if (r < 0)
                        log_error_errno(r, "%s: cannot reach for the agent", instance->names.name);
        } else if (!has_domain(instance)) {
                instance->link = agent_link_free(instance->link);
                instance->agent = (InstanceAgent) {};
        }
}

/* The deployment's configuration has changed, but not what it says to this role: nothing is sent,
 * and an agent that has taken up the last one has this one, too. */
static void same_in_generation(Instance *instance, uint64_t generation)
{
        if (instance->config_generation == generation)
                return;
        instance->config_generation = generation;
        note_in_force(instance);
        instance->owner->changed(instance->owner->userdata, instance);
}

int instance_configure(Instance *instance, AgentConfig *config, uint64_t generation)
{
        _cleanup_free_ char *text = NULL;
        AgentMessage message = {.type = AGENT_CONFIG, .config = *config};
        size_t length;
        uint64_t hash;
        int r;

        if (!instance->link || !instance->agent.greeted)
                return 0;
        message.config.serial = 1; /* the same for comparing */
        r = agent_message_encode(&message, AGENT_FROM_HOST, &text, &length);
        if (r < 0)
                return r;
        hash = hash_bytes(text, length, 0);
        if (hash == instance->config_hash) {
                same_in_generation(instance, generation);
                return 0;
        }
        instance->config_waits = agent_link_waiting(instance->link) > 0;
        if (instance->config_waits)
                return 0;
        config->serial = message.config.serial = instance->config_serial + 1;
        r = agent_link_send(instance->link, &message);
        if (r < 0)
                return r;
        log_debug("%s: agent is told configuration %llu", instance->names.name,
                  (unsigned long long) config->serial);
        instance->config_hash = hash;
        instance->config_serial = config->serial;
        instance->config_generation = generation;
        return 0;
}

/* ---- actions */

static void action_ended(Instance *instance, VmAction action, int result)
{
        VmFacts *facts = &instance->facts;

        if (action == VM_DO_START || action == VM_DO_DESTROY || action == VM_DO_RESET) {
                facts->domain_known = result == 0;
                facts->domain = action == VM_DO_DESTROY ? DOMAIN_ABSENT : DOMAIN_RUNNING;
                instance->stale_before = UINT64_MAX; /* until the next step numbers it */
        }
        if (action == VM_DO_RESET || action == VM_DO_START)
                instance->agent = (InstanceAgent) {};
        if (action == VM_DO_RESET) /* what the guest of before has still in the pipe is dropped */
                instance->link = agent_link_free(instance->link);
        if (result < 0)
                log_warning("%s: %s: %s", instance->names.name, vm_action_to_string(action),
                            instance->job.message);
}

static int work_run(WorkerJob *work)
{
        return vm_job_run(&CONTAINER_OF(work, Instance, work)->job);
}

static void work_done(WorkerJob *work, int result)
{
        Instance *instance = CONTAINER_OF(work, Instance, work);

        if (result == -ECANCELED)
                return; /* hostd ends; the next one takes it up from the intent */
        action_ended(instance, instance->job.action, result);
        vm_done(&instance->vm, result == 0, instance->job.message, clock_boottime_ns());
        instance->owner->changed(instance->owner->userdata, instance);
}

static void submit(Instance *instance, VmAction action)
{
        const uint64_t *done = action == VM_DO_PREPARE || action == VM_DO_RESET
                                       ? instance->vm.applying
                                       : instance->vm.applied;

        instance->job = (VmJob) {
                .action = action,
                .place = instance->owner->place,
                .names = &instance->names,
                .instance = instance->record,
                .intent = {.id = instance->id, .incarnation = instance->incarnation},
                .fresh_local = instance->vm.applying[ACTION_REBUILD] !=
                               instance->vm.applied[ACTION_REBUILD],
        };
        memcpy(instance->job.intent.tag, instance->names.tag, sizeof(instance->names.tag));
        memcpy(instance->job.intent.applied, done, sizeof(instance->job.intent.applied));
        instance->work = (WorkerJob) {.run = work_run, .done = work_done};
        worker_submit(instance->owner->worker, &instance->work);
}

static void stop_role(Instance *instance)
{
        AgentMessage stop = {.type = AGENT_STOP};

        stop.deadline_s =
                MIN(instance->wish.stop_ns / NSEC_PER_SEC, (uint64_t) AGENT_STOP_DEADLINE_S_MAX);
        instance->agent.stopped = false;
        if (agent_link_send(instance->link, &stop) < 0)
                instance->agent.heard_ns = 0; /* who cannot be told is not waited for */
}

static void begin(Instance *instance, VmAction action)
{
        log_debug("%s: %s", instance->names.name, vm_action_to_string(action));
        switch (action) {
        case VM_DO_PLUG:
        case VM_DO_UNPLUG:
                instance->plugged = action == VM_DO_PLUG;
                instance->owner->network_changed(instance->owner->userdata);
                break;
        case VM_DO_DRAIN:
                instance->facts.drained = false;
                instance->owner->network_changed(instance->owner->userdata);
                break;
        case VM_DO_STOP_ROLE:
                if (!instance->facts.drained)
                        instance->owner->cut(instance->owner->userdata, instance);
                stop_role(instance);
                break;
        case VM_DO_DESTROY:
                instance->owner->cut(instance->owner->userdata, instance);
                submit(instance, action);
                break;
        default:
                submit(instance, action);
        }
}

void instance_step(Instance *instance, uint64_t next_listing, uint64_t now_ns)
{
        VmAction action;
        bool serves = vm_may_serve(&instance->vm);

        if (instance->stale_before == UINT64_MAX)
                instance->stale_before = next_listing;
        do {
                instance->facts.agent_alive = agent_alive(instance, now_ns);
                instance->facts.role_stopped = instance->agent.stopped;
                action = vm_step(&instance->vm, &instance->wish, &instance->facts, now_ns);
                tend_link(instance);
                if (action != VM_DO_NOTHING)
                        begin(instance, action);
        } while (action != VM_DO_NOTHING);
        if (serves != vm_may_serve(&instance->vm))
                instance->owner->network_changed(instance->owner->userdata);
}

void instance_network_done(Instance *instance, bool ok, const char *message)
{
        vm_done(&instance->vm, ok, message, clock_boottime_ns());
        instance->owner->changed(instance->owner->userdata, instance);
}

/* ---- what is wanted and seen */

void instance_set_record(Instance *instance, const InstanceRecord *record)
{
        instance->record = *record;
        instance->wish.wanted = record->power == POWER_RUNNING;
        instance->wish.at_once = record->power == POWER_STOPPED;
        memcpy(instance->wish.requests, record->wanted, sizeof(record->wanted));
}

void instance_set_spans(Instance *instance, const ClusterRecord *cluster)
{
        instance->wish.drain_ns = cluster->drain_ms * NSEC_PER_MSEC;
        instance->wish.stop_ns = cluster->stop_ms * NSEC_PER_MSEC;
        instance->silence_ns = cluster->agent_silence_ms * NSEC_PER_MSEC;
}

void instance_unwanted(Instance *instance)
{
        instance->wish.wanted = false;
        instance->wish.at_once = true; /* its record is gone: nobody waits for it any more */
}

void instance_domain_seen(Instance *instance, uint64_t listing, DomainState state)
{
        if (vm_busy(&instance->vm) || listing < instance->stale_before)
                return;
        instance->facts.domain = state;
        instance->facts.domain_known = true;
}

void instance_set_drained(Instance *instance, bool drained)
{
        instance->facts.drained = drained;
}

bool instance_ready(const Instance *instance)
{
        return vm_may_serve(&instance->vm) && agent_alive(instance, clock_boottime_ns()) &&
               instance->agent.status == AGENT_READY_ROLE;
}

bool instance_has_gone(const Instance *instance)
{
        return vm_state(&instance->vm) == VM_GONE;
}

uint64_t instance_deadline(const Instance *instance)
{
        uint64_t deadline = vm_deadline(&instance->vm);

        if (instance->agent.heard_ns > 0 &&
            clock_boottime_ns() < instance->agent.heard_ns + instance->silence_ns)
                deadline = MIN(deadline, instance->agent.heard_ns + instance->silence_ns);
        return deadline;
}

/* ---- what is observed */

static InstanceStatus status_of_agent(const Instance *instance)
{
        static const InstanceStatus statuses[AGENT_STATUSES] = {
                [AGENT_STARTING_VM] = STATUS_STARTING_VM,
                [AGENT_CREATING_ROLE] = STATUS_CREATING_ROLE,
                [AGENT_STARTING_ROLE] = STATUS_STARTING_ROLE,
                [AGENT_READY_ROLE] = STATUS_READY_ROLE,
                [AGENT_BUSY_ROLE] = STATUS_BUSY_ROLE,
                [AGENT_STOPPING_ROLE] = STATUS_STOPPING_ROLE,
                [AGENT_STOPPING_VM] = STATUS_STOPPING_VM,
                [AGENT_RESTARTING_ROLE] = STATUS_RESTARTING_ROLE,
                [AGENT_CYCLING_ROLE] = STATUS_CYCLING_ROLE,
                [AGENT_UNRESPONSIVE_ROLE] = STATUS_UNRESPONSIVE_ROLE,
        };

        if (instance->agent.heard_ns == 0)
                return STATUS_STARTING_VM;
        if (!agent_alive(instance, clock_boottime_ns()))
                return STATUS_UNRESPONSIVE_ROLE;
        return statuses[instance->agent.status];
}

static InstanceStatus status_of(const Instance *instance)
{
        switch (vm_state(&instance->vm)) {
        case VM_NEW:
        case VM_PREPARING:
        case VM_PLUGGING:
                return STATUS_CREATING_VM;
        case VM_STARTING:
        case VM_RESETTING:
                return STATUS_STARTING_VM;
        case VM_RUNNING:
                return status_of_agent(instance);
        case VM_DRAINING:
        case VM_STOPPING:
                return STATUS_STOPPING_ROLE;
        case VM_DESTROYING:
                return STATUS_STOPPING_VM;
        case VM_DOWN:
                return instance->vm.failed ? STATUS_FAILED_STARTING_VM : STATUS_CREATING_VM;
        case VM_UNPLUGGING:
        case VM_CLEANING:
                return STATUS_DELETING_VM;
        default:
                return STATUS_STOPPED_VM;
        }
}

void instance_report(Instance *instance, ObservedRecord *ret_observed)
{
        InstanceStatus status = status_of(instance);
        ObservedRecord observed;

        memset(&observed, 0, sizeof(observed)); /* padding as well: records are compared as bytes */
        observed.id = instance->id;
        observed.incarnation = instance->incarnation;
        observed.status = status;
        if (status != instance->status || instance->status_since_us == 0) {
                instance->status = status;
                instance->status_since_us = clock_realtime_us();
        }
        observed.since_us = instance->status_since_us;
        observed.role_starts = (uint32_t) MIN(instance->agent.restarts, (uint64_t) UINT32_MAX);
        observed.configuration_generation = instance->config_in_force;
        copy_text(observed.host, sizeof(observed.host), instance->owner->host);
        copy_text(observed.detail, sizeof(observed.detail),
                  vm_state(&instance->vm) == VM_RUNNING && instance->agent.heard_ns > 0 &&
                                  !instance->facts.lacking
                          ? instance->agent.detail
                  : instance->waiting[0] ? instance->waiting
                                         : instance->vm.detail);
        copy_text(observed.last_exit, sizeof(observed.last_exit), instance->agent.last_exit);
        memcpy(observed.done, instance->vm.applied, sizeof(observed.done));
        *ret_observed = observed;
}

/* ---- life */

static int new_instance(const InstanceOwner *owner, const InstanceId *id, uint64_t incarnation,
                        const char *tag, Instance **ret_instance)
{
        Instance *instance = calloc(1, sizeof(*instance));
        char name[VM_NAME_MAX + 1];
        int r;

        if (!instance)
                return -ENOMEM;
        vm_name_format(id, incarnation, name);
        r = vm_names_init(&instance->names, &owner->place->dirs, name, tag);
        if (r < 0) {
                free(instance);
                return r;
        }
        instance->owner = owner;
        instance->id = *id;
        instance->incarnation = incarnation;
        instance->silence_ns = SILENCE_DEFAULT_NS;
        instance->wish =
                (VmWish) {.wanted = true, .drain_ns = DRAIN_DEFAULT_NS, .stop_ns = STOP_DEFAULT_NS};
        *ret_instance = instance;
        return 0;
}

int instance_new(const InstanceOwner *owner, const InstanceRecord *record, const char *tag,
                 Instance **ret_instance)
{
        Instance *instance;
        int r;

        r = new_instance(owner, &record->id, record->incarnation, tag, &instance);
        if (r < 0)
                return r;
        instance_set_record(instance, record);
        vm_init(&instance->vm, record->wanted, clock_boottime_ns());
        instance->facts = (VmFacts) {.domain = DOMAIN_ABSENT, .domain_known = true};
        *ret_instance = instance;
        return 0;
}

int instance_adopt(const InstanceOwner *owner, const Intent *intent, DomainState domain,
                   Instance **ret_instance)
{
        Instance *instance;
        int r;

        r = new_instance(owner, &intent->id, intent->incarnation, intent->tag, &instance);
        if (r < 0)
                return r;
        vm_adopt(&instance->vm, intent->applied, domain, clock_boottime_ns());
        memcpy(instance->wish.requests, intent->applied, sizeof(instance->wish.requests));
        instance->facts = (VmFacts) {.domain = domain, .domain_known = true};
        instance->plugged = domain != DOMAIN_ABSENT;
        instance->adopted = true;
        tend_link(instance);
        *ret_instance = instance;
        return 0;
}

Instance *instance_free(Instance *instance)
{
        if (!instance)
                return NULL;
        agent_link_free(instance->link);
        vm_names_deinit(&instance->names);
        free(instance);
        return NULL;
}
