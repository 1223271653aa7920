/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Where there is room. */

#include "tests/sim/room.h"

#include <string.h>

#include "tests/sim/host.h"
#include "tests/sim/store.h"

#define SUSPECT_NS MS(1800000) /* ten minutes, of which a leader that hangs learns later */

PlaceSize room_of(const InstanceRecord *instance)
{
        return (PlaceSize) {.vcpus = instance->vcpus,
                            .memory_bytes = instance->memory_bytes,
                            .disk_bytes = instance->disk_bytes + instance->storage_bytes};
}

void room_count(World *world, const InstanceRecord *instance, int sign)
{
        PlaceSize *used = &world->hosts[host_index(world, instance->host)].used;
        PlaceSize size = room_of(instance);

        used->vcpus += (uint64_t) sign * size.vcpus;
        used->memory_bytes += (uint64_t) sign * size.memory_bytes;
        used->disk_bytes += (uint64_t) sign * size.disk_bytes;
}

static bool is_suspect(const World *world, const Controller *c, const SimHost *host)
{
        return host->failed_ns > 0 &&
               world->now_ns - MAX(host->failed_ns, c->elected_ns) < SUSPECT_NS;
}

bool room_on(const World *world, const Controller *c, unsigned index, const PlaceSize *size)
{
        RecordKey key = {.type = RECORD_ALIVE}, cluster = {.type = RECORD_CLUSTER};
        const SimHost *host = &world->hosts[index];
        const Record *record;
        uint64_t percent;

        if (host->used.memory_bytes + size->memory_bytes > world->config.memory_bytes)
                return false;
        percent = store_get(world, &cluster)->cluster.vcpu_percent;
        if ((host->used.vcpus + size->vcpus) * 100 > world->config.vcpus * percent)
                return false;
        memcpy(key.name, host->name, sizeof(RecordName));
        if (is_suspect(world, c, host) || map_contains(&c->silent, host->name) ||
            !fabric_record(c->fabric, &key))
                return false;
        key.type = RECORD_HOST;
        record = store_get(world, &key);
        return record && !record->host.cordoned && !record->host.draining &&
               host->used.disk_bytes + size->disk_bytes <= record->host.disk_bytes;
}
