/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The world: a queue of events in virtual time.
 *
 * Renewals of leases are not events (there would be millions): while a host can reach etcd its
 * lease is in order; the moment it cannot, the time of its last renewal is drawn, and its fences
 * and the lease's end are set from that. */

#include "tests/sim/world.h"

#include <stdarg.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/hash.h"
#include "lib/base/str.h"

#define DIGEST    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MS(n)     ((uint64_t) (n) * NSEC_PER_MSEC)
#define LEASE_NS  MS(10000)
#define DELAY_NS  MS(2000)
#define RENEW_NS  MS(2500)
#define SOFT_NS   MS(6000) /* the watchdog process kills the VMs so long after the last renewal */
#define KILL_NS   MS(2000) /* and that takes at most so long */
#define HARD_NS   MS(9000) /* the hardware watchdog */
#define ELECT_NS  MS(500)
#define REJOIN_NS MS(1000)
#define REBOOT_NS MS(40000)

typedef enum EventType {
        EVENT_WATCH,  /* a host learns of an instance record */
        EVENT_TELL,   /* a leader learns of a record */
        EVENT_WRITE,  /* etcd gets a host's observed record */
        EVENT_COMMIT, /* etcd gets a leader's transaction */
        EVENT_ANSWER, /* a leader gets etcd's answer */
        EVENT_TICK,   /* a leader's wake-up */
        EVENT_VM,     /* a VM goes on to its next state */
        EVENT_FENCE,
        EVENT_KILLED, /* the fence has killed everything */
        EVENT_RESET,
        EVENT_EXPIRE,
        EVENT_REJOIN,
        EVENT_BOOTED,
        EVENT_ELECT,
} EventType;

typedef struct Event {
        uint64_t time_ns, serial;
        EventType type;
        unsigned host;
        uint64_t token; /* what it belongs to has moved on when this differs */
        Record *record; /* owned */
        RecordKey key;
        bool deleted;
        bool ok;
} Event;

typedef enum VmState {
        VM_CREATING,
        VM_BOOTING,
        VM_READY,
        VM_SICK, /* a status that a fault gave it */
        VM_STOPPING,
        VM_STOPPED, /* the host has given its word */
} VmState;

typedef struct Vm {
        InstanceId id;
        uint64_t incarnation;
        VmState state;
        InstanceStatus status;
        uint64_t done[ACTIONS];
        uint64_t token;
        bool running;
        bool mute; /* does not answer its probe */
} Vm;

typedef struct SimHost {
        RecordName name;
        bool up, linked, frozen, bad;
        bool whole;           /* frozen with its watchdog: only the hardware's is left */
        bool joined;          /* alive written, instances read, not fenced */
        bool held;            /* etcd has its alive key */
        uint64_t lease_token; /* grows when renewing stops or begins again */
        uint64_t connection;  /* grows when the watch is broken */
        uint64_t watch_ns;    /* the last message on its watch comes then */
        uint64_t write_ns;    /* and on its way to etcd */
        uint64_t lost_ns;     /* it stopped working then */
        uint64_t renewed_ns;  /* its last renewal, once it cannot renew any more */
        Map view;             /* instance id -> Record *: instances it believes to be placed here */
        Map vms;              /* instance id -> Vm * */
        Map placed;           /* instance id -> NULL: what etcd says */
} SimHost;

/* One that is the leader, or believes to be. */
typedef struct Controller {
        Fabric *fabric;
        unsigned host;
        uint64_t election;
        uint64_t token;
        uint64_t watch_ns;
        const FabricPlan *plan; /* being written */
        size_t n_written;
        bool busy, stalled;
        Event *pending; /* what it has learnt while it was writing */
        size_t n_pending;
        Event *held; /* what its watch brings when it is connected again */
        size_t n_held;
        uint64_t wake_ns;
} Controller;

typedef struct Ask {
        FabricRequest request;
        char operation[16], service[64], host[64], configuration[16];
        DeploymentRecord *deployment;
        FabricCount counts[2];
} Ask;

struct World {
        WorldConfig config;
        uint64_t now_ns, serial, random, tokens;
        Event *events; /* heap */
        size_t n_events;
        Map store; /* key text -> Record * */
        uint64_t revision;
        uint64_t election; /* revision of the leader's key; 0 when there is none */
        unsigned leader;   /* its host */
        bool quorum;
        SimHost *hosts;
        Map host_index; /* name -> 1 + index */
        Controller **controllers;
        size_t n_controllers;
        Map running; /* instance id -> Vm * that runs */
        Ask **asks;
        size_t n_asks;
        unsigned n_operations;
        WorldStatistics statistics;
        char violation[256];
};

const char *mutation_to_string(Mutation mutation)
{
        static const char *const names[MUTATIONS] = {
                "nothing",    "late-fence", "no-election",   "no-absent",
                "early-word", "no-delay",   "late-watchdog",
        };

        return names[mutation];
}

/* ---- time, chance, log */

static uint64_t chance(World *world, uint64_t limit)
{
        return limit == 0 || world->config.exact ? 0 : random_below(&world->random, limit);
}

/* About @span: exactly, or between a half and three halves. */
static uint64_t about(World *world, uint64_t span)
{
        return world->config.exact ? span : span / 2 + chance(world, span + 1);
}

static uint64_t latency(World *world)
{
        return world->config.exact ? world->config.latency_ns
                                   : 1 + chance(world, world->config.latency_ns);
}

static void _printf_(2, 3) note(World *world, const char *format, ...)
{
        va_list args;

        if (!world->config.log)
                return;
        fprintf(world->config.log, "%10.3f  ", (double) world->now_ns / 1e9);
        va_start(args, format);
        vfprintf(world->config.log, format, args);
        va_end(args);
        fputc('\n', world->config.log);
}

static void _printf_(2, 3) violate(World *world, const char *format, ...)
{
        va_list args;

        if (world->violation[0])
                return;
        va_start(args, format);
        vsnprintf(world->violation, sizeof(world->violation), format, args);
        va_end(args);
        note(world, "VIOLATION: %s", world->violation);
}

static bool before(const Event *a, const Event *b)
{
        return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->serial < b->serial;
}

static void push(World *world, uint64_t time_ns, Event event)
{
        size_t i = world->n_events;

        event.time_ns = MAX(time_ns, world->now_ns);
        event.serial = world->serial++;
        if (ARRAY_APPEND(world->events, world->n_events, event) < 0)
                abort();
        for (; i > 0 && before(&event, &world->events[(i - 1) / 2]); i = (i - 1) / 2)
                world->events[i] = world->events[(i - 1) / 2];
        world->events[i] = event;
}

static Event pop(World *world)
{
        Event first = world->events[0], last = world->events[--world->n_events];
        size_t i = 0;

        for (size_t child = 1; child < world->n_events; child = 2 * i + 1) {
                if (child + 1 < world->n_events &&
                    before(&world->events[child + 1], &world->events[child]))
                        child++;
                if (!before(&world->events[child], &last))
                        break;
                world->events[i] = world->events[child];
                i = child;
        }
        world->events[i] = last;
        return first;
}

static Record *record_dup(const Record *record)
{
        Record *copy = malloc(record_size(record->type));

        if (!copy || record_copy(record, copy) < 0)
                abort();
        return copy;
}

static void record_free(Record *record)
{
        if (record)
                record_deinit(record);
        free(record);
}

static void record_free_value(void *record)
{
        record_free(record);
}

