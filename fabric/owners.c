/* SPDX-License-Identifier: GPL-3.0-or-later */

/* VIP owners. The numbers of VIPs by host are counted from the records at each check, so there is
 * nothing to keep in step; a check is needed only when a host or a VIP has changed. */

#include "fabric/owners.h"

#include <stdlib.h>

/* How willingly a host is chosen, lower is better. */
enum {
        RANK_USABLE,
        RANK_CORDONED,
        RANK_DRAINING,
        RANK_NONE,
};

static unsigned rank(const Host *host)
{
        if (!host->alive || !host->record)
                return RANK_NONE;
        return host->record->draining   ? RANK_DRAINING
               : host->record->cordoned ? RANK_CORDONED
                                        : RANK_USABLE;
}

/* Whether a VIP may be taken from its owner, and is to be where there is a better one. */
static bool is_to_leave(const Host *owner)
{
        return !owner || owner->gone || (owner->alive && rank(owner) >= RANK_DRAINING);
}

static bool is_better(const Fabric *fabric, const Host *a, const Host *b)
{
        if (a->n_vips != b->n_vips)
                return a->n_vips < b->n_vips;
        return fabric->place.hosts[a->place].node.tie < fabric->place.hosts[b->place].node.tie;
}

/* The hosts that may be chosen, all of one rank, as a heap with the best on top. */
typedef struct Candidates {
        Host **hosts;
        size_t n;
        unsigned rank;
} Candidates;

static void sink(const Fabric *fabric, Candidates *candidates, size_t i)
{
        Host **hosts = candidates->hosts;

        for (size_t child = 2 * i + 1; child < candidates->n; child = 2 * i + 1) {
                Host *host = hosts[i];

                if (child + 1 < candidates->n && is_better(fabric, hosts[child + 1], hosts[child]))
                        child++;
                if (!is_better(fabric, hosts[child], host))
                        return;
                hosts[i] = hosts[child];
                hosts[child] = host;
                i = child;
        }
}

static void candidates_init(Fabric *fabric, Candidates *candidates)
{
        *candidates = (Candidates) {.rank = RANK_NONE};
        candidates->hosts = calloc(map_size(&fabric->hosts) + 1, sizeof(*candidates->hosts));
        if (!candidates->hosts) {
                fabric->failed = true;
                return;
        }
        MAP_FOREACH (entry, &fabric->hosts)
                candidates->rank = MIN(candidates->rank, rank(entry->value));
        MAP_FOREACH (entry, &fabric->hosts)
                if (candidates->rank < RANK_NONE && rank(entry->value) == candidates->rank)
                        candidates->hosts[candidates->n++] = entry->value;
        for (size_t i = candidates->n / 2; i-- > 0;)
                sink(fabric, candidates, i);
}

/* Counts every host's VIPs; returns whether any VIP is to leave its owner. */
static bool count_vips(Fabric *fabric)
{
        bool leave = false;

        MAP_FOREACH (entry, &fabric->hosts)
                ((Host *) entry->value)->n_vips = 0;
        RECORDS_FOREACH(entry, fabric, RECORD_SERVICE)
        {
                const ServiceRecord *service = &((Record *) entry->value)->service;

                for (unsigned slot = 0; slot < SLOTS; slot++) {
                        Host *owner;

                        if (service->slots[slot].vip.family == 0)
                                continue;
                        owner = map_get(&fabric->hosts, service->slots[slot].owner);
                        leave |= is_to_leave(owner);
                        if (owner)
                                owner->n_vips++;
                }
        }
        return leave;
}

static void give(Fabric *fabric, ServiceRecord *service, Slot slot, Host *next)
{
        Host *owner = map_get(&fabric->hosts, service->slots[slot].owner);

        SET_NAME(service->slots[slot].owner, next->name);
        if (owner)
                owner->n_vips--;
        next->n_vips++;
        state_touch_guarded(fabric, ITEM_OF(CONTAINER_OF(service, Record, service)),
                            owner && owner->gone ? owner : NULL);
}

