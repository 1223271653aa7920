/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The host half of hostd: what is placed here is made to run, and what is seen of it is said. */

#include "tests/sim/host.h"

#include <string.h>

#include "lib/base/str.h"
#include "tests/sim/domains.h"
#include "tests/sim/link.h"
#include "tests/sim/queue.h"
#include "tests/sim/store.h"
#include "tests/sim/vm.h"

unsigned host_index(const World *world, const char *name)
{
        uintptr_t found = (uintptr_t) map_get(&world->host_index, name);

        assert(found > 0);
        return (unsigned) found - 1;
}

bool host_connected(const World *world, const SimHost *host)
{
        return host->up && host->linked && !host->frozen && world->quorum;
}

/* Messages of one host to etcd keep their order and are repeated until they arrive. */
void host_write(World *world, unsigned index, const RecordKey *key, const Record *record)
{
        SimHost *host = &world->hosts[index];

        host->write_ns = MAX(host->write_ns, world->now_ns + link_latency(world, index));
        queue_push(world, host->write_ns,
                   (Event) {.type = EVENT_WRITE,
                            .host = index,
                            .token = host->connection,
                            .key = *key,
                            .record = record ? record_dup(record) : NULL});
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
                      chance_about(world, world->config.boot_ns / 10));
        } else if (memcmp(vm->done, wanted->wanted, sizeof(vm->done)) != 0 &&
                   vm->state != VM_CREATING) {
                memcpy(vm->done, wanted->wanted, sizeof(vm->done));
                memcpy(vm->os, wanted->os_version, sizeof(vm->os));
                if (host->bad)
                        domains_break(world, id);
                if (!host->bad && !vm->running)
                        vm_run(world, host, vm);
                vm_go(world, index, vm, host->bad ? VM_SICK : VM_BOOTING,
                      host->bad ? STATUS_FAILED_STARTING_VM : STATUS_STARTING_VM,
                      host->bad ? FABRIC_NEVER : chance_about(world, world->config.boot_ns));
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
                      wanted->power == POWER_STOPPED ? chance_about(world, MS(500))
                                                     : chance_about(world, world->config.stop_ns));
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

/* What it says of its update is under its alive key. */
static void say(World *world, unsigned index, const HostUpdate *update, bool current, bool healthy)
{
        SimHost *host = &world->hosts[index];

        memcpy(host->update, update->operation, sizeof(RecordName));
        host->current = current;
        host->healthy = healthy;
        host_alive_put(world, index);
}

static void boot_id(const World *world, unsigned index, RecordName id)
{
        snprintf(id, sizeof(RecordName), "%.40s-%u", world->hosts[index].name,
                 world->hosts[index].boots);
}

static void host_update(World *world, unsigned index, const HostRecord *record)
{
        SimHost *host = &world->hosts[index];
        const HostUpdate *update = &record->update;
        bool current = host->version == world->newest;
        RecordName boot;

        boot_id(world, index, boot);
        if (!host->joined || !update->boot[0] || str_equal(host->update, update->operation))
                return;
        if (!str_equal(update->boot, boot)) {
                say(world, index, update, false, true);
                return;
        }
        say(world, index, update, current, false);
        if (!current)
                queue_push(world, world->now_ns + chance_about(world, UPDATE_NS),
                           (Event) {.type = EVENT_RESTART, .host = index, .token = host->boots});
}

void host_restart(World *world, unsigned index, uint64_t boot)
{
        SimHost *host = &world->hosts[index];

        if (!host->up || host->boots != boot)
                return;
        if (host->frozen) {
                queue_push(world, world->now_ns + UPDATE_NS,
                           (Event) {.type = EVENT_RESTART, .host = index, .token = boot});
                return;
        }
        if (!host->broken) /* otherwise the boot loader takes the one before, in the end */
                host->version = world->newest;
        world_crash(world, index);
        world_boot(world, index);
}

void host_see(World *world, unsigned index, const RecordKey *key, Record *record)
{
        SimHost *host = &world->hosts[index];
        char id[RECORD_KEY_MAX + 1];

        if (key->type == RECORD_HOST) {
                host_update(world, index, &record->host);
                record_free(record);
                return;
        }
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
void host_read(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];
        RecordKey self = {.type = RECORD_HOST};

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
        MAP_FOREACH (entry, &host->observed) {
                RecordKey key = {.type = RECORD_OBSERVED};

                must(instance_id_parse(entry->key, &key.instance));
                memcpy(key.name, host->name, sizeof(RecordName));
                if (!map_get(&host->view, entry->key))
                        host_write(world, index, &key, NULL);
        }
        /* and what it runs it says again: reports may have been lost with the connection */
        MAP_FOREACH (entry, &host->vms)
                vm_report(world, index, entry->value);
        memcpy(self.name, host->name, sizeof(RecordName));
        if (store_get(world, &self))
                host_update(world, index, &store_get(world, &self)->host);
}

void host_alive_put(World *world, unsigned index)
{
        Record *record = calloc(1, sizeof(Record));
        RecordKey key;

        if (!record)
                abort();
        record_init(record, RECORD_ALIVE);
        memcpy(record->alive.host, world->hosts[index].name, sizeof(RecordName));
        boot_id(world, index, record->alive.boot_id);
        snprintf(record->alive.version, sizeof(RecordName), "%u", world->hosts[index].version);
        memcpy(record->alive.update.operation, world->hosts[index].update, sizeof(RecordName));
        record->alive.update.current = world->hosts[index].current;
        record->alive.update.healthy = world->hosts[index].healthy;
        key = record_key_of(record);
        store_set(world, &key, record);
}