static void must(int r)
{
        if (r < 0)
                abort();
}

static unsigned host_by_name(const World *world, const char *name)
{
        uintptr_t found = (uintptr_t) map_get(&world->host_index, name);

        assert(found > 0);
        return (unsigned) found - 1;
}

/* ---- what runs */

static void vm_run(World *world, SimHost *host, Vm *vm)
{
        char id[RECORD_KEY_MAX + 1];
        const Vm *other;

        instance_id_format(&vm->id, id);
        other = map_get(&world->running, id);
        if (other && other != vm)
                violate(world, "%s runs twice: #%llu, and #%llu starts on %s", id,
                        (unsigned long long) other->incarnation,
                        (unsigned long long) vm->incarnation, host->name);
        vm->running = true;
        must(map_put(&world->running, id, vm));
}

static void vm_halt(World *world, Vm *vm)
{
        char id[RECORD_KEY_MAX + 1];

        vm->token = ++world->tokens;
        if (!vm->running)
                return;
        vm->running = false;
        instance_id_format(&vm->id, id);
        if (map_get(&world->running, id) == vm)
                map_remove(&world->running, id);
}

static void vms_kill(World *world, SimHost *host)
{
        MAP_FOREACH (entry, &host->vms)
                vm_halt(world, entry->value);
        map_deinit(&host->vms);
}

/* ---- etcd */

static void leaders_tell(World *world, const RecordKey *key, const Record *record)
{
        for (size_t i = 0; i < world->n_controllers; i++) {
                Controller *c = world->controllers[i];

                c->watch_ns = MAX(c->watch_ns, world->now_ns + latency(world));
                push(world, c->watch_ns,
                     (Event) {.type = EVENT_TELL,
                              .token = c->token,
                              .key = *key,
                              .deleted = !record,
                              .record = record ? record_dup(record) : NULL});
        }
}

static void host_tell(World *world, const char *name, const RecordKey *key, const Record *record)
{
        unsigned index = host_by_name(world, name);
        SimHost *host = &world->hosts[index];

        host->watch_ns = MAX(host->watch_ns, world->now_ns + latency(world));
        push(world, host->watch_ns,
             (Event) {.type = EVENT_WATCH,
                      .host = index,
                      .token = host->connection,
                      .key = *key,
                      .deleted = !record,
                      .record = record ? record_dup(record) : NULL});
}

static void check_incarnation(World *world, const InstanceRecord *old, const InstanceRecord *new)
{
        char id[RECORD_KEY_MAX + 1];

        if (new->incarnation < old->incarnation ||
            (new->incarnation == old->incarnation && !str_equal(new->host, old->host)))
                violate(world, "%s goes from #%llu on %s to #%llu on %s",
                        instance_id_format(&new->id, id), (unsigned long long) old->incarnation,
                        old->host, (unsigned long long) new->incarnation, new->host);
}

static void note_change(World *world, const Record *old, const Record *record);

static bool is_stopped_by_drain(const World *world, const InstanceRecord *instance)
{
        RecordKey key = {.type = RECORD_HOST};
        const Record *host;

        memcpy(key.name, instance->host, sizeof(RecordName));
        host = map_get(&world->store, record_key_format(&key, (char[RECORD_KEY_MAX + 1]){}));
        return instance->power == POWER_STOPPING && host && host->host.draining;
}

/* A drain stops instances of one upgrade domain of a role at a time. */
static void check_domains(World *world, const InstanceRecord *stopped)
{
        RecordKey key = {.type = RECORD_DEPLOYMENT}, other = {.type = RECORD_INSTANCE};
        char text[RECORD_KEY_MAX + 1], id[RECORD_KEY_MAX + 1];
        const DeploymentRole *role;
        const Record *record;

        memcpy(key.name, stopped->id.deployment, sizeof(RecordId));
        record = map_get(&world->store, record_key_format(&key, text));
        role = record ? deployment_role(&record->deployment, stopped->id.role) : NULL;
        other.instance = stopped->id;
        for (uint32_t i = 0; role && stopped->id.number < role->count && i < role->count; i++) {
                const Record *found;

                other.instance.number = i;
                found = map_get(&world->store, record_key_format(&other, text));
                if (found && is_stopped_by_drain(world, &found->instance) &&
                    found->instance.upgrade_domain != stopped->upgrade_domain)
                        violate(world, "%s is stopped while %s of another upgrade domain is",
                                instance_id_format(&stopped->id, id), text);
        }
}

static void store_instance(World *world, const RecordKey *key, const Record *old,
                           const Record *record)
{
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(&key->instance, id);
        if (old && record)
                check_incarnation(world, &old->instance, &record->instance);
        if (old && record && old->instance.power == POWER_RUNNING &&
            is_stopped_by_drain(world, &record->instance))
                check_domains(world, &record->instance);
        if (old)
                map_remove(&world->hosts[host_by_name(world, old->instance.host)].placed, id);
        if (record)
                must(map_put(&world->hosts[host_by_name(world, record->instance.host)].placed, id,
                             NULL));
        if (old && (!record || !str_equal(old->instance.host, record->instance.host)))
                host_tell(world, old->instance.host, key, record);
        if (record) {
                host_tell(world, record->instance.host, key, record);
                if (!old || old->instance.incarnation != record->instance.incarnation)
                        world->statistics.placements++;
        }
        if (old && record && !str_equal(old->instance.host, record->instance.host)) {
                const SimHost *lost = &world->hosts[host_by_name(world, old->instance.host)];

                if (!lost->held && lost->lost_ns > 0)
                        world->statistics.failover_ns =
                                MAX(world->statistics.failover_ns, world->now_ns - lost->lost_ns);
        }
}

static Record *store_get(const World *world, const RecordKey *key)
{
        char text[RECORD_KEY_MAX + 1];

        return map_get(&world->store, record_key_format(key, text));
}

/* A new configuration reaches the hosts of all the deployment's instances. */
static void store_configuration(World *world, const DeploymentRecord *deployment)
{
        for (size_t r = 0; r < deployment->n_roles; r++)
                for (uint32_t i = 0; i < deployment->roles[r].count; i++) {
                        RecordKey key = {.type = RECORD_INSTANCE, .instance.number = i};
                        const Record *record;

                        memcpy(key.instance.deployment, deployment->id, sizeof(RecordId));
                        memcpy(key.instance.role, deployment->roles[r].name, sizeof(RecordName));
                        record = store_get(world, &key);
                        if (record)
                                host_tell(world, record->instance.host, &key, record);
                }
}

/* The store takes the record over; NULL deletes. */
static void store_set(World *world, const RecordKey *key, Record *record)
{
        char text[RECORD_KEY_MAX + 1];
        Record *old;

        record_key_format(key, text);
        old = map_get(&world->store, text);
        if (!old && !record)
                return;
        world->revision++;
        note_change(world, old, record);
        if (key->type == RECORD_INSTANCE)
                store_instance(world, key, old, record);
        if (key->type == RECORD_ALIVE || key->type == RECORD_OBSERVED)
                leaders_tell(world, key, record);
        if (record)
                must(map_put(&world->store, text, record));
        else
                map_remove(&world->store, text);
        if (old && record && record->type == RECORD_DEPLOYMENT &&
            record->deployment.configuration_generation > old->deployment.configuration_generation)
                store_configuration(world, &record->deployment);
        record_free(old);
}

/* ---- the log of decisions */

