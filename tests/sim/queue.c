/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The queue of what is to happen, a heap by time and then by the order it was put in; and chance.
 */

#include "tests/sim/queue.h"

#include "lib/base/array.h"
#include "lib/base/hash.h"

uint64_t chance_below(World *world, uint64_t limit)
{
        return limit == 0 || world->config.exact ? 0 : random_below(&world->random, limit);
}

/* About @span: exactly, or between a half and three halves. */
uint64_t chance_about(World *world, uint64_t span)
{
        return world->config.exact ? span : span / 2 + chance_below(world, span + 1);
}

uint64_t chance_latency(World *world)
{
        return world->config.exact ? world->config.latency_ns
                                   : 1 + chance_below(world, world->config.latency_ns);
}

static bool is_before(const Event *a, const Event *b)
{
        return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->serial < b->serial;
}

void queue_push(World *world, uint64_t time_ns, Event event)
{
        size_t i = world->n_events;

        event.time_ns = MAX(time_ns, world->now_ns);
        event.serial = world->serial++;
        if (ARRAY_APPEND(world->events, world->n_events, event) < 0)
                abort();
        for (; i > 0 && is_before(&event, &world->events[(i - 1) / 2]); i = (i - 1) / 2)
                world->events[i] = world->events[(i - 1) / 2];
        world->events[i] = event;
}

Event queue_pop(World *world)
{
        Event first = world->events[0], last = world->events[--world->n_events];
        size_t i = 0;

        for (size_t child = 1; child < world->n_events; child = 2 * i + 1) {
                if (child + 1 < world->n_events &&
                    is_before(&world->events[child + 1], &world->events[child]))
                        child++;
                if (!is_before(&world->events[child], &last))
                        break;
                world->events[i] = world->events[child];
                i = child;
        }
        world->events[i] = last;
        return first;
}