static void slot_check(Fabric *fabric, Candidates *candidates, ServiceRecord *service, Slot slot)
{
        const Host *owner = map_get(&fabric->hosts, service->slots[slot].owner);

        if (service->slots[slot].vip.family == 0 || !is_to_leave(owner))
                return;
        if (candidates->n == 0 || (owner && candidates->rank >= rank(owner))) {
                fabric->n_unowned++;
                return;
        }
        give(fabric, service, slot, candidates->hosts[0]);
        sink(fabric, candidates, 0);
}

static void find_owners(Fabric *fabric)
{
        Candidates candidates;

        candidates_init(fabric, &candidates);
        RECORDS_FOREACH(entry, fabric, RECORD_SERVICE)
        for (unsigned slot = 0; slot < SLOTS && !fabric->failed; slot++)
                slot_check(fabric, &candidates, &((Record *) entry->value)->service, slot);
        free(candidates.hosts);
}

/* ---- evening out */

typedef struct Balance {
        Host *busiest, *idlest; /* of the usable ones; NULL when there are none */
        uint32_t share;         /* what each would have, rounded up */
} Balance;

static Balance weigh(const Fabric *fabric)
{
        Balance balance = {};
        uint32_t n_hosts = 0, n_vips = 0;

        MAP_FOREACH (entry, &fabric->hosts) {
                Host *host = entry->value;

                if (rank(host) != RANK_USABLE)
                        continue;
                n_hosts++;
                n_vips += host->n_vips;
                if (!balance.idlest || is_better(fabric, host, balance.idlest))
                        balance.idlest = host;
                if (!balance.busiest || is_better(fabric, balance.busiest, host))
                        balance.busiest = host;
        }
        balance.share = n_hosts > 0 ? (n_vips + n_hosts - 1) / n_hosts : 0;
        return balance;
}

/* Moving starts only when it is worth it, and goes on until it is even. */
static bool is_uneven(const Balance *balance)
{
        return balance->busiest && balance->busiest->n_vips > 2 * balance->share;
}

static void move_one(Fabric *fabric, const Balance *balance)
{
        RECORDS_FOREACH(entry, fabric, RECORD_SERVICE)
        for (unsigned slot = 0; slot < SLOTS; slot++) {
                ServiceRecord *service = &((Record *) entry->value)->service;

                if (service->slots[slot].vip.family == 0 ||
                    map_get(&fabric->hosts, service->slots[slot].owner) != balance->busiest)
                        continue;
                give(fabric, service, slot, balance->idlest);
                return;
        }
}

/* What costs a look at every VIP is done when the calm has lasted, not at each disturbance of it.
 */
void owners_disturbed(Fabric *fabric)
{
        fabric->owners_even_out = false;
        state_timer(fabric, &fabric->owners_timer, state_after(fabric->now_ns, OWNERS_CALM_MS));
}

void owners_timer(Fabric *fabric)
{
        Balance balance;

        count_vips(fabric);
        balance = weigh(fabric);
        fabric->owners_even_out |= is_uneven(&balance);
        if (!fabric->owners_even_out || !balance.busiest ||
            balance.busiest->n_vips <= balance.share) {
                fabric->owners_even_out = false;
                return;
        }
        if (!fabric->cluster->braked)
                move_one(fabric, &balance);
        state_timer(fabric, &fabric->owners_timer, state_after(fabric->now_ns, OWNERS_STEP_MS));
}

void owners_check(Fabric *fabric)
{
        fabric->owners_changed = false;
        fabric->n_unowned = 0;
        if (count_vips(fabric))
                find_owners(fabric);
        owners_disturbed(fabric);
}

void owners_sync(Fabric *fabric)
{
        RECORDS_FOREACH(entry, fabric, RECORD_SERVICE)
        for (unsigned slot = 0; slot < SLOTS; slot++) {
                const char *owner = ((Record *) entry->value)->service.slots[slot].owner;

                if (owner[0])
                        state_host(fabric, owner);
        }
        fabric->owners_changed = true;
}
