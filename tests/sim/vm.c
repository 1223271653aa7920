/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The VMs of the hosts, and which instance runs where at this moment: never one of them twice. */

#include "tests/sim/vm.h"

#include <string.h>

#include "lib/base/str.h"
#include "tests/sim/domains.h"
#include "tests/sim/host.h"
#include "tests/sim/queue.h"
#include "tests/sim/recovery.h"
#include "tests/sim/store.h"
#include "tests/sim/trace.h"

void vm_run(World *world, SimHost *host, Vm *vm)
{
        char id[RECORD_KEY_MAX + 1];
        const Vm *other;

        instance_id_format(&vm->id, id);
        other = map_get(&world->running, id);
        if (other && other != vm)
                trace_violation(world, "%s runs twice: #%llu, and #%llu starts on %s", id,
                                (unsigned long long) other->incarnation,
                                (unsigned long long) vm->incarnation, host->name);
        vm->running = true;
        must(map_put(&world->running, id, vm));
        recovery_back(world, id);
}

void vm_halt(World *world, Vm *vm)
{
        char id[RECORD_KEY_MAX + 1];

        vm->token = ++world->tokens;
        if (!vm->running)
                return;
        vm->running = false;
        instance_id_format(&vm->id, id);
        if (map_get(&world->running, id) == vm)
                map_remove(&world->running, id);
        recovery_idle(world, id);
}

void vms_kill(World *world, SimHost *host)
{
        MAP_FOREACH (entry, &host->vms)
                vm_halt(world, entry->value);
        map_deinit(&host->vms);
}

void vm_report(World *world, unsigned index, const Vm *vm)
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
        record.observed.since_us = vm->since_ns / NSEC_PER_USEC;
        record.observed.in_rotation = vm->status == STATUS_READY_ROLE && !vm->mute;
        memcpy(record.observed.done, vm->done, sizeof(vm->done));
        if (deployment) /* read from etcd at its latest; the agent takes it up at once */
                record.observed.configuration_generation =
                        deployment->deployment.configuration_generation;
        key = record_key_of(&record);
        host_write(world, index, &key, &record);
}

void vm_go(World *world, unsigned index, Vm *vm, VmState state, InstanceStatus status,
           uint64_t after_ns)
{
        if (vm->status != status)
                vm->since_ns = world->now_ns;
        vm->state = state;
        vm->status = status;
        vm->token = ++world->tokens;
        vm_report(world, index, vm);
        if (after_ns == FABRIC_NEVER)
                return;
        queue_push(world, world->now_ns + after_ns,
                   (Event) {.type = EVENT_VM,
                            .host = index,
                            .token = vm->token,
                            .key = {.type = RECORD_INSTANCE, .instance = vm->id}});
}

Vm *vm_new(World *world, SimHost *host, const char *id, const InstanceRecord *wanted)
{
        Vm *vm = calloc(1, sizeof(*vm));

        if (!vm)
                abort();
        vm->id = wanted->id;
        vm->incarnation = wanted->incarnation;
        memcpy(vm->done, wanted->wanted, sizeof(vm->done));
        memcpy(vm->os, wanted->os_version, sizeof(vm->os));
        must(map_put(&host->vms, id, vm));
        return vm;
}

void vm_remove(World *world, unsigned index, const char *id, Vm *vm)
{
        SimHost *host = &world->hosts[index];
        RecordKey key = {.type = RECORD_OBSERVED, .instance = vm->id};

        memcpy(key.name, host->name, sizeof(RecordName));
        vm_halt(world, vm);
        free(map_remove(&host->vms, id));
        host_write(world, index, &key, NULL);
}

/* What was asked for while it was being created it is created with. */
static void vm_renew(Vm *vm, const Record *wanted)
{
        if (!wanted || wanted->instance.incarnation != vm->incarnation)
                return;
        memcpy(vm->done, wanted->instance.wanted, sizeof(vm->done));
        memcpy(vm->os, wanted->instance.os_version, sizeof(vm->os));
}

bool vm_os_is_bad(const char *version)
{
        return str_ends_with(version, "bad");
}

void vm_event(World *world, const Event *event)
{
        SimHost *host = &world->hosts[event->host];
        char id[RECORD_KEY_MAX + 1];
        Vm *vm;

        instance_id_format(&event->key.instance, id);
        vm = map_get(&host->vms, id);
        if (!vm || vm->token != event->token)
                return;
        if (!host->up || host->frozen) { /* hostd does nothing now; it goes on when it thaws */
                queue_push(world, world->now_ns + MS(1000), *event);
                return;
        }
        switch (vm->state) {
        case VM_CREATING:
                if (!host->joined)
                        return;
                if (host->bad) {
                        domains_break(world, id);
                        vm_go(world, event->host, vm, VM_SICK, STATUS_FAILED_STARTING_VM,
                              FABRIC_NEVER);
                        return;
                }
                vm_renew(vm, map_get(&host->view, id));
                vm_run(world, host, vm);
                vm_go(world, event->host, vm, VM_BOOTING, STATUS_STARTING_VM,
                      chance_about(world, world->config.boot_ns));
                break;
        case VM_BOOTING:
                if (vm_os_is_bad(vm->os)) {
                        vm_go(world, event->host, vm, VM_SICK, STATUS_CYCLING_ROLE, FABRIC_NEVER);
                        return;
                }
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
