/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Hosts. A host is lost when its alive key is gone, or when it has not renewed its lease for the
 * whole of it. It is gone (its instances may be replaced) the leader's delay D after that. Which
 * renewal that was counted from is demanded in the transactions: docs/adr/0124. */

#include "fabric/hosts.h"

#include <string.h>

#include "fabric/instance.h"
#include "fabric/owners.h"
#include "lib/base/hash.h"

static uint32_t domain_index(Fabric *fabric, const char *name)
{
        uintptr_t found = (uintptr_t) map_get(&fabric->domains, name);
        uint32_t index = 0;

        if (found > 0)
                return (uint32_t) found - 1;
        if (place_domain_add(&fabric->place, hash_text(name, 0), &index) < 0 ||
            map_put(&fabric->domains, name, (void *) (uintptr_t) (index + 1)) < 0)
                fabric->failed = true;
        return index;
}

static void refresh(Fabric *fabric, Host *host, bool take_suspect)
{
        const HostRecord *record = host->record;
        PlaceSize capacity = {};
        uint32_t domain;

        if (!record)
                return;
        capacity = (PlaceSize) {
                .vcpus = (uint64_t) record->vcpus * fabric->cluster->vcpu_percent / 100,
                .memory_bytes = record->memory_bytes,
                .disk_bytes = record->disk_bytes,
        };
        domain = domain_index(fabric, record->fault_domain);
        if (fabric->failed)
                return;
        place_host_set(&fabric->place, host->place, domain, &capacity,
                       host->alive && !record->cordoned && !record->draining &&
                               (take_suspect || !host->suspect));
}

void host_refresh(Fabric *fabric, Host *host)
{
        refresh(fabric, host, false);
        fabric->room_changed = true;
        fabric->owners_changed |= fabric->n_unowned > 0 || (host->record && host->record->draining);
        owners_disturbed(fabric);
}

void host_set_suspect(Fabric *fabric, Host *host, bool suspect)
{
        state_timer(fabric, &host->suspect_timer,
                    suspect ? state_after(fabric->now_ns, HOST_SUSPECT_MS) : FABRIC_NEVER);
        if (host->suspect == suspect)
                return;
        host->suspect = suspect;
        fabric->n_suspect += suspect ? 1u : -1u;
        refresh(fabric, host, false);
        fabric->room_changed |= !suspect;
}

int host_pick(Fabric *fabric, const PlaceSpread *spread, const PlaceSize *size, uint32_t avoid,
              uint32_t *ret_place)
{
        int r = place_pick(&fabric->place, spread, size, avoid, ret_place);

        if (r == 0 || fabric->n_suspect == 0)
                return r;
        for (int take = 1; take >= 0; take--) {
                MAP_FOREACH (entry, &fabric->hosts) {
                        Host *host = entry->value;

                        if (host->suspect)
                                refresh(fabric, host, take);
                }
                if (take)
                        r = place_pick(&fabric->place, spread, size, avoid, ret_place);
        }
        return r;
}

/* ---- the brake */

/* Counts the lost hosts that @counts says are to be counted, and their fault domains up to two. */
static uint32_t count_lost(const Fabric *fabric, bool (*counts)(const Fabric *, const Host *),
                           uint32_t *ret_domains)
{
        const char *first = NULL;
        uint32_t n = 0, domains = 0;

        MAP_FOREACH (entry, &fabric->hosts) {
                const Host *host = entry->value;

                /* one that restarts for its update is empty, and has not vanished */
                if (host->alive || !host->record || host->record->written_off ||
                    host->record->update.boot[0] || !counts(fabric, host))
                        continue;
                n++;
                if (!first)
                        first = host->record->fault_domain;
                if (domains == 0 ||
                    (domains == 1 && strcmp(first, host->record->fault_domain) != 0))
                        domains++;
        }
        *ret_domains = domains;
        return n;
}

static bool lost_lately(const Fabric *fabric, const Host *host)
{
        return state_after(host->lost_ns, fabric->cluster->brake_window_ms) >= fabric->now_ns;
}

static bool lost_at_all(const Fabric *fabric, const Host *host)
{
        return true;
}

static bool too_many(const Fabric *fabric, bool (*counts)(const Fabric *, const Host *))
{
        uint32_t domains, n = count_lost(fabric, counts, &domains);

        return domains >= 2 && (uint64_t) n * 100 > (uint64_t) fabric->cluster->brake_percent *
                                                            map_size(&fabric->records[RECORD_HOST]);
}

static void brake_set(Fabric *fabric, bool braked)
{
        if (fabric->cluster->braked == braked)
                return;
        fabric->cluster->braked = braked;
        if (map_size(&fabric->records[RECORD_CLUSTER]) > 0)
                state_touch(fabric, ITEM_OF(CONTAINER_OF(fabric->cluster, Record, cluster)));
        RECORDS_FOREACH(entry, fabric, RECORD_DEPLOYMENT)
        state_queue(fabric, HOLDER_OF(entry->value, Deployment));
}