static void note_instance(World *world, const Record *old, const Record *new)
{
        const InstanceRecord *o = old ? &old->instance : NULL, *n = new ? &new->instance : NULL;
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(n ? &n->id : &o->id, id);
        if (!n)
                note(world, "remove  %s #%llu", id, (unsigned long long) o->incarnation);
        else if (!o || o->incarnation != n->incarnation)
                note(world, "place   %s #%llu on %s (%s, upgrade domain %u)", id,
                     (unsigned long long) n->incarnation, n->host, n->fault_domain,
                     n->upgrade_domain);
        else if (o->power != n->power)
                note(world, "stop    %s #%llu on %s%s", id, (unsigned long long) n->incarnation,
                     n->host, n->power == POWER_STOPPED ? " at once" : "");
        for (unsigned a = 0; o && n && a < ACTIONS; a++)
                if (n->wanted[a] > o->wanted[a])
                        note(world, "%-7s %s #%llu on %s", instance_action_to_string(a), id,
                             (unsigned long long) n->incarnation, n->host);
        if (o && n && o->rung != HEAL_NONE && n->rung == HEAL_NONE)
                note(world, "stable  %s", id);
}

static void note_operation(World *world, const Record *old, const Record *new)
{
        const OperationRecord *o = new ? &new->operation : NULL;

        if (!o || (old && old->operation.state == o->state &&
                   (world->config.brief || old->operation.done == o->done)))
                return;
        note(world, "%s %s: %s, %u of %u%s%s", o->id, operation_kind_to_string(o->kind),
             operation_state_to_string(o->state), o->done, o->total, o->message[0] ? ": " : "",
             o->message);
}

static void note_owner(World *world, const ServiceRecord *service, unsigned slot)
{
        char vip[IP_TEXT_MAX];

        if (service->slots[slot].owner[0])
                note(world, "vip     %s is on %s", ip_format(&service->slots[slot].vip, vip),
                     service->slots[slot].owner);
}

static bool same_slots(const ServiceRecord *a, const ServiceRecord *b)
{
        for (unsigned slot = 0; slot < SLOTS; slot++)
                if (!str_equal(a->slots[slot].deployment, b->slots[slot].deployment) ||
                    ip_compare(&a->slots[slot].vip, &b->slots[slot].vip) != 0)
                        return false;
        return true;
}

static void note_service(World *world, const Record *old, const Record *new)
{
        const ServiceRecord *s = new ? &new->service : NULL;
        char production[IP_TEXT_MAX], staging[IP_TEXT_MAX];

        if (!s) {
                note(world, "service %s is removed", old->service.name);
                return;
        }
        for (unsigned slot = 0; slot < SLOTS; slot++)
                if (!old || !str_equal(old->service.slots[slot].owner, s->slots[slot].owner))
                        note_owner(world, s, slot);
        if (old && same_slots(&old->service, s))
                return;
        note(world, "service %s: production %s %s, staging %s %s", s->name,
             s->slots[0].deployment[0] ? s->slots[0].deployment : "-",
             ip_format(&s->slots[0].vip, production),
             s->slots[1].deployment[0] ? s->slots[1].deployment : "-",
             ip_format(&s->slots[1].vip, staging));
}

static void note_change(World *world, const Record *old, const Record *record)
{
        const Record *any = record ? record : old;

        if (!world->config.log)
                return;
        switch (any->type) {
        case RECORD_INSTANCE:
                note_instance(world, old, record);
                break;
        case RECORD_OPERATION:
                note_operation(world, old, record);
                break;
        case RECORD_SERVICE:
                note_service(world, old, record);
                break;
        case RECORD_CLUSTER:
                if (old && record && old->cluster.braked != record->cluster.braked)
                        note(world, "the brake is %s", record->cluster.braked ? "on" : "off");
                break;
        case RECORD_HOST:
                if (!record)
                        note(world, "host %s is removed", old->host.name);
                if (old && record &&
                    (old->host.cordoned != record->host.cordoned ||
                     old->host.draining != record->host.draining))
                        note(world, "host %s is %s", record->host.name,
                             record->host.draining   ? "draining"
                             : record->host.cordoned ? "cordoned"
                                                     : "uncordoned");
                break;
        case RECORD_ALIVE:
                if (!old != !record)
                        note(world, "lease   of %s %s", any->alive.host,
                             record ? "granted" : "expired");
                break;
        case RECORD_OBSERVED:
                if (record && world->config.brief &&
                    (record->observed.status == STATUS_CREATING_VM ||
                     record->observed.status == STATUS_STARTING_VM))
                        break;
                if (record && (!old || old->observed.status != record->observed.status ||
                               old->observed.incarnation != record->observed.incarnation)) {
                        char id[RECORD_KEY_MAX + 1];

                        note(world, "        %s #%llu on %s is %s",
                             instance_id_format(&record->observed.id, id),
                             (unsigned long long) record->observed.incarnation,
                             record->observed.host,
                             instance_status_to_string(record->observed.status));
                }
                break;
        case RECORD_PACKAGE:
                if (!record)
                        note(world, "package %.12s is dropped", old->package.digest);
                break;
        default:
                break;
        }
}

/* ---- the host half */

static bool connected(const World *world, const SimHost *host)
{
        return host->up && host->linked && !host->frozen && world->quorum;
}

/* Messages of one host to etcd keep their order and are repeated until they arrive. */
static void host_write(World *world, unsigned index, const RecordKey *key, const Record *record)
{
        SimHost *host = &world->hosts[index];

        host->write_ns = MAX(host->write_ns, world->now_ns + latency(world));
        push(world, host->write_ns,
             (Event) {.type = EVENT_WRITE,
                      .host = index,
                      .token = host->connection,
                      .key = *key,
                      .record = record ? record_dup(record) : NULL});
}

static void vm_report(World *world, unsigned index, const Vm *vm)
{
        Record record;
        RecordKey key = {.type = RECORD_DEPLOYMENT};
        const Record *deployment;

        memcpy(key.name, vm->id.deployment, sizeof(RecordId));
        deployment = store_get(world, &key);
        record_init(&record, RECORD_OBSERVED);
        memcpy(record.observed.host, world->hosts[index].name, sizeof(RecordName));
        record.observed.id = vm->id;
        record.observed.incarnation = vm->incarnation;
        record.observed.status = vm->status;
        record.observed.in_rotation = vm->status == STATUS_READY_ROLE && !vm->mute;
        memcpy(record.observed.done, vm->done, sizeof(vm->done));
        if (deployment) /* read from etcd at its latest; the agent takes it up at once */
                record.observed.configuration_generation =
                        deployment->deployment.configuration_generation;
        key = record_key_of(&record);
        host_write(world, index, &key, &record);
}

static void vm_go(World *world, unsigned index, Vm *vm, VmState state, InstanceStatus status,
                  uint64_t after_ns)
{
        vm->state = state;
        vm->status = status;
        vm->token = ++world->tokens;
        vm_report(world, index, vm);
        if (after_ns == FABRIC_NEVER)
                return;
        push(world, world->now_ns + after_ns,
             (Event) {.type = EVENT_VM,
                      .host = index,
                      .token = vm->token,
                      .key = {.type = RECORD_INSTANCE, .instance = vm->id}});
}

