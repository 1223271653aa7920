/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deadlines are worked out anew each time from what was said last; there is nothing else to keep.
 */

#include "watchdog/guard.h"

#include "lib/base/macros.h"

static const SmState states[_GUARD_STATE_MAX] = {
        [GUARD_IDLE] = {"idle", SM_TO(GUARD_ALONE) | SM_TO(GUARD_HELD)},
        [GUARD_ALONE] = {"alone", SM_TO(GUARD_HELD)},
        [GUARD_HELD] = {"held", SM_TO(GUARD_ALONE) | SM_TO(GUARD_FENCING)},
        [GUARD_FENCING] = {"fencing", SM_TO(GUARD_FENCED) | SM_TO(GUARD_FAILED)},
        [GUARD_FENCED] = {"fenced", SM_TO(GUARD_HELD) | SM_TO(GUARD_ALONE)},
        [GUARD_FAILED] = {"failed", SM_TO(GUARD_FENCED)},
};

static void move(Guard *guard, GuardState state)
{
        Sm sm;

        sm_init(&sm, states, ARRAY_SIZE(states), (unsigned) guard->state);
        sm_move(&sm, state);
        guard->state = state;
}

void guard_init(Guard *guard, const FenceTimes *times)
{
        *guard = (Guard) {.times = *times, .state = GUARD_IDLE};
}

static bool is_over(const Guard *guard)
{
        return guard->state == GUARD_FENCING || guard->state == GUARD_FENCED ||
               guard->state == GUARD_FAILED;
}

static bool is_killing(const Guard *guard)
{
        return guard->state == GUARD_FENCING || guard->state == GUARD_FAILED;
}

int guard_hold(Guard *guard, uint64_t sent_ns, uint64_t now_ns)
{
        if (is_killing(guard))
                return GUARD_BUSY;
        if (guard->state == GUARD_HELD)
                return guard_renew(guard, sent_ns, now_ns);
        if (sent_ns > now_ns)
                return GUARD_FUTURE;
        if (sent_ns + guard->times.soft_ns <= now_ns)
                return GUARD_STALE;
        guard->sent_ns = sent_ns;
        guard->evidence_ns = 0;
        move(guard, GUARD_HELD);
        return 0;
}

int guard_renew(Guard *guard, uint64_t sent_ns, uint64_t now_ns)
{
        if (sent_ns > now_ns)
                return GUARD_FUTURE;
        if (guard->state != GUARD_HELD)
                return GUARD_OVER;
        guard->sent_ns = MAX(guard->sent_ns, sent_ns);
        return 0;
}

int guard_keep(Guard *guard, uint64_t evidence_ns, uint64_t now_ns)
{
        if (!guard->times.autonomous)
                return GUARD_STRICT;
        if (evidence_ns > now_ns)
                return GUARD_FUTURE;
        if (guard->state != GUARD_HELD)
                return GUARD_OVER;
        /* from after the soft fence that was in force it shows nothing about the time between: the
         * lease may have ended, and a replacement been decided (the model refuted it) */
        if (evidence_ns > guard_deadline(guard))
                return GUARD_STALE;
        guard->evidence_ns = MAX(guard->evidence_ns, evidence_ns);
        return 0;
}

int guard_alone(Guard *guard, uint64_t now_ns)
{
        if (is_killing(guard))
                return GUARD_BUSY;
        if (guard->state != GUARD_ALONE)
                move(guard, GUARD_ALONE);
        return 0;
}

void guard_fence(Guard *guard, uint64_t now_ns)
{
        if (guard->state != GUARD_HELD)
                return;
        guard->fence_ns = now_ns;
        guard->n_fences++;
        move(guard, GUARD_FENCING);
}

uint64_t guard_deadline(const Guard *guard)
{
        uint64_t soft_ns = guard->sent_ns + guard->times.soft_ns;

        if (guard->state != GUARD_HELD)
                return UINT64_MAX;
        if (guard->evidence_ns > 0)
                soft_ns = MAX(soft_ns, guard->evidence_ns + guard->times.ask_ns);
        return soft_ns;
}

uint64_t guard_last_feed(const Guard *guard)
{
        uint64_t last_ns = guard->sent_ns + guard->times.hard_ns - guard->times.device_ns;

        if (guard->state == GUARD_FAILED)
                return 0;
        if (guard->state != GUARD_HELD && guard->state != GUARD_FENCING)
                return UINT64_MAX;
        if (guard->evidence_ns > 0)
                last_ns = MAX(last_ns, guard->evidence_ns + guard->times.ask_ns);
        return last_ns;
}

bool guard_watches(const Guard *guard)
{
        return is_over(guard);
}

GuardActions guard_step(Guard *guard, bool running, uint64_t now_ns)
{
        bool begins = guard_deadline(guard) <= now_ns;
        GuardActions actions = {};

        if (begins)
                guard_fence(guard, now_ns);
        if (is_killing(guard) && !running && !begins) {
                guard->fenced_ns = now_ns;
                move(guard, GUARD_FENCED);
        }
        if (guard->state == GUARD_FENCING && now_ns > guard->fence_ns + guard->times.kill_ns)
                move(guard, GUARD_FAILED);
        actions.kill = is_killing(guard) || (guard->state == GUARD_FENCED && running);
        actions.feed = now_ns <= guard_last_feed(guard);
        return actions;
}

const char *guard_state_to_string(GuardState state)
{
        return states[state].name;
}
