/* SPDX-License-Identifier: GPL-3.0-or-later */

/* VIP owners. The numbers of VIPs by host are counted from the records at each check, so there is
 * nothing to keep in step; a check is needed only when a host or a VIP has changed. */

#include "fabric/owners.h"

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
        if (!b || rank(a) != rank(b))
                return !b || rank(a) < rank(b);
        if (a->n_vips != b->n_vips)
                return a->n_vips < b->n_vips;
        return fabric->place.hosts[a->place].node.tie < fabric->place.hosts[b->place].node.tie;
}

static Host *pick(const Fabric *fabric)
{
        Host *best = NULL;

        MAP_FOREACH (entry, &fabric->hosts) {
                Host *host = entry->value;

                if (rank(host) < RANK_NONE && is_better(fabric, host, best))
                        best = host;
        }
        return best;
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

static void slot_check(Fabric *fabric, ServiceRecord *service, Slot slot)
{
        Host *owner = map_get(&fabric->hosts, service->slots[slot].owner), *next;

        if (service->slots[slot].vip.family == 0 || !is_to_leave(owner))
                return;
        next = pick(fabric);
        if (!next || (owner && rank(next) >= rank(owner))) {
                fabric->n_unowned++;
                return;
        }
        SET_NAME(service->slots[slot].owner, next->name);
        if (owner)
                owner->n_vips--;
        next->n_vips++;
        state_touch_guarded(fabric, ITEM_OF(CONTAINER_OF(service, Record, service)),
                            owner && owner->gone ? owner : NULL);
}

void owners_check(Fabric *fabric)
{
        fabric->owners_changed = false;
        fabric->n_unowned = 0;
        if (!count_vips(fabric))
                return;
        RECORDS_FOREACH(entry, fabric, RECORD_SERVICE)
        for (unsigned slot = 0; slot < SLOTS; slot++)
                slot_check(fabric, &((Record *) entry->value)->service, slot);
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
