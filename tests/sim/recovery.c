/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What is lost is back within the bound. It is looked at once a second: whatever excuses an
 * instance at that moment has its time begin again. */

#include "tests/sim/recovery.h"

#include <string.h>

#include "tests/sim/controller.h"
#include "tests/sim/host.h"
#include "tests/sim/link.h"
#include "tests/sim/queue.h"
#include "tests/sim/room.h"
#include "tests/sim/store.h"
#include "tests/sim/trace.h"

#define PATROL_NS MS(1000)
/* the leader's watch, up to two plans of its own that are under way, the host's watch: each
 * transaction is a message there and one back */
#define MESSAGES 12

typedef enum Excuse {
        EXCUSE_NONE,
        EXCUSE_LEASE,
        EXCUSE_OTHER,
} Excuse;

static uint64_t bound_ns(const World *world)
{
        return DELAY_NS + MESSAGES * link_latency_max(world) + world->config.boot_ns / 5 +
               2 * PATROL_NS;
}

void recovery_idle(World *world, const char *id)
{
        Idle *idle = map_get(&world->idle, id);
        RecordKey key = {.type = RECORD_INSTANCE};

        const Record *record;

        must(instance_id_parse(id, &key.instance));
        record = store_get(world, &key);
        if (idle || !record)
                return;
        idle = calloc(1, sizeof(*idle));
        if (!idle)
                abort();
        *idle = (Idle) {.lost_ns = world->now_ns,
                        .since_ns = world->now_ns,
                        .incarnation = record->instance.incarnation,
                        .placed = record->instance.incarnation,
                        .plain = true};
        must(map_put(&world->idle, id, idle));
        if (!world->patrols)
                queue_push(world, world->now_ns + PATROL_NS, (Event) {.type = EVENT_PATROL});
        world->patrols = true;
}

void recovery_forget(World *world, const char *id)
{
        free(map_remove(&world->idle, id));
}

void recovery_back(World *world, const char *id)
{
        const Idle *idle = map_get(&world->idle, id);
        uint64_t took_ns = idle ? world->now_ns - idle->lost_ns : 0;

        if (idle && idle->plain) {
                world->statistics.recovery_ns = MAX(world->statistics.recovery_ns, took_ns);
                if (took_ns > LEASE_NS + bound_ns(world))
                        trace_violation(world, "%s was back only after %.1f s", id,
                                        (double) took_ns / 1e9);
        }
        recovery_forget(world, id);
}

static bool is_wanted(const World *world, const InstanceRecord *instance)
{
        const DeploymentRole *role = store_role(world, &instance->id);

        return role && instance->id.number < role->count;
}

static Excuse excuse(const World *world, const Controller *leader, const char *id, const Idle *idle,
                     const InstanceRecord *instance)
{
        const SimHost *host = &world->hosts[host_index(world, instance->host)];
        const Vm *vm = map_get(&host->vms, id);

        if (!is_wanted(world, instance) || fabric_braked(leader->fabric))
                return EXCUSE_OTHER;
        /* a second loss begins anew: of the host that it was to move to, or of the one that was
         * back */
        if (host->held && !(host_connected(world, host) && host->joined))
                return host->lost_ns <= idle->lost_ns && instance->incarnation == idle->incarnation
                               ? EXCUSE_LEASE
                               : EXCUSE_OTHER;
        if (!host->held)
                return EXCUSE_NONE;
        if (host->bad || host->lossy || (vm && vm->state == VM_SICK))
                return EXCUSE_OTHER;
        if (instance->power != POWER_RUNNING && vm && vm->state != VM_STOPPED)
                return EXCUSE_OTHER;
        return EXCUSE_NONE;
}

static bool has_room(const World *world, const Controller *leader, const InstanceRecord *instance)
{
        PlaceSize size = room_of(instance);

        for (unsigned i = 0; i < world->config.n_hosts; i++)
                if (room_on(world, leader, i, &size))
                        return true;
        return false;
}

static void begin_again(Idle *idle, uint64_t since_ns)
{
        idle->since_ns = since_ns;
        idle->room_ns = 0;
}

/* It is late: because there is no room for it, or has been none until just now? */
static void check_late(World *world, const Controller *leader, const char *id, Idle *idle,
                       const InstanceRecord *instance)
{
        const SimHost *host = &world->hosts[host_index(world, instance->host)];
        bool stays = host->held && instance->power == POWER_RUNNING;

        if (!stays && !has_room(world, leader, instance)) {
                begin_again(idle, world->now_ns);
                idle->plain = false;
                return;
        }
        if (idle->room_ns == 0)
                idle->room_ns = world->now_ns;
        if (stays || world->now_ns - idle->room_ns > bound_ns(world))
                trace_violation(world, "%s does not run, since %.1f s with nothing in the way", id,
                                (double) (world->now_ns - idle->since_ns) / 1e9);
}

static void look_at(World *world, const Controller *leader, const char *id, Idle *idle)
{
        RecordKey key = {.type = RECORD_INSTANCE};
        const Record *record;
        Excuse found;
        bool held;

        must(instance_id_parse(id, &key.instance));
        record = store_get(world, &key);
        held = world->hosts[host_index(world, record->instance.host)].held;
        if ((held && !idle->held) || record->instance.incarnation != idle->placed)
                begin_again(idle, world->now_ns); /* its host is back, or another one has it */
        idle->held = held;
        idle->placed = record->instance.incarnation;
        if (idle->plain && !held && !has_room(world, leader, &record->instance))
                idle->plain = false;
        found = excuse(world, leader, id, idle, &record->instance);
        if (found != EXCUSE_NONE) {
                idle->plain &= found == EXCUSE_LEASE;
                begin_again(idle, world->now_ns);
        } else if (world->now_ns - idle->since_ns > bound_ns(world)) {
                check_late(world, leader, id, idle, &record->instance);
        }
}

void recovery_patrol(World *world)
{
        const Controller *leader = controller_leading(world);
        bool writes = leader && !leader->stalled &&
                      host_connected(world, &world->hosts[leader->host]) &&
                      !world->hosts[leader->host].lossy;

        MAP_FOREACH (entry, &world->idle) {
                Idle *idle = entry->value;

                if (!writes || leader->elected_ns > idle->since_ns) {
                        idle->plain = false;
                        begin_again(idle, writes ? leader->elected_ns : world->now_ns);
                }
                if (writes)
                        look_at(world, leader, entry->key, idle);
        }
        world->patrols = map_size(&world->idle) > 0;
        if (world->patrols)
                queue_push(world, world->now_ns + PATROL_NS, (Event) {.type = EVENT_PATROL});
}
