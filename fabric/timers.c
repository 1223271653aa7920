/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A binary heap of pointers; each timer knows its place, so that it can be taken out. */

#include "fabric/timers.h"

#include "lib/base/array.h"

static bool earlier(const Timer *a, const Timer *b)
{
        return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->serial < b->serial;
}

static void put(Timers *timers, size_t index, Timer *timer)
{
        timers->heap[index] = timer;
        timer->place = index + 1;
}

static void sift(Timers *timers, size_t index)
{
        Timer *timer = timers->heap[index];

        while (index > 0 && earlier(timer, timers->heap[(index - 1) / 2])) {
                put(timers, index, timers->heap[(index - 1) / 2]);
                index = (index - 1) / 2;
        }
        for (size_t child = 2 * index + 1; child < timers->n_heap; child = 2 * index + 1) {
                if (child + 1 < timers->n_heap &&
                    earlier(timers->heap[child + 1], timers->heap[child]))
                        child++;
                if (!earlier(timers->heap[child], timer))
                        break;
                put(timers, index, timers->heap[child]);
                index = child;
        }
        put(timers, index, timer);
}

int timers_set(Timers *timers, Timer *timer, uint64_t at_ns)
{
        if (timer->place == 0) {
                if (ARRAY_APPEND(timers->heap, timers->n_heap, timer) < 0)
                        return -ENOMEM;
                timer->place = timers->n_heap;
        }
        timer->at_ns = at_ns;
        timer->serial = timers->serial++;
        sift(timers, timer->place - 1);
        return 0;
}

void timers_clear(Timers *timers, Timer *timer)
{
        size_t index = timer->place - 1;
        Timer *last;

        if (timer->place == 0)
                return;
        timer->place = 0;
        last = timers->heap[--timers->n_heap];
        if (last == timer)
                return;
        put(timers, index, last);
        sift(timers, index);
}

uint64_t timers_next(const Timers *timers)
{
        return timers->n_heap == 0 ? UINT64_MAX : timers->heap[0]->at_ns;
}

Timer *timers_pop(Timers *timers, uint64_t now_ns)
{
        Timer *timer;

        if (timers_next(timers) > now_ns || timers->n_heap == 0)
                return NULL;
        timer = timers->heap[0];
        timers_clear(timers, timer);
        return timer;
}

void timers_deinit(Timers *timers)
{
        free(timers->heap);
        *timers = (Timers) {};
}
