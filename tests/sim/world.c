/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The world: events in the order of virtual time, each given to the part that it concerns. */

#include "tests/sim/world.h"

#include <string.h>

#include "lib/base/hash.h"
#include "tests/sim/controller.h"
#include "tests/sim/host.h"
#include "tests/sim/lease.h"
#include "tests/sim/link.h"
#include "tests/sim/queue.h"
#include "tests/sim/recovery.h"
#include "tests/sim/store.h"
#include "tests/sim/vm.h"

const char *mutation_to_string(Mutation mutation)
{
        static const char *const names[MUTATIONS] = {
                "nothing",    "late-fence", "no-election",   "no-absent", "no-renewal",
                "early-word", "no-delay",   "late-watchdog", "one-rack",  "one-domain",
                "deaf",       "no-reread",  "wall-clock",
        };

        return names[mutation];
}

/* ---- events that hosts take */

/* A record on its way to a host or from it: a link that loses messages breaks instead. */
static bool is_lost(World *world, const Event *event)
{
        if (!world->hosts[event->host].joined || !link_loses(world, event->host))
                return false;
        link_break(world, event->host);
        return true;
}

static void take_watch(World *world, Event *event)
{
        if (!is_lost(world, event))
                host_see(world, event->host, &event->key, TAKE_PTR(event->record));
}

static void take_write(World *world, Event *event)
{
        if (!is_lost(world, event))
                store_set(world, &event->key, TAKE_PTR(event->record));
}

static void take_vm(World *world, Event *event)
{
        vm_event(world, event);
}

static void take_fence(World *world, Event *event)
{
        lease_fence(world, event->host);
}

static void take_killed(World *world, Event *event)
{
        SimHost *host = &world->hosts[event->host];

        vms_kill(world, host);
        if (host->joined) /* it has come back meanwhile */
                host_read(world, event->host);
}

static void take_reset(World *world, Event *event)
{
        world_crash(world, event->host);
        world_boot(world, event->host);
}

static void take_expire(World *world, Event *event)
{
        lease_expire(world, event->host);
}

static void take_silent(World *world, Event *event)
{
        lease_silent(world, event->host);
}

static void take_rejoin(World *world, Event *event)
{
        lease_rejoin(world, event->host);
}

static void take_reread(World *world, Event *event)
{
        if (world->hosts[event->host].joined)
                host_read(world, event->host);
}

static void take_patrol(World *world, Event *event)
{
        recovery_patrol(world);
}

static void take_booted(World *world, Event *event)
{
        lease_booted(world, event->host);
}

static void take_restart(World *world, Event *event)
{
        host_restart(world, event->host, event->token);
}

static void take_elect(World *world, Event *event)
{
        controller_elect(world);
}

/* ---- events that leaders take */

static void tell_tick(World *world, Controller *c, Event *event)
{
        if (c->wake_ns > world->now_ns)
                return;
        c->wake_ns = 0;
        controller_learn(world, c, (Event) {.type = EVENT_TICK});
}

static void tell_commit(World *world, Controller *c, Event *event)
{
        controller_commit(world, c);
}

/* An answer that is lost leaves the outcome unknown: begin again. */
static void tell_answer(World *world, Controller *c, Event *event)
{
        controller_answered(world, c,
                            event->ok && host_connected(world, &world->hosts[c->host]) &&
                                    !link_loses(world, c->host));
}

/* ---- who takes what */

/* What an event belongs to: when that has moved on it is dropped. */
typedef enum Belongs {
        TO_NOBODY,
        TO_LEASE,
        TO_BOOT,       /* of the host */
        TO_CONNECTION, /* likewise, and it is connected */
        TO_LEADER,
} Belongs;

static const struct {
        Belongs belongs;
        void (*take)(World *world, Event *event);
        void (*tell)(World *world, Controller *controller, Event *event); /* TO_LEADER */
} takers[] = {
        [EVENT_WATCH] = {TO_CONNECTION, take_watch, NULL},
        [EVENT_TELL] = {TO_LEADER, NULL, controller_tell},
        [EVENT_WRITE] = {TO_CONNECTION, take_write, NULL},
        [EVENT_COMMIT] = {TO_LEADER, NULL, tell_commit},
        [EVENT_ANSWER] = {TO_LEADER, NULL, tell_answer},
        [EVENT_TICK] = {TO_LEADER, NULL, tell_tick},
        [EVENT_VM] = {TO_NOBODY, take_vm, NULL},
        [EVENT_FENCE] = {TO_LEASE, take_fence, NULL},
        [EVENT_KILLED] = {TO_NOBODY, take_killed, NULL},
        [EVENT_RESET] = {TO_LEASE, take_reset, NULL},
        [EVENT_EXPIRE] = {TO_LEASE, take_expire, NULL},
        [EVENT_SILENT] = {TO_LEASE, take_silent, NULL},
        [EVENT_REJOIN] = {TO_LEASE, take_rejoin, NULL},
        [EVENT_REREAD] = {TO_CONNECTION, take_reread, NULL},
        [EVENT_PATROL] = {TO_NOBODY, take_patrol, NULL},
        [EVENT_BOOTED] = {TO_BOOT, take_booted, NULL},
        [EVENT_ELECT] = {TO_NOBODY, take_elect, NULL},
        [EVENT_RESTART] = {TO_NOBODY, take_restart, NULL},
};

static void take(World *world, Event *event)
{
        const SimHost *host = &world->hosts[event->host];
        bool due = true;
        Controller *c;

        switch (takers[event->type].belongs) {
        case TO_LEADER:
                c = controller_of(world, event->token);
                if (c)
                        takers[event->type].tell(world, c, event);
                return;
        case TO_CONNECTION:
                due = event->token == host->connection && host_connected(world, host);
                break;
        case TO_BOOT:
                due = event->token == host->connection;
                break;
        case TO_LEASE:
                due = event->token == host->lease_token;
                break;
        case TO_NOBODY:
                break;
        }
        if (due)
                takers[event->type].take(world, event);
}

void world_run(World *world, uint64_t until_ns)
{
        while (!world->violation[0] && world->n_events > 0 &&
               world->events[0].time_ns <= until_ns) {
                Event event = queue_pop(world);

                world->now_ns = event.time_ns;
                take(world, &event);
                record_free(event.record);
        }
        world->now_ns = MAX(world->now_ns, until_ns);
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
        for (unsigned i = 0; i < config->n_hosts; i++)
                world->hosts[i].version = world->newest = 1;
        store_seed(world);
        for (unsigned i = 0; i < config->n_hosts; i++) {
                world->hosts[i].held = world->hosts[i].joined = true;
                host_alive_put(world, i);
        }
        world->config.log = config->log;
        queue_push(world, 0, (Event) {.type = EVENT_ELECT});
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
                map_deinit(&world->hosts[i].observed);
        }
        for (size_t i = 0; i < world->n_asks; i++)
                ask_free(world->asks[i]);
        for (unsigned type = 0; type < RECORD_TYPES; type++) {
                world->store[type].value_free = record_free_value;
                map_deinit(&world->store[type]);
        }
        world->idle.value_free = free;
        map_deinit(&world->idle);
        map_deinit(&world->taken);
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

const char *world_violation_kind(const World *world)
{
        return world->violation_kind;
}

Fabric *world_fabric(const World *world)
{
        Controller *c = controller_leading(world);

        return c ? c->fabric : NULL;
}

WorldStatistics world_statistics(const World *world)
{
        return world->statistics;
}