static Vm *vm_new(World *world, SimHost *host, const char *id, const InstanceRecord *wanted)
{
        Vm *vm = calloc(1, sizeof(*vm));

        if (!vm)
                abort();
        vm->id = wanted->id;
        vm->incarnation = wanted->incarnation;
        memcpy(vm->done, wanted->wanted, sizeof(vm->done));
        must(map_put(&host->vms, id, vm));
        return vm;
}

static void vm_remove(World *world, unsigned index, const char *id, Vm *vm)
{
        SimHost *host = &world->hosts[index];
        RecordKey key = {.type = RECORD_OBSERVED, .instance = vm->id};

        memcpy(key.name, host->name, sizeof(RecordName));
        vm_halt(world, vm);
        free(map_remove(&host->vms, id));
        host_write(world, index, &key, NULL);
}

static void reconcile_running(World *world, unsigned index, const char *id,
                              const InstanceRecord *wanted)
{
        SimHost *host = &world->hosts[index];
        Vm *vm = map_get(&host->vms, id);

        if (vm && vm->incarnation > wanted->incarnation)
                return;
        if (vm && vm->incarnation < wanted->incarnation) {
                vm_halt(world, vm);
                free(map_remove(&host->vms, id));
                vm = NULL;
        }
        if (vm && vm->state != VM_CREATING && vm->state != VM_STOPPED)
                vm_report(world, index, vm); /* the configuration may be another */
        if (!vm) {
                vm = vm_new(world, host, id, wanted);
                vm_go(world, index, vm, VM_CREATING, STATUS_CREATING_VM,
                      about(world, world->config.boot_ns / 10));
        } else if (memcmp(vm->done, wanted->wanted, sizeof(vm->done)) != 0 &&
                   vm->state != VM_CREATING) {
                memcpy(vm->done, wanted->wanted, sizeof(vm->done));
                if (!host->bad && !vm->running)
                        vm_run(world, host, vm);
                vm_go(world, index, vm, host->bad ? VM_SICK : VM_BOOTING,
                      host->bad ? STATUS_FAILED_STARTING_VM : STATUS_STARTING_VM,
                      host->bad ? FABRIC_NEVER : about(world, world->config.boot_ns));
        }
}

static void reconcile_stopping(World *world, unsigned index, const char *id,
                               const InstanceRecord *wanted)
{
        SimHost *host = &world->hosts[index];
        Vm *vm = map_get(&host->vms, id);

        if (vm && vm->incarnation > wanted->incarnation)
                return;
        if (vm && vm->incarnation == wanted->incarnation &&
            (vm->state == VM_STOPPING || vm->state == VM_STOPPED))
                return;
        if (!vm)
                vm = vm_new(world, host, id, wanted);
        vm->incarnation = wanted->incarnation;
        if (!vm->running)
                vm_go(world, index, vm, VM_STOPPED, STATUS_STOPPED_VM, FABRIC_NEVER);
        else
                vm_go(world, index, vm, VM_STOPPING,
                      world->config.mutation == MUTATE_EARLY_WORD ? STATUS_STOPPED_VM
                                                                  : STATUS_STOPPING_ROLE,
                      wanted->power == POWER_STOPPED ? about(world, MS(500))
                                                     : about(world, world->config.stop_ns));
}

static void host_reconcile(World *world, unsigned index, const char *id)
{
        SimHost *host = &world->hosts[index];
        const Record *wanted = map_get(&host->view, id);
        Vm *vm = map_get(&host->vms, id);

        if (!host->joined)
                return;
        if (!wanted) {
                if (vm && vm->state != VM_STOPPING) /* which goes on to its end */
                        vm_remove(world, index, id, vm);
        } else if (wanted->instance.power == POWER_RUNNING) {
                reconcile_running(world, index, id, &wanted->instance);
        } else {
                reconcile_stopping(world, index, id, &wanted->instance);
        }
}

static void host_see(World *world, unsigned index, const RecordKey *key, Record *record)
{
        SimHost *host = &world->hosts[index];
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(&key->instance, id);
        if (record && !str_equal(record->instance.host, host->name)) {
                record_free(record);
                record = NULL;
        }
        record_free(map_remove(&host->view, id));
        if (record)
                must(map_put(&host->view, id, record));
        host_reconcile(world, index, id);
}

/* Reads all instances placed here, after alive was written. */
static void host_read(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        host->view.value_free = record_free_value;
        map_deinit(&host->view);
        host->view.value_free = NULL;
        MAP_FOREACH (entry, &host->placed) {
                RecordKey key = {.type = RECORD_INSTANCE};

                must(instance_id_parse(entry->key, &key.instance));
                must(map_put(&host->view, entry->key, record_dup(store_get(world, &key))));
        }
        for (size_t i = 0; i < host->vms.n_entries;) {
                const MapEntry *entry = &host->vms.entries[i++];
                _cleanup_free_ char *id = entry->key ? strdup(entry->key) : NULL;

                if (id && !map_get(&host->view, id))
                        host_reconcile(world, index, id);
        }
        MAP_FOREACH (entry, &host->view)
                host_reconcile(world, index, entry->key);
        /* what is observed of instances that are no longer here is the host's to delete */
        for (size_t i = 0; i < world->store.n_entries; i++) {
                const Record *record =
                        world->store.entries[i].key ? world->store.entries[i].value : NULL;
                char id[RECORD_KEY_MAX + 1];
                RecordKey key;

                if (!record || record->type != RECORD_OBSERVED ||
                    !str_equal(record->observed.host, host->name))
                        continue;
                instance_id_format(&record->observed.id, id);
                key = record_key_of(record);
                if (!map_get(&host->view, id))
                        host_write(world, index, &key, NULL);
        }
        /* and what it runs it says again: reports may have been lost with the connection */
        MAP_FOREACH (entry, &host->vms)
                vm_report(world, index, entry->value);
}

static void host_alive_put(World *world, unsigned index)
{
        Record *record = calloc(1, sizeof(Record));
        RecordKey key;

        if (!record)
                abort();
        record_init(record, RECORD_ALIVE);
        memcpy(record->alive.host, world->hosts[index].name, sizeof(RecordName));
        key = record_key_of(record);
        store_set(world, &key, record);
}

static Controller *leader_of(const World *world)
{
        for (size_t i = 0; world->election > 0 && i < world->n_controllers; i++)
                if (world->controllers[i]->election == world->election)
                        return world->controllers[i];
        return NULL;
}

/* ---- leases */

/* The host cannot renew any more. */
static void lease_stop(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];
        uint64_t since = chance(world, RENEW_NS);
        uint64_t renewed_ns = world->now_ns > since ? world->now_ns - since : 0;
        uint64_t fence_ns = SOFT_NS;
        Event event = {.host = index};

        host->lost_ns = world->now_ns;
        host->renewed_ns = renewed_ns;
        event.token = host->lease_token = ++world->tokens;
        host->connection = ++world->tokens;
        if (!host->held)
                return;
        if (world->config.mutation == MUTATE_LATE_FENCE)
                fence_ns = LEASE_NS + DELAY_NS + MS(500);
        event.type = EVENT_FENCE;
        if (host->up)
                push(world, renewed_ns + fence_ns, event);
        event.type = EVENT_EXPIRE;
        push(world,
             renewed_ns + latency(world) +
                     (world->config.mutation == MUTATE_NO_DELAY ? RENEW_NS : LEASE_NS),
             event);
}

/* The host can reach etcd again. */
static void lease_resume(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!connected(world, host))
                return;
        host->connection = ++world->tokens;
        host->lease_token = ++world->tokens;
        push(world, world->now_ns + about(world, REJOIN_NS),
             (Event) {.type = EVENT_REJOIN, .host = index, .token = host->connection});
}