/* On when too many vanished at once; off when enough of them are back. */
void hosts_check(Fabric *fabric)
{
        if (!fabric->hosts_changed)
                return;
        fabric->hosts_changed = false;
        brake_set(fabric, fabric->cluster->braked ? too_many(fabric, lost_at_all)
                                                  : too_many(fabric, lost_lately));
}

/* To a new leader all lost hosts look lost just now. Those without instances have been healed
 * before, or need no healing. */
static bool lost_with_instances(const Fabric *fabric, const Host *host)
{
        return host->n_instances > 0;
}

void hosts_synced(Fabric *fabric)
{
        brake_set(fabric,
                  too_many(fabric, fabric->cluster->braked ? lost_at_all : lost_with_instances));
}

void hosts_release_brake(Fabric *fabric)
{
        MAP_FOREACH (entry, &fabric->hosts) {
                Host *host = entry->value;

                if (!host->record || host->alive || host->record->written_off)
                        continue;
                host->record->written_off = true;
                state_touch(fabric, ITEM_OF(CONTAINER_OF(host->record, Record, host)));
        }
        brake_set(fabric, false);
}

/* ---- leases */

void host_alive(Fabric *fabric, const char *name)
{
        Host *host = state_host(fabric, name);

        if (!host || host->alive)
                return;
        host->alive = true;
        host->gone = false;
        state_timer(fabric, &host->timer, FABRIC_NEVER);
        if (host->record && host->record->written_off) {
                host->record->written_off = false;
                state_touch(fabric, ITEM_OF(CONTAINER_OF(host->record, Record, host)));
        }
        host_refresh(fabric, host);
        fabric->hosts_changed = true;
        /* what is observed of its instances is believed again, from now on */
        for (size_t i = 0; i < host->n_instances; i++) {
                host->instances[i]->acted_ns = fabric->now_ns;
                instance_observe(fabric, host->instances[i]);
        }
}

static void host_set_lost(Fabric *fabric, Host *host)
{
        host->alive = false;
        host->gone = false;
        host->lost_ns = fabric->now_ns;
        host->renewal = 0;
        host->silent = false;
        state_timer(fabric, &host->timer,
                    state_after(fabric->now_ns, fabric->cluster->leader_delay_ms));
        host_refresh(fabric, host);
        state_queue_host(fabric, host);
}

void host_lost(Fabric *fabric, const char *name)
{
        Host *host = state_host(fabric, name);

        if (!host || !host->alive)
                return;
        host_set_lost(fabric, host);
        fabric->hosts_changed = true;
}

void host_silent(Fabric *fabric, const char *name, int64_t renewal, uint64_t since_ns)
{
        Host *host = state_host(fabric, name);
        uint64_t ended_ns = state_after(since_ns, fabric->cluster->lease_ms);
        uint64_t gone_ns = state_after(ended_ns, fabric->cluster->leader_delay_ms);
        bool lost;

        if (!host || host->gone || (host->alive && ended_ns > fabric->now_ns))
                return;
        lost = host->alive;
        if (lost)
                host_set_lost(fabric, host);
        host->renewal = renewal;
        /* a lease that ended before this renewal was seen says nothing about it */
        if (lost || since_ns > host->lost_ns || gone_ns < host->timer.at_ns) {
                host->silent = true;
                state_timer(fabric, &host->timer, MAX(gone_ns, fabric->now_ns));
        }
        if (lost)
                fabric->hosts_changed = true;
}

void host_timer(Fabric *fabric, Host *host)
{
        host->gone = true;
        fabric->owners_changed = true;
        state_queue_host(fabric, host);
}

void hosts_sync(Fabric *fabric)
{
        RECORDS_FOREACH(entry, fabric, RECORD_HOST)
        {
                HostRecord *record = &((Record *) entry->value)->host;
                Host *host = state_host(fabric, record->name);

                if (host)
                        host->record = record;
        }
        RECORDS_FOREACH(entry, fabric, RECORD_ALIVE)
        {
                Host *host = state_host(fabric, ((Record *) entry->value)->alive.host);

                if (host)
                        host->alive = true;
        }
        MAP_FOREACH (entry, &fabric->hosts) {
                Host *host = entry->value;

                host_refresh(fabric, host);
                if (!host->alive)
                        host_set_lost(fabric, host);
        }
}

void host_remove(Fabric *fabric, Host *host)
{
        Item *item = ITEM_OF(CONTAINER_OF(host->record, Record, host));

        assert(host->gone || (host->record->draining && host->n_instances == 0));
        host->record = NULL;
        state_touch_guarded(fabric, item, host->gone ? host : NULL);
        state_drop(fabric, item);
        fabric->owners_changed = true;
        fabric->hosts_changed = true;
        state_queue_host(fabric, host);
}
