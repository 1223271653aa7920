/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Leases, and the fences that end a host's VMs before its lease is over.
 *
 * Renewals are not events (there would be millions): while a host can reach etcd its lease is in
 * order; the moment it cannot, the time of its last renewal is drawn, and its fences and the
 * lease's end are set from that. */

#include "tests/sim/lease.h"

#include <string.h>

#include "tests/sim/controller.h"
#include "tests/sim/host.h"
#include "tests/sim/link.h"
#include "tests/sim/queue.h"
#include "tests/sim/store.h"
#include "tests/sim/trace.h"

/* The host cannot renew any more. */
void lease_stop(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];
        uint64_t since = chance_below(world, RENEW_NS);
        uint64_t fence_ns = SOFT_NS;
        Event event = {.host = index};

        if (host->lost_ns == 0) { /* otherwise it could not renew before, either */
                host->lost_ns = world->now_ns;
                host->renewed_ns = world->now_ns > since ? world->now_ns - since : 0;
                host->renewal = ++world->tokens;
                host->seen_ns =
                        host->renewed_ns + link_latency(world, index) + chance_latency(world);
        }
        event.token = host->lease_token = ++world->tokens;
        host->connection = ++world->tokens;
        if (!host->held)
                return;
        if (world->config.mutation == MUTATE_LATE_FENCE)
                fence_ns = LEASE_NS + DELAY_NS + MS(500);
        event.type = EVENT_FENCE;
        if (host->up)
                queue_push(world, host->renewed_ns + fence_ns, event);
        event.type = EVENT_SILENT;
        queue_push(world, MAX(world->now_ns, host->seen_ns + LEASE_NS), event);
        event.type = EVENT_EXPIRE;
        queue_push(world,
                   host->renewed_ns + link_latency(world, index) +
                           (world->config.mutation == MUTATE_NO_DELAY ? RENEW_NS : LEASE_NS),
                   event);
}

/* The host can reach etcd again. It goes on trying when a message is lost meanwhile. */
void lease_resume(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host_connected(world, host))
                return;
        host->connection = ++world->tokens;
        host->lease_token = ++world->tokens;
        queue_push(world, world->now_ns + chance_about(world, REJOIN_NS),
                   (Event) {.type = EVENT_REJOIN, .host = index, .token = host->lease_token});
}

/* Whether any host's renewals come. */
static bool any_renews(const World *world)
{
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                if (world->hosts[i].held && world->hosts[i].lost_ns == 0)
                        return true;
        return false;
}

/* The first renewal after a time without any. Silence is only told while others are heard; after a
 * long time it counts from now. */
static void renewals_resume(World *world)
{
        uint64_t newest_ns = 0;

        for (unsigned i = 0; i < world->config.n_hosts; i++)
                newest_ns = MAX(newest_ns, world->hosts[i].renewed_ns);
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                SimHost *host = &world->hosts[i];

                if (newest_ns + OUTAGE_NS <= world->now_ns)
                        host->seen_ns = world->now_ns;
                queue_push(world, MAX(world->now_ns, host->seen_ns + LEASE_NS),
                           (Event) {.type = EVENT_SILENT, .host = i, .token = host->lease_token});
        }
}

void lease_rejoin(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!any_renews(world))
                renewals_resume(world);
        host->held = true;
        host->joined = true;
        host->lost_ns = 0;
        host->renewal = ++world->tokens;
        host_alive_put(world, index);
        host_read(world, index);
        if (world->election > 0 && world->leader == index && !controller_leading(world))
                world->election = 0; /* the lease of an earlier life */
        if (world->election == 0)
                queue_push(world, world->now_ns + chance_about(world, ELECT_NS),
                           (Event) {.type = EVENT_ELECT});
}

/* Another host is elected if this one led. */
static void unseat(World *world, unsigned index)
{
        if (world->election == 0 || world->leader != index)
                return;
        world->election = 0;
        queue_push(world, world->now_ns + chance_about(world, ELECT_NS),
                   (Event) {.type = EVENT_ELECT});
}

void lease_expire(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];
        RecordKey key = {.type = RECORD_ALIVE};

        if (!world->quorum) /* nobody can commit it; see world_etcd() */
                return;
        host->held = false;
        memcpy(key.name, host->name, sizeof(RecordName));
        store_set(world, &key, NULL);
        unseat(world, index);
}

void lease_silent(World *world, unsigned index)
{
        const SimHost *host = &world->hosts[index];

        if (!any_renews(world) || host->lost_ns == 0 || host->seen_ns + LEASE_NS > world->now_ns)
                return;
        unseat(world, index);
        controller_silence(world, host);
}

/* The watchdog fences: no VM is started from now on, and those that run are dead a little later. */
void lease_fence(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host->up || (host->frozen && host->whole))
                return;
        trace_note(world, "%s: fences itself", host->name);
        host->joined = false;
        queue_push(world, world->now_ns + chance_about(world, KILL_NS / 2),
                   (Event) {.type = EVENT_KILLED, .host = index, .token = 0});
}

void lease_booted(World *world, unsigned index)
{
        world->hosts[index].up = true;
        world->hosts[index].boots++;
        memset(world->hosts[index].update, 0, sizeof(RecordName));
        world->hosts[index].current = world->hosts[index].healthy = false;
        lease_resume(world, index);
}