static void rejoin(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        host->held = true;
        host->joined = true;
        host->lost_ns = 0;
        host_alive_put(world, index);
        host_read(world, index);
        if (world->election > 0 && world->leader == index && !leader_of(world))
                world->election = 0; /* the lease of an earlier life */
        if (world->election == 0)
                push(world, world->now_ns + about(world, ELECT_NS), (Event) {.type = EVENT_ELECT});
}

static void expire(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];
        RecordKey key = {.type = RECORD_ALIVE};

        if (!world->quorum) /* nobody can commit it; see world_etcd() */
                return;
        host->held = false;
        memcpy(key.name, host->name, sizeof(RecordName));
        store_set(world, &key, NULL);
        if (world->election > 0 && world->leader == index) {
                world->election = 0;
                push(world, world->now_ns + about(world, ELECT_NS), (Event) {.type = EVENT_ELECT});
        }
}

/* ---- leaders */

static void controller_free(Controller *controller)
{
        for (size_t i = 0; i < controller->n_pending; i++)
                record_free(controller->pending[i].record);
        for (size_t i = 0; i < controller->n_held; i++)
                record_free(controller->held[i].record);
        free(controller->pending);
        free(controller->held);
        fabric_free(controller->fabric);
        free(controller);
}

static void controller_drop(World *world, Controller *controller)
{
        for (size_t i = 0; i < world->n_controllers; i++)
                if (world->controllers[i] == controller) {
                        ARRAY_REMOVE(world->controllers, world->n_controllers, i);
                        break;
                }
        controller_free(controller);
}

static Controller *controller_of(const World *world, uint64_t token)
{
        for (size_t i = 0; i < world->n_controllers; i++)
                if (world->controllers[i]->token == token)
                        return world->controllers[i];
        return NULL;
}

static void controller_send(World *world, Controller *c)
{
        c->busy = true;
        c->stalled = !connected(world, &world->hosts[c->host]);
        if (!c->stalled)
                push(world, world->now_ns + latency(world),
                     (Event) {.type = EVENT_COMMIT, .token = c->token});
}

static void controller_wake(World *world, Controller *c, uint64_t wake_ns)
{
        if (wake_ns == c->wake_ns)
                return;
        c->wake_ns = wake_ns;
        if (wake_ns < FABRIC_NEVER)
                push(world, wake_ns, (Event) {.type = EVENT_TICK, .token = c->token});
}

static int controller_step(World *world, Controller *c, FabricEvent event)
{
        const FabricPlan *plan;
        int r;

        event.time_ns = world->now_ns;
        event.realtime_us = world->now_ns / 1000;
        r = fabric_step(c->fabric, &event, &plan);
        if (r < 0)
                abort();
        world->statistics.steps++;
        controller_wake(world, c, plan->wake_ns);
        if (plan->unsettled)
                violate(world, "the checks of the core contradict each other");
        if (plan->wake_ns <= world->now_ns)
                violate(world, "a plan's wake-up is not in the future");
        c->plan = plan;
        c->n_written = 0;
        if (plan->n_transactions > 0)
                controller_send(world, c);
        return r;
}

static bool guards_hold(World *world, const Controller *c, const FabricTransaction *t)
{
        if (c->election != world->election && world->config.mutation != MUTATE_NO_ELECTION)
                return false;
        for (size_t i = 0; i < t->n_absent; i++)
                if (store_get(world, &t->absent[i]) && world->config.mutation != MUTATE_NO_ABSENT)
                        return false;
        return true;
}

static void commit(World *world, Controller *c)
{
        const FabricTransaction *t = &c->plan->transactions[c->n_written];
        bool ok;

        if (!connected(world, &world->hosts[c->host])) {
                c->stalled = true; /* lost on the way: it will be sent again */
                return;
        }
        ok = guards_hold(world, c, t);
        for (size_t i = 0; ok && i < t->n_writes; i++)
                store_set(world, &t->writes[i].key,
                          t->writes[i].record ? record_dup(t->writes[i].record) : NULL);
        world->statistics.transactions += ok;
        world->statistics.refused += !ok;
        if (ok && world->statistics.transactions == world->config.kill_at) {
                note(world, "leader  on %s dies", world->hosts[c->host].name);
                controller_drop(world, c);
                world->election = 0;
                push(world, world->now_ns + about(world, ELECT_NS), (Event) {.type = EVENT_ELECT});
                return;
        }
        push(world, world->now_ns + latency(world),
             (Event) {.type = EVENT_ANSWER, .token = c->token, .ok = ok});
}

static void ask_free(Ask *ask)
{
        free(ask->deployment);
        free(ask);
}

/* Gives an idle controller what it has learnt meanwhile, and what operators ask. */
static void controller_feed(World *world, Controller *c)
{
        const SimHost *host = &world->hosts[c->host];

        while (!c->busy && host->up && !host->frozen && c->n_pending > 0) {
                Event event = c->pending[0];

                ARRAY_REMOVE(c->pending, c->n_pending, 0);
                if (event.type == EVENT_TICK)
                        controller_step(world, c, (FabricEvent) {.type = FABRIC_TICK});
                else
                        controller_step(world, c,
                                        (FabricEvent) {.type = event.deleted ? FABRIC_RECORD_DELETED
                                                                             : FABRIC_RECORD_PUT,
                                                       .record = event.record,
                                                       .key = event.key});
                record_free(event.record);
        }
        while (!c->busy && host->up && !host->frozen && world->n_asks > 0 &&
               c->election == world->election) {
                Ask *ask = world->asks[0];
                const char *message;

                ARRAY_REMOVE(world->asks, world->n_asks, 0);
                if (controller_step(world, c,
                                    (FabricEvent) {.type = FABRIC_REQUEST,
                                                   .request = &ask->request}) == FABRIC_REFUSED) {
                        FabricRefusal refusal = fabric_refusal(c->fabric, &message);

                        note(world, "%s refused: %s: %s", ask->operation,
                             fabric_refusal_to_string(refusal), message);
                }
                ask_free(ask);
        }
}

static void controller_learn(World *world, Controller *c, Event event)
{
        if (ARRAY_APPEND(c->pending, c->n_pending, event) < 0)
                abort();
        controller_feed(world, c);
}

static void answered(World *world, Controller *c, bool ok)
{
        if (!ok) {
                unsigned host = c->host;
                bool was_leader = c->election == world->election;

                note(world, "leader  on %s: its transaction was refused, it drops its state",
                     world->hosts[c->host].name);
                controller_drop(world, c);
                if (was_leader) {
                        world->election = 0;
                        world->leader = host;
                        push(world, world->now_ns + latency(world), (Event) {.type = EVENT_ELECT});
                }
                return;
        }
        if (++c->n_written < c->plan->n_transactions) {
                controller_send(world, c);
                return;
        }
        c->busy = false;
        controller_feed(world, c);
}

static void load(World *world, Controller *c)
{
        MAP_FOREACH (entry, &world->store) {
                FabricEvent event = {.type = FABRIC_RECORD_PUT,
                                     .time_ns = world->now_ns,
                                     .record = entry->value};
                const FabricPlan *plan;

                must(fabric_step(c->fabric, &event, &plan));
        }
        controller_step(world, c, (FabricEvent) {.type = FABRIC_SYNCED});
}

