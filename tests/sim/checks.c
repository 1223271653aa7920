/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What always has to hold, and what has to hold when all has been quiet for long. */

#include "tests/sim/checks.h"

#include <string.h>

#include "fabric/guest-os.h"
#include "lib/base/str.h"
#include "tests/sim/host.h"
#include "tests/sim/store.h"
#include "tests/sim/trace.h"
#include "tests/sim/vm.h"

#define KNOWN_NS MS(15000) /* longer than a message takes, or a leader to be elected */

void check_incarnation(World *world, const InstanceRecord *old, const InstanceRecord *new)
{
        char id[RECORD_KEY_MAX + 1];

        if (new->incarnation < old->incarnation ||
            (new->incarnation == old->incarnation && !str_equal(new->host, old->host)))
                trace_violation(world, "%s goes from #%llu on %s to #%llu on %s",
                                instance_id_format(&new->id, id),
                                (unsigned long long) old->incarnation, old->host,
                                (unsigned long long) new->incarnation, new->host);
}

bool is_stopped_by_drain(const World *world, const InstanceRecord *instance)
{
        RecordKey key = {.type = RECORD_HOST};
        const Record *host;

        memcpy(key.name, instance->host, sizeof(RecordName));
        host = map_get(&world->store, record_key_format(&key, (char[RECORD_KEY_MAX + 1]){}));
        return instance->power == POWER_STOPPING && host && host->host.draining;
}

static bool is_down_by_us(const World *world, const InstanceRecord *instance)
{
        char id[RECORD_KEY_MAX + 1];

        return is_stopped_by_drain(world, instance) ||
               map_contains(&world->walked, instance_id_format(&instance->id, id));
}

/* Drains and walks take down instances of one upgrade domain of a role at a time. */
void check_domains(World *world, const InstanceRecord *stopped)
{
        RecordKey key = {.type = RECORD_DEPLOYMENT}, other = {.type = RECORD_INSTANCE};
        char text[RECORD_KEY_MAX + 1], id[RECORD_KEY_MAX + 1];
        const DeploymentRole *role;
        const Record *record;

        memcpy(key.name, stopped->id.deployment, sizeof(RecordId));
        record = map_get(&world->store, record_key_format(&key, text));
        role = record ? deployment_role(&record->deployment, stopped->id.role) : NULL;
        other.instance = stopped->id;
        for (uint32_t i = 0; role && stopped->id.number < role->count && i < role->count; i++) {
                const Record *found;

                other.instance.number = i;
                found = map_get(&world->store, record_key_format(&other, text));
                if (found && is_down_by_us(world, &found->instance) &&
                    found->instance.upgrade_domain != stopped->upgrade_domain)
                        trace_violation(world,
                                        "%s is taken down while %s of another upgrade domain is",
                                        instance_id_format(&stopped->id, id), text);
        }
}

/* What etcd says of an instance on its host; NULL when that is of an older incarnation. */
static const ObservedRecord *observed_of(const World *world, const InstanceRecord *instance)
{
        RecordKey key = {.type = RECORD_OBSERVED, .instance = instance->id};
        const Record *record;

        memcpy(key.name, instance->host, sizeof(RecordName));
        record = store_get(world, &key);
        return record && record->observed.incarnation == instance->incarnation ? &record->observed
                                                                               : NULL;
}

/* Whether a leader that decides now has to know that it is Ready. */
static bool is_known_ready(const World *world, const InstanceRecord *instance)
{
        const ObservedRecord *observed = observed_of(world, instance);
        RecordKey alive = {.type = RECORD_ALIVE};

        memcpy(alive.name, instance->host, sizeof(RecordName));
        return store_get(world, &alive) && observed && observed->status == STATUS_READY_ROLE &&
               memcmp(observed->done, instance->wanted, sizeof(observed->done)) == 0 &&
               world->now_ns - observed->since_us * NSEC_PER_USEC > KNOWN_NS;
}

void check_walk(World *world, const InstanceRecord *old, const InstanceRecord *new)
{
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(&new->id, id);
        if (new->incarnation != old->incarnation || new->power != POWER_RUNNING)
                map_remove(&world->walked, id);
        else if (!str_equal(new->os_version, old->os_version) && is_known_ready(world, old)) {
                check_domains(world, new);
                must(map_put(&world->walked, id, NULL));
        }
}

void check_walked(World *world, const ObservedRecord *observed)
{
        RecordKey key = {.type = RECORD_INSTANCE, .instance = observed->id};
        const Record *record = store_get(world, &key);
        char id[RECORD_KEY_MAX + 1];

        if (record && observed->incarnation == record->instance.incarnation &&
            observed->status == STATUS_READY_ROLE &&
            memcmp(observed->done, record->instance.wanted, sizeof(observed->done)) == 0)
                map_remove(&world->walked, instance_id_format(&observed->id, id));
}

static void check_instance(World *world, const InstanceRecord *instance)
{
        const SimHost *host = &world->hosts[host_index(world, instance->host)];
        char id[RECORD_KEY_MAX + 1];
        const Vm *vm;

        vm = map_get(&host->vms, instance_id_format(&instance->id, id));
        if (vm && vm_os_is_bad(vm) && vm->running)
                return; /* it was deployed when this was the newest */
        if (instance->power != POWER_RUNNING)
                trace_violation(world, "%s is still stopping", id);
        else if (!vm || vm->incarnation != instance->incarnation || !vm->running ||
                 vm->state != VM_READY)
                trace_violation(world, "%s #%llu is not Ready on %s in the end", id,
                                (unsigned long long) instance->incarnation, instance->host);
}

