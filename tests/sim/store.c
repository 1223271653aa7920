/* SPDX-License-Identifier: GPL-3.0-or-later */

/* etcd: the records, their revision, and who is told when one changes. */

#include "tests/sim/store.h"

#include <string.h>

#include "lib/base/str.h"
#include "tests/sim/checks.h"
#include "tests/sim/controller.h"
#include "tests/sim/domains.h"
#include "tests/sim/host.h"
#include "tests/sim/link.h"
#include "tests/sim/queue.h"
#include "tests/sim/recovery.h"
#include "tests/sim/room.h"
#include "tests/sim/samples.h"
#include "tests/sim/trace.h"

Record *record_dup(const Record *record)
{
        Record *copy = malloc(record_size(record->type));

        if (!copy || record_copy(record, copy) < 0)
                abort();
        return copy;
}

void record_free(Record *record)
{
        if (record)
                record_deinit(record);
        free(record);
}

void record_free_value(void *record)
{
        record_free(record);
}

static void host_tell(World *world, const char *name, const RecordKey *key, const Record *record)
{
        unsigned index = host_index(world, name);
        SimHost *host = &world->hosts[index];

        host->watch_ns = MAX(host->watch_ns, world->now_ns + link_latency(world, index));
        queue_push(world, host->watch_ns,
                   (Event) {.type = EVENT_WATCH,
                            .host = index,
                            .token = host->connection,
                            .key = *key,
                            .deleted = !record,
                            .record = record ? record_dup(record) : NULL});
}

Record *store_get(const World *world, const RecordKey *key)
{
        char text[RECORD_KEY_MAX + 1];

        return map_get(&world->store[key->type], record_key_format(key, text));
}

const DeploymentRole *store_role(const World *world, const InstanceId *id)
{
        RecordKey key = {.type = RECORD_DEPLOYMENT};
        const Record *record;

        memcpy(key.name, id->deployment, sizeof(RecordId));
        record = store_get(world, &key);
        return record && !record->deployment.deleting
                       ? deployment_role(&record->deployment, id->role)
                       : NULL;
}

static void store_instance(World *world, const RecordKey *key, const Record *old,
                           const Record *record)
{
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(&key->instance, id);
        if (old && record)
                check_incarnation(world, &old->instance, &record->instance);
        domains_change(world, old, record);
        if (old) {
                map_remove(&world->hosts[host_index(world, old->instance.host)].placed, id);
                room_count(world, &old->instance, -1);
        }
        if (record) {
                must(map_put(&world->hosts[host_index(world, record->instance.host)].placed, id,
                             NULL));
                room_count(world, &record->instance, 1);
        }
        if (old && (!record || !str_equal(old->instance.host, record->instance.host)))
                host_tell(world, old->instance.host, key, record);
        if (record) {
                host_tell(world, record->instance.host, key, record);
                if (!old || old->instance.incarnation != record->instance.incarnation)
                        world->statistics.placements++;
        }
        if (old && record && !str_equal(old->instance.host, record->instance.host)) {
                const SimHost *lost = &world->hosts[host_index(world, old->instance.host)];

                if (!lost->held && lost->lost_ns > 0)
                        world->statistics.failover_ns =
                                MAX(world->statistics.failover_ns, world->now_ns - lost->lost_ns);
        }
}

static void store_observed(World *world, const RecordKey *key, const Record *record)
{
        SimHost *host = &world->hosts[host_index(world, key->name)];
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(&key->instance, id);
        if (!record) {
                map_remove(&host->observed, id);
                return;
        }
        must(map_put(&host->observed, id, NULL));
        domains_observe(world, &record->observed);
        if (record->observed.status == STATUS_FAILED_STARTING_VM)
                host->failed_ns = world->now_ns;
}

/* A new configuration reaches the hosts of all the deployment's instances. */
static void store_configuration(World *world, const DeploymentRecord *deployment)
{
        for (size_t r = 0; r < deployment->n_roles; r++)
                for (uint32_t i = 0; i < deployment->roles[r].count; i++) {
                        RecordKey key = {.type = RECORD_INSTANCE, .instance.number = i};
                        const Record *record;

                        memcpy(key.instance.deployment, deployment->id, sizeof(RecordId));
                        memcpy(key.instance.role, deployment->roles[r].name, sizeof(RecordName));
                        record = store_get(world, &key);
                        if (record)
                                host_tell(world, record->instance.host, &key, record);
                }
}

static void count_walk(World *world, const Record *old, const Record *record)
{
        bool ended = old && record && record->operation.kind == OPERATION_UPDATE &&
                     old->operation.state == OPERATION_RUNNING;

        world->statistics.walks += ended && record->operation.state == OPERATION_SUCCEEDED;
        world->statistics.reverts += ended && record->operation.state == OPERATION_FAILED;
}

/* What is placed anew and does not run is to run. */
static void store_wanted(World *world, const RecordKey *key, const Record *old,
                         const Record *record)
{
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(&key->instance, id);
        if (!record)
                recovery_forget(world, id);
        else if (!old)
                recovery_idle(world, id);
}

/* The store takes the record over; NULL deletes. */
void store_set(World *world, const RecordKey *key, Record *record)
{
        char text[RECORD_KEY_MAX + 1];
        Record *old;

        record_key_format(key, text);
        old = map_get(&world->store[key->type], text);
        if (!old && !record)
                return;
        world->revision++;
        trace_change(world, old, record);
        if (key->type == RECORD_INSTANCE)
                store_instance(world, key, old, record);
        if (record && key->type == RECORD_HOST && record->host.update.boot[0] &&
            (!old || !old->host.update.boot[0]))
                host_tell(world, record->host.name, key, record);
        if (key->type == RECORD_HOST && old && record)
                check_host_update(world, &old->host, &record->host);
        if (key->type == RECORD_OPERATION)
                count_walk(world, old, record);
        if (key->type == RECORD_OBSERVED)
                store_observed(world, key, record);
        if (key->type == RECORD_ALIVE && !record)
                domains_lose(world, &world->hosts[host_index(world, key->name)]);
        if (key->type == RECORD_ALIVE || key->type == RECORD_OBSERVED)
                controller_tell_all(world, key, record);
        if (record)
                must(map_put(&world->store[key->type], text, record));
        else
                map_remove(&world->store[key->type], text);
        if (key->type == RECORD_INSTANCE)
                store_wanted(world, key, old, record);
        if (old && record && record->type == RECORD_DEPLOYMENT &&
            record->deployment.configuration_generation > old->deployment.configuration_generation)
                store_configuration(world, &record->deployment);
        record_free(old);
}

static void store_sample(World *world, const Record *sample)
{
        RecordKey key = record_key_of(sample);

        store_set(world, &key, record_dup(sample));
}

void store_seed(World *world)
{
        const WorldConfig *config = &world->config;
        Record record;

        sample_cluster("198.18.255.250", &record);
        store_sample(world, &record);
        for (unsigned i = 0; i < config->n_hosts; i++) {
                char domain[16];

                snprintf(domain, sizeof(domain), "rack%u", i % config->n_domains);
                sample_host(world->hosts[i].name, domain, config->vcpus, config->memory_bytes,
                            1024 * GIB, &record);
                store_sample(world, &record);
        }
        sample_package(&record);
        store_sample(world, &record);
        sample_os("1", &record);
        store_sample(world, &record);
}