static void elect(World *world)
{
        unsigned n = 0, pick;
        Controller *c;

        if (world->election > 0 || !world->quorum)
                return;
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                n += world->hosts[i].joined && connected(world, &world->hosts[i]);
        if (n == 0)
                return; /* whoever joins campaigns */
        pick = (unsigned) chance(world, n);
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                if (world->hosts[i].joined && connected(world, &world->hosts[i]) && pick-- == 0) {
                        world->leader = i;
                        break;
                }
        c = calloc(1, sizeof(*c));
        if (!c || fabric_new(&c->fabric) < 0 ||
            ARRAY_APPEND(world->controllers, world->n_controllers, c) < 0)
                abort();
        world->election = ++world->revision;
        world->statistics.elections++;
        c->host = world->leader;
        c->election = world->election;
        c->token = ++world->tokens;
        note(world, "leader  is %s", world->hosts[c->host].name);
        load(world, c);
        controller_feed(world, c);
}

/* ---- faults */

static void controllers_resume(World *world, unsigned host)
{
        for (size_t i = world->n_controllers; i-- > 0;) {
                Controller *c = world->controllers[i];

                if (c->host != host)
                        continue;
                for (size_t e = 0; e < c->n_held; e++)
                        must(ARRAY_APPEND(c->pending, c->n_pending, c->held[e]));
                c->n_held = 0;
                if (c->stalled)
                        controller_send(world, c);
                else
                        controller_feed(world, c);
        }
}

void world_crash(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host->up)
                return;
        note(world, "%s: power cut", host->name);
        host->up = false;
        host->joined = false;
        host->frozen = false;
        vms_kill(world, host);
        lease_stop(world, index);
        for (size_t i = world->n_controllers; i-- > 0;)
                if (world->controllers[i]->host == index)
                        controller_drop(world, world->controllers[i]);
}

void world_boot(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (host->up)
                return;
        note(world, "%s: power on", host->name);
        host->connection = ++world->tokens;
        push(world, world->now_ns + about(world, REBOOT_NS),
             (Event) {.type = EVENT_BOOTED, .host = index, .token = host->connection});
}

static void booted(World *world, unsigned index)
{
        world->hosts[index].up = true;
        lease_resume(world, index);
}

void world_cut(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host->linked)
                return;
        note(world, "%s: cable unplugged", host->name);
        host->linked = false;
        if (host->up && !host->frozen)
                lease_stop(world, index);
}

void world_mend(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (host->linked)
                return;
        note(world, "%s: cable plugged in", host->name);
        host->linked = true;
        lease_resume(world, index);
        if (connected(world, host))
                controllers_resume(world, index);
}

void world_freeze(World *world, unsigned index, bool whole)
{
        SimHost *host = &world->hosts[index];

        if (!host->up || host->frozen)
                return;
        note(world, "%s: %s frozen", host->name, whole ? "machine" : "hostd");
        if (host->linked)
                lease_stop(world, index);
        host->frozen = true;
        host->whole = whole;
        if (whole) {
                /* the watchdog feeds it only as far as the lease lasts, so the time it resets at
                 * counts from the last renewal, also when the machine was cut off before */
                push(world,
                     (world->config.mutation == MUTATE_LATE_WATCHDOG ? world->now_ns
                                                                     : host->renewed_ns) +
                             HARD_NS,
                     (Event) {.type = EVENT_RESET, .host = index, .token = host->lease_token});
        }
}

void world_thaw(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host->up || !host->frozen)
                return;
        note(world, "%s: thawed", host->name);
        host->frozen = false;
        lease_resume(world, index);
        if (connected(world, host))
                controllers_resume(world, index);
}

void world_etcd(World *world, bool quorum)
{
        if (world->quorum == quorum)
                return;
        note(world, "etcd    %s", quorum ? "has a quorum again" : "has lost its quorum");
        for (unsigned i = 0; !quorum && i < world->config.n_hosts; i++)
                if (connected(world, &world->hosts[i]))
                        lease_stop(world, i);
        world->quorum = quorum;
        for (unsigned i = 0; quorum && i < world->config.n_hosts; i++) {
                SimHost *host = &world->hosts[i];

                /* a new etcd leader gives every lease a full TTL */
                if (connected(world, host))
                        lease_resume(world, i);
                else if (host->held)
                        push(world, world->now_ns + LEASE_NS,
                             (Event) {.type = EVENT_EXPIRE, .host = i, .token = host->lease_token});
                if (connected(world, host))
                        controllers_resume(world, i);
        }
}

void world_status(World *world, const char *instance, InstanceStatus status)
{
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                Vm *vm = map_get(&world->hosts[i].vms, instance);

                if (vm && vm->running && world->hosts[i].joined &&
                    (vm->state == VM_READY || vm->state == VM_SICK || vm->state == VM_BOOTING)) {
                        vm_go(world, i, vm, VM_SICK, status, FABRIC_NEVER);
                        return;
                }
        }
}

void world_probe(World *world, const char *instance, bool good)
{
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                Vm *vm = map_get(&world->hosts[i].vms, instance);

                if (!vm || !vm->running || !world->hosts[i].joined)
                        continue;
                note(world, "%s %s its probe", instance, good ? "answers" : "does not answer");
                vm->mute = !good;
                vm_report(world, i, vm);
        }
}

void world_status_nth(World *world, uint64_t n, InstanceStatus status)
{
        size_t index = map_size(&world->running) == 0 ? 0 : n % map_size(&world->running);

        MAP_FOREACH (entry, &world->running)
                if (index-- == 0) {
                        _cleanup_free_ char *id = strdup(entry->key);

                        world_status(world, id, status);
                        return;
                }
}

void world_bad_host(World *world, unsigned host, bool bad)
{
        if (world->hosts[host].bad != bad)
                note(world, "%s: VMs %s", world->hosts[host].name, bad ? "fail to start" : "start");
        world->hosts[host].bad = bad;
}

void world_mend_all(World *world)
{
        world_etcd(world, true);
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                world_mend(world, i);
                world_thaw(world, i);
                world_boot(world, i);
                world_bad_host(world, i, false);
        }
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                MAP_FOREACH (entry, &world->hosts[i].vms) {
                        Vm *vm = entry->value;

                        if (vm->state == VM_SICK && vm->status != STATUS_UNRESPONSIVE_ROLE &&
                            vm->status != STATUS_FAILED_STARTING_VM)
                                vm_go(world, i, vm, VM_READY, STATUS_READY_ROLE, FABRIC_NEVER);
                }
}

/* ---- events */

static void vm_event(World *world, const Event *event)
{
        SimHost *host = &world->hosts[event->host];
        char id[RECORD_KEY_MAX + 1];
        Vm *vm;

        instance_id_format(&event->key.instance, id);
        vm = map_get(&host->vms, id);
        if (!vm || vm->token != event->token)
                return;
        if (!host->up || host->frozen) { /* hostd does nothing now; it goes on when it thaws */
                push(world, world->now_ns + MS(1000), *event);
                return;
        }
        switch (vm->state) {
        case VM_CREATING:
                if (!host->joined)
                        return;
                if (host->bad) {
                        vm_go(world, event->host, vm, VM_SICK, STATUS_FAILED_STARTING_VM,
                              FABRIC_NEVER);
                        return;
                }
                vm_run(world, host, vm);
                vm_go(world, event->host, vm, VM_BOOTING, STATUS_STARTING_VM,
                      about(world, world->config.boot_ns));
                break;
        case VM_BOOTING:
                vm_go(world, event->host, vm, VM_READY, STATUS_READY_ROLE, FABRIC_NEVER);
                break;
        case VM_STOPPING:
                vm_halt(world, vm);
                if (map_get(&host->view, id))
                        vm_go(world, event->host, vm, VM_STOPPED, STATUS_STOPPED_VM, FABRIC_NEVER);
                else
                        vm_remove(world, event->host, id, vm);
                break;
        default:
                break;
        }
}

