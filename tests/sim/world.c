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

static void take(World *world, Event *event)
{
        SimHost *host = &world->hosts[event->host];
        Controller *c = event->type == EVENT_TELL || event->type == EVENT_COMMIT ||
                                        event->type == EVENT_ANSWER || event->type == EVENT_TICK
                                ? controller_of(world, event->token)
                                : NULL;

        switch (event->type) {
        case EVENT_WATCH:
                if (event->token != host->connection || !host_connected(world, host))
                        break;
                if (host->joined && link_loses(world, event->host))
                        link_break(world, event->host);
                else
                        host_see(world, event->host, &event->key, TAKE_PTR(event->record));
                break;
        case EVENT_WRITE:
                if (event->token != host->connection || !host_connected(world, host))
                        break;
                if (host->joined && link_loses(world, event->host))
                        link_break(world, event->host);
                else
                        store_set(world, &event->key, TAKE_PTR(event->record));
                break;
        case EVENT_TELL:
                if (c)
                        controller_tell(world, c, event);
                break;
        case EVENT_TICK:
                if (c && c->wake_ns <= world->now_ns) {
                        c->wake_ns = 0;
                        controller_learn(world, c, (Event) {.type = EVENT_TICK});
                }
                break;
        case EVENT_COMMIT:
                if (c)
                        controller_commit(world, c);
                break;
        case EVENT_ANSWER:
                if (c) /* an answer that is lost leaves the outcome unknown: begin again */
                        controller_answered(world, c,
                                            event->ok &&
                                                    host_connected(world, &world->hosts[c->host]) &&
                                                    !link_loses(world, c->host));
                break;
        case EVENT_VM:
                vm_event(world, event);
                break;
        case EVENT_FENCE:
                if (event->token == host->lease_token)
                        lease_fence(world, event->host);
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
                        lease_expire(world, event->host);
                break;
        case EVENT_SILENT:
                if (event->token == host->lease_token)
                        lease_silent(world, event->host);
                break;
        case EVENT_REJOIN:
                if (event->token == host->connection && host_connected(world, host))
                        lease_rejoin(world, event->host);
                break;
        case EVENT_REREAD:
                if (event->token == host->connection && host_connected(world, host) && host->joined)
                        host_read(world, event->host);
                break;
        case EVENT_PATROL:
                recovery_patrol(world);
                break;
        case EVENT_BOOTED:
                if (event->token == host->connection)
                        lease_booted(world, event->host);
                break;
        case EVENT_ELECT:
                controller_elect(world);
                break;
        }
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
