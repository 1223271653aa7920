/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What is done to the cluster from outside, but for what operators ask. */

#include "tests/sim/world.h"

#include <string.h>

#include "lib/base/array.h"
#include "tests/sim/controller.h"
#include "tests/sim/domains.h"
#include "tests/sim/host.h"
#include "tests/sim/lease.h"
#include "tests/sim/queue.h"
#include "tests/sim/trace.h"
#include "tests/sim/vm.h"

void world_crash(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host->up)
                return;
        trace_note(world, "%s: power cut", host->name);
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
        trace_note(world, "%s: power on", host->name);
        host->connection = ++world->tokens;
        queue_push(world, world->now_ns + chance_about(world, REBOOT_NS),
                   (Event) {.type = EVENT_BOOTED, .host = index, .token = host->connection});
}

void world_cut(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host->linked)
                return;
        trace_note(world, "%s: cable unplugged", host->name);
        host->linked = false;
        if (host->up && !host->frozen)
                lease_stop(world, index);
}

void world_mend(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (host->linked)
                return;
        trace_note(world, "%s: cable plugged in", host->name);
        host->linked = true;
        lease_resume(world, index);
        if (host_connected(world, host))
                controller_resume(world, index);
}

void world_freeze(World *world, unsigned index, bool whole)
{
        SimHost *host = &world->hosts[index];

        if (!host->up || host->frozen)
                return;
        trace_note(world, "%s: %s frozen", host->name, whole ? "machine" : "hostd");
        if (host->linked)
                lease_stop(world, index);
        host->frozen = true;
        host->whole = whole;
        if (whole) {
                /* the watchdog feeds it only as far as the lease lasts, so the time it resets at
                 * counts from the last renewal, also when the machine was cut off before */
                queue_push(
                        world,
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
        trace_note(world, "%s: thawed", host->name);
        host->frozen = false;
        lease_resume(world, index);
        if (host_connected(world, host))
                controller_resume(world, index);
}

void world_etcd(World *world, bool quorum)
{
        if (world->quorum == quorum)
                return;
        trace_note(world, "etcd    %s", quorum ? "has a quorum again" : "has lost its quorum");
        for (unsigned i = 0; !quorum && i < world->config.n_hosts; i++)
                if (host_connected(world, &world->hosts[i]))
                        lease_stop(world, i);
        world->quorum = quorum;
        for (unsigned i = 0; quorum && i < world->config.n_hosts; i++) {
                SimHost *host = &world->hosts[i];

                /* a new etcd leader gives every lease a full TTL */
                if (host_connected(world, host))
                        lease_resume(world, i);
                else if (host->held)
                        queue_push(world, world->now_ns + LEASE_NS,
                                   (Event) {.type = EVENT_EXPIRE,
                                            .host = i,
                                            .token = host->lease_token});
                if (host_connected(world, host))
                        controller_resume(world, i);
        }
}

void world_status(World *world, const char *instance, InstanceStatus status)
{
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                Vm *vm = map_get(&world->hosts[i].vms, instance);

                if (vm && vm->running && world->hosts[i].joined &&
                    (vm->state == VM_READY || vm->state == VM_SICK || vm->state == VM_BOOTING)) {
                        domains_break(world, instance); /* it would have come back */
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
                trace_note(world, "%s %s its probe", instance,
                           good ? "answers" : "does not answer");
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

void world_release_host_version(World *world)
{
        world->newest++;
}

void world_break_update(World *world, unsigned host)
{
        world->hosts[host].broken = true;
}

void world_bad_host(World *world, unsigned host, bool bad)
{
        if (world->hosts[host].bad != bad)
                trace_note(world, "%s: VMs %s", world->hosts[host].name,
                           bad ? "fail to start" : "start");
        world->hosts[host].bad = bad;
}

void world_lossy(World *world, unsigned host, bool lossy)
{
        if (world->hosts[host].lossy != lossy)
                trace_note(world, "%s: messages %s", world->hosts[host].name,
                           lossy ? "get lost" : "come through");
        world->hosts[host].lossy = lossy;
}

void world_slow(World *world, unsigned host, bool slow)
{
        if (world->hosts[host].slow != slow)
                trace_note(world, "%s: messages are %s", world->hosts[host].name,
                           slow ? "late" : "in time");
        world->hosts[host].slow = slow;
}

void world_clock(World *world, unsigned host, int64_t step_us)
{
        trace_note(world, "%s: its clock is set by %+.1f s", world->hosts[host].name,
                   (double) step_us / 1e6);
        if (!world->config.still)
                world->hosts[host].wall_us += step_us;
}

void world_mend_all(World *world)
{
        world_etcd(world, true);
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                world_mend(world, i);
                world_thaw(world, i);
                world_boot(world, i);
                world_bad_host(world, i, false);
                world->hosts[i].broken = false;
                world_lossy(world, i, false);
                world_slow(world, i, false);
        }
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                MAP_FOREACH (entry, &world->hosts[i].vms) {
                        Vm *vm = entry->value;

                        if (vm->state == VM_SICK && vm->status != STATUS_UNRESPONSIVE_ROLE &&
                            vm->status != STATUS_FAILED_STARTING_VM && !vm_os_is_bad(vm->os))
                                vm_go(world, i, vm, VM_READY, STATUS_READY_ROLE, FABRIC_NEVER);
                }
}