/* The watchdog fences: no VM is started from now on, and those that run are dead a little later. */
static void fence(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host->up || (host->frozen && host->whole))
                return;
        note(world, "%s: fences itself", host->name);
        host->joined = false;
        push(world, world->now_ns + about(world, KILL_NS / 2),
             (Event) {.type = EVENT_KILLED, .host = index, .token = 0});
}

/* A watch resumes from where it broke off, so nothing is lost and the order is kept. */
static void tell(World *world, Controller *c, Event *event)
{
        Event learnt = {.type = EVENT_TELL,
                        .key = event->key,
                        .deleted = event->deleted,
                        .record = TAKE_PTR(event->record)};

        if (connected(world, &world->hosts[c->host]))
                controller_learn(world, c, learnt);
        else
                must(ARRAY_APPEND(c->held, c->n_held, learnt));
}

static void take(World *world, Event *event)
{
        SimHost *host = &world->hosts[event->host];
        Controller *c = event->type == EVENT_TELL || event->type == EVENT_COMMIT ||
                                        event->type == EVENT_ANSWER || event->type == EVENT_TICK
                                ? controller_of(world, event->token)
                                : NULL;

        switch (event->type) {
        case EVENT_WATCH:
                if (event->token == host->connection && connected(world, host))
                        host_see(world, event->host, &event->key, TAKE_PTR(event->record));
                break;
        case EVENT_WRITE:
                if (event->token == host->connection && connected(world, host))
                        store_set(world, &event->key, TAKE_PTR(event->record));
                break;
        case EVENT_TELL:
                if (c)
                        tell(world, c, event);
                break;
        case EVENT_TICK:
                if (c && c->wake_ns <= world->now_ns) {
                        c->wake_ns = 0;
                        controller_learn(world, c, (Event) {.type = EVENT_TICK});
                }
                break;
        case EVENT_COMMIT:
                if (c)
                        commit(world, c);
                break;
        case EVENT_ANSWER:
                if (c) /* an answer that is lost leaves the outcome unknown: begin again */
                        answered(world, c, event->ok && connected(world, &world->hosts[c->host]));
                break;
        case EVENT_VM:
                vm_event(world, event);
                break;
        case EVENT_FENCE:
                if (event->token == host->lease_token)
                        fence(world, event->host);
                break;
        case EVENT_KILLED:
                vms_kill(world, host);
                if (host->joined) /* it has come back meanwhile */
                        host_read(world, event->host);
                break;
        case EVENT_RESET:
                if (event->token == host->lease_token) {
                        world_crash(world, event->host);
                        world_boot(world, event->host);
                }
                break;
        case EVENT_EXPIRE:
                if (event->token == host->lease_token)
                        expire(world, event->host);
                break;
        case EVENT_REJOIN:
                if (event->token == host->connection && connected(world, host))
                        rejoin(world, event->host);
                break;
        case EVENT_BOOTED:
                if (event->token == host->connection)
                        booted(world, event->host);
                break;
        case EVENT_ELECT:
                elect(world);
                break;
        }
}

void world_run(World *world, uint64_t until_ns)
{
        while (!world->violation[0] && world->n_events > 0 &&
               world->events[0].time_ns <= until_ns) {
                Event event = pop(world);

                world->now_ns = event.time_ns;
                take(world, &event);
                record_free(event.record);
        }
        world->now_ns = MAX(world->now_ns, until_ns);
}

/* ---- making and asking */

static void seed_records(World *world)
{
        Record record;
        RecordKey key;

        record_init(&record, RECORD_CLUSTER);
        must(ip_parse("198.18.0.10", &record.cluster.vip_pools[0].first));
        must(ip_parse("198.18.255.250", &record.cluster.vip_pools[0].last));
        record.cluster.n_vip_pools = 1;
        key = record_key_of(&record);
        store_set(world, &key, record_dup(&record));
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                record_init(&record, RECORD_HOST);
                memcpy(record.host.name, world->hosts[i].name, sizeof(RecordName));
                snprintf(record.host.fault_domain, sizeof(RecordName), "rack%u",
                         i % world->config.n_domains);
                record.host.vcpus = world->config.vcpus;
                record.host.memory_bytes = world->config.memory_bytes;
                record.host.disk_bytes = 1024 * GIB;
                key = record_key_of(&record);
                store_set(world, &key, record_dup(&record));
        }
        record_init(&record, RECORD_PACKAGE);
        snprintf(record.package.digest, sizeof(RecordDigest), "%s", DIGEST);
        key = record_key_of(&record);
        store_set(world, &key, record_dup(&record));
        record_init(&record, RECORD_OS);
        snprintf(record.os.family, sizeof(RecordVersion), "debian-13");
        snprintf(record.os.version, sizeof(RecordVersion), "1");
        key = record_key_of(&record);
        store_set(world, &key, record_dup(&record));
}

World *world_new(const WorldConfig *config)
{
        World *world = calloc(1, sizeof(*world));

        if (!world)
                abort();
        world->config = *config;
        world->config.log = NULL; /* how it begins is known */
        world->random = hash_mix(config->seed + 1);
        world->quorum = true;
        world->hosts = calloc(config->n_hosts, sizeof(*world->hosts));
        if (!world->hosts)
                abort();
        for (unsigned i = 0; i < config->n_hosts; i++) {
                SimHost *host = &world->hosts[i];

                snprintf(host->name, sizeof(RecordName), "h%u", i);
                host->up = host->linked = true;
                host->vms.value_free = free;
                must(map_put(&world->host_index, host->name, (void *) (uintptr_t) (i + 1)));
        }
        seed_records(world);
        for (unsigned i = 0; i < config->n_hosts; i++) {
                world->hosts[i].held = world->hosts[i].joined = true;
                host_alive_put(world, i);
        }
        world->config.log = config->log;
        push(world, 0, (Event) {.type = EVENT_ELECT});
        world_run(world, 0);
        return world;
}

void world_free(World *world)
{
        if (!world)
                return;
        for (size_t i = 0; i < world->n_events; i++)
                record_free(world->events[i].record);
        for (size_t i = 0; i < world->n_controllers; i++)
                controller_free(world->controllers[i]);
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                world->hosts[i].view.value_free = record_free_value;
                map_deinit(&world->hosts[i].view);
                map_deinit(&world->hosts[i].vms);
                map_deinit(&world->hosts[i].placed);
        }
        for (size_t i = 0; i < world->n_asks; i++)
                ask_free(world->asks[i]);
        world->store.value_free = record_free_value;
        map_deinit(&world->store);
        map_deinit(&world->host_index);
        map_deinit(&world->running);
        free(world->asks);
        free(world->controllers);
        free(world->events);
        free(world->hosts);
        free(world);
}

uint64_t world_now_ns(const World *world)
{
        return world->now_ns;
}

const char *world_violation(const World *world)
{
        return world->violation[0] ? world->violation : NULL;
}

