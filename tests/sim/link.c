/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The way between a host and etcd. A lost message breaks the connection that it was on: what was
 * under way on it is lost, too, and has to be found out by reading again. */

#include "tests/sim/link.h"

#include "tests/sim/queue.h"

uint64_t link_latency(World *world, unsigned index)
{
        if (!world->hosts[index].slow)
                return chance_latency(world);
        world->slow_ns = world->now_ns;
        return world->config.exact ? LINK_SLOW_NS : 1 + chance_below(world, LINK_SLOW_NS);
}

bool link_loses(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        if (!host->lossy)
                return false;
        return world->config.exact ? ++host->n_messages % 4 == 0 : chance_below(world, 4) == 0;
}

uint64_t link_latency_max(const World *world)
{
        bool slow = world->slow_ns > 0 && world->now_ns - world->slow_ns < MS(60000);

        return slow ? MAX(LINK_SLOW_NS, world->config.latency_ns) : world->config.latency_ns;
}

void link_break(World *world, unsigned index)
{
        SimHost *host = &world->hosts[index];

        host->connection = ++world->tokens;
        if (world->config.mutation != MUTATE_NO_REREAD)
                queue_push(
                        world, world->now_ns + chance_about(world, MS(500)),
                        (Event) {.type = EVENT_REREAD, .host = index, .token = host->connection});
}