static void check_counts(World *world, const DeploymentRecord *deployment)
{
        for (size_t r = 0; r < deployment->n_roles; r++)
                for (uint32_t i = 0; i < RECORD_COUNT_MAX; i++) {
                        RecordKey key = {.type = RECORD_INSTANCE, .instance.number = i};
                        bool wanted = i < deployment->roles[r].count;

                        memcpy(key.instance.deployment, deployment->id, sizeof(RecordId));
                        memcpy(key.instance.role, deployment->roles[r].name, sizeof(RecordName));
                        if (!store_get(world, &key) != !wanted)
                                trace_violation(world, "%s/%s_IN_%u %s in the end", deployment->id,
                                                deployment->roles[r].name, i,
                                                wanted ? "is missing" : "is too much");
                        if (!wanted && i > deployment->roles[r].count + 64)
                                break;
                }
}

/* Those that follow the newest have come to it, or back from it. */
static void check_os(World *world, const DeploymentRecord *deployment)
{
        const OsRecord *newest = NULL;

        MAP_FOREACH (entry, &world->store) {
                const Record *record = entry->value;

                if (record->type == RECORD_OS && !record->os.disabled &&
                    (!newest || guest_os_compare(newest->version, record->os.version) < 0))
                        newest = &record->os;
                if (record->type == RECORD_INSTANCE &&
                    str_equal(record->instance.id.deployment, deployment->id) &&
                    !str_equal(record->instance.os_version, deployment->os_current))
                        trace_violation(world, "%s runs guest OS %s in the end, not %s", entry->key,
                                        record->instance.os_version, deployment->os_current);
        }
        if (deployment->os_next[0])
                trace_violation(world, "%s is still walked to guest OS %s in the end",
                                deployment->id, deployment->os_next);
        if (newest && str_equal(deployment->os_version, "*") &&
            !str_equal(newest->version, deployment->os_current) &&
            !str_equal(newest->version, deployment->os_failed))
                trace_violation(world, "%s stays at guest OS %s, though there is %s",
                                deployment->id, deployment->os_current, newest->version);
}

static void check_owners(World *world, const ServiceRecord *service)
{
        for (unsigned slot = 0; slot < SLOTS; slot++) {
                const char *owner = service->slots[slot].owner;
                RecordKey key = {.type = RECORD_ALIVE};

                if (service->slots[slot].vip.family == 0)
                        continue;
                snprintf(key.name, sizeof(key.name), "%s", owner);
                if (!owner[0] || !store_get(world, &key))
                        trace_violation(world, "the %s VIP of %s is on '%s', which is not alive",
                                        slot_to_string(slot), service->name, owner);
        }
}

static void check_capacity(World *world)
{
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                uint64_t memory = 0;

                MAP_FOREACH (entry, &world->hosts[i].placed) {
                        RecordKey key = {.type = RECORD_INSTANCE};

                        must(instance_id_parse(entry->key, &key.instance));
                        memory += store_get(world, &key)->instance.memory_bytes;
                }
                if (memory > world->config.memory_bytes)
                        trace_violation(world, "%s has more memory given out than there is",
                                        world->hosts[i].name);
        }
}

static void check_addresses(World *world)
{
        Map seen = {};

        MAP_FOREACH (entry, &world->store) {
                const Record *record = entry->value;
                char text[IP_TEXT_MAX];

                if (record->type == RECORD_INSTANCE) {
                        ip_format(&record->instance.address, text);
                        if (map_contains(&seen, text))
                                trace_violation(world, "address %s is given out twice", text);
                        must(map_put(&seen, text, NULL));
                }
        }
        map_deinit(&seen);
}

void world_check_quiet(World *world)
{
        if (world->violation[0])
                return;
        MAP_FOREACH (entry, &world->store) {
                const Record *record = entry->value;

                if (record->type == RECORD_INSTANCE)
                        check_instance(world, &record->instance);
                else if (record->type == RECORD_SERVICE)
                        check_owners(world, &record->service);
                else if (record->type == RECORD_DEPLOYMENT && record->deployment.deleting)
                        trace_violation(world, "%s is not deleted in the end",
                                        record->deployment.id);
                else if (record->type == RECORD_DEPLOYMENT) {
                        check_counts(world, &record->deployment);
                        check_os(world, &record->deployment);
                } else if (record->type == RECORD_OPERATION &&
                           record->operation.state == OPERATION_RUNNING)
                        trace_violation(world, "%s (%s) still runs in the end: %s",
                                        record->operation.id,
                                        operation_kind_to_string(record->operation.kind),
                                        record->operation.message);
                else if (record->type == RECORD_OBSERVED) {
                        RecordKey key = {.type = RECORD_INSTANCE, .instance = record->observed.id};
                        const Record *i = store_get(world, &key);

                        if (!i || !str_equal(i->instance.host, record->observed.host))
                                trace_violation(world, "%s is left behind", entry->key);
                }
        }
        MAP_FOREACH (entry, &world->running) {
                RecordKey key = {.type = RECORD_INSTANCE};

                must(instance_id_parse(entry->key, &key.instance));
                if (!store_get(world, &key))
                        trace_violation(world, "%s runs and is not wanted", entry->key);
        }
        check_capacity(world);
        check_addresses(world);
}