Fabric *world_fabric(const World *world)
{
        Controller *c = leader_of(world);

        return c ? c->fabric : NULL;
}

WorldStatistics world_statistics(const World *world)
{
        return world->statistics;
}

void world_request(World *world, const FabricRequest *request)
{
        Ask *ask = calloc(1, sizeof(*ask));
        Controller *leader;

        if (!ask)
                abort();
        ask->request = *request;
        snprintf(ask->operation, sizeof(ask->operation), "op%u", ++world->n_operations);
        ask->request.operation = ask->operation;
        if (request->service) {
                snprintf(ask->service, sizeof(ask->service), "%s", request->service);
                ask->request.service = ask->service;
        }
        if (request->host) {
                snprintf(ask->host, sizeof(ask->host), "%s", request->host);
                ask->request.host = ask->host;
        }
        if (request->configuration) {
                snprintf(ask->configuration, sizeof(ask->configuration), "%s",
                         request->configuration);
                ask->request.configuration = ask->configuration;
        }
        if (request->deployment) {
                ask->deployment = malloc(sizeof(*ask->deployment));
                if (!ask->deployment)
                        abort();
                *ask->deployment = *request->deployment;
                ask->request.deployment = ask->deployment;
        }
        assert(request->n_counts <= ARRAY_SIZE(ask->counts));
        for (size_t i = 0; i < request->n_counts; i++)
                ask->counts[i] = request->counts[i]; /* role names are literals */
        ask->request.counts = ask->counts;
        must(ARRAY_APPEND(world->asks, world->n_asks, ask));
        leader = leader_of(world);
        if (leader)
                controller_feed(world, leader);
}

void world_deployment(const char *id, uint32_t webs, uint32_t workers, uint16_t port,
                      DeploymentRecord *ret)
{
        *ret = (DeploymentRecord) {.n_roles = 2, .n_endpoints = 1};
        snprintf(ret->id, sizeof(RecordId), "%s", id);
        snprintf(ret->package, sizeof(RecordDigest), "%s", DIGEST);
        snprintf(ret->os_family, sizeof(RecordVersion), "debian-13");
        snprintf(ret->os_version, sizeof(RecordVersion), "*");
        ret->roles[0] = (DeploymentRole) {.name = "web",
                                          .kind = RECORD_ROLE_WEB,
                                          .count = webs,
                                          .vcpus = 1,
                                          .memory_bytes = GIB,
                                          .disk_bytes = GIB,
                                          .upgrade_domains = 5};
        ret->roles[1] = (DeploymentRole) {.name = "worker",
                                          .kind = RECORD_ROLE_WORKER,
                                          .count = workers,
                                          .vcpus = 2,
                                          .memory_bytes = 2 * GIB,
                                          .disk_bytes = GIB,
                                          .upgrade_domains = 5};
        ret->endpoints[0] = (DeploymentEndpoint) {
                .name = "http", .role = "web", .protocol = "http", .port = port, .port_last = port};
}

/* ---- the end */

static void check_instance(World *world, const InstanceRecord *instance)
{
        const SimHost *host = &world->hosts[host_by_name(world, instance->host)];
        char id[RECORD_KEY_MAX + 1];
        const Vm *vm;

        vm = map_get(&host->vms, instance_id_format(&instance->id, id));
        if (instance->power != POWER_RUNNING)
                violate(world, "%s is still stopping", id);
        else if (!vm || vm->incarnation != instance->incarnation || !vm->running ||
                 vm->state != VM_READY)
                violate(world, "%s #%llu is not Ready on %s in the end", id,
                        (unsigned long long) instance->incarnation, instance->host);
}

static void check_counts(World *world, const DeploymentRecord *deployment)
{
        for (size_t r = 0; r < deployment->n_roles; r++)
                for (uint32_t i = 0; i < RECORD_COUNT_MAX; i++) {
                        RecordKey key = {.type = RECORD_INSTANCE, .instance.number = i};
                        bool wanted = i < deployment->roles[r].count;

                        memcpy(key.instance.deployment, deployment->id, sizeof(RecordId));
                        memcpy(key.instance.role, deployment->roles[r].name, sizeof(RecordName));
                        if (!store_get(world, &key) != !wanted)
                                violate(world, "%s/%s_IN_%u %s in the end", deployment->id,
                                        deployment->roles[r].name, i,
                                        wanted ? "is missing" : "is too much");
                        if (!wanted && i > deployment->roles[r].count + 64)
                                break;
                }
}

static void check_owners(World *world, const ServiceRecord *service)
{
        for (unsigned slot = 0; slot < SLOTS; slot++) {
                const char *owner = service->slots[slot].owner;
                RecordKey key = {.type = RECORD_ALIVE};

                if (service->slots[slot].vip.family == 0)
                        continue;
                snprintf(key.name, sizeof(key.name), "%s", owner);
                if (!owner[0] || !store_get(world, &key))
                        violate(world, "the %s VIP of %s is on '%s', which is not alive",
                                slot_to_string(slot), service->name, owner);
        }
}

static void check_capacity(World *world)
{
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                uint64_t memory = 0;

                MAP_FOREACH (entry, &world->hosts[i].placed) {
                        RecordKey key = {.type = RECORD_INSTANCE};

                        must(instance_id_parse(entry->key, &key.instance));
                        memory += store_get(world, &key)->instance.memory_bytes;
                }
                if (memory > world->config.memory_bytes)
                        violate(world, "%s has more memory given out than there is",
                                world->hosts[i].name);
        }
}

static void check_addresses(World *world)
{
        Map seen = {};

        MAP_FOREACH (entry, &world->store) {
                const Record *record = entry->value;
                char text[IP_TEXT_MAX];

                if (record->type == RECORD_INSTANCE) {
                        ip_format(&record->instance.address, text);
                        if (map_contains(&seen, text))
                                violate(world, "address %s is given out twice", text);
                        must(map_put(&seen, text, NULL));
                }
        }
        map_deinit(&seen);
}

void world_check_quiet(World *world)
{
        if (world->violation[0])
                return;
        MAP_FOREACH (entry, &world->store) {
                const Record *record = entry->value;

                if (record->type == RECORD_INSTANCE)
                        check_instance(world, &record->instance);
                else if (record->type == RECORD_SERVICE)
                        check_owners(world, &record->service);
                else if (record->type == RECORD_DEPLOYMENT && record->deployment.deleting)
                        violate(world, "%s is not deleted in the end", record->deployment.id);
                else if (record->type == RECORD_DEPLOYMENT)
                        check_counts(world, &record->deployment);
                else if (record->type == RECORD_OPERATION &&
                         record->operation.state == OPERATION_RUNNING)
                        violate(world, "%s (%s) still runs in the end: %s", record->operation.id,
                                operation_kind_to_string(record->operation.kind),
                                record->operation.message);
                else if (record->type == RECORD_OBSERVED) {
                        RecordKey key = {.type = RECORD_INSTANCE, .instance = record->observed.id};
                        const Record *i = store_get(world, &key);

                        if (!i || !str_equal(i->instance.host, record->observed.host))
                                violate(world, "%s is left behind", entry->key);
                }
        }
        MAP_FOREACH (entry, &world->running) {
                RecordKey key = {.type = RECORD_INSTANCE};

                must(instance_id_parse(entry->key, &key.instance));
                if (!store_get(world, &key))
                        violate(world, "%s runs and is not wanted", entry->key);
        }
        check_capacity(world);
        check_addresses(world);
}
