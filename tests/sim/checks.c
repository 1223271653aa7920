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

static void check_instance(World *world, const InstanceRecord *instance)
{
        const SimHost *host = &world->hosts[host_index(world, instance->host)];
        char id[RECORD_KEY_MAX + 1];
        const Vm *vm;

        vm = map_get(&host->vms, instance_id_format(&instance->id, id));
        if (vm && vm_os_is_bad(vm->os) && vm->running)
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

        MAP_FOREACH (entry, &world->store[RECORD_OS]) {
                const OsRecord *os = &((const Record *) entry->value)->os;

                if (!os->disabled &&
                    (!newest || guest_os_compare(newest->version, os->version) < 0))
                        newest = os;
        }
        MAP_FOREACH (entry, &world->store[RECORD_INSTANCE]) {
                const InstanceRecord *instance = &((const Record *) entry->value)->instance;

                /* on the way back to a bad one each domain waits for the one before for ever */
                if (str_equal(instance->id.deployment, deployment->id) &&
                    !str_equal(instance->os_version, deployment->os_current) &&
                    !vm_os_is_bad(deployment->os_current))
                        trace_violation(world, "%s runs guest OS %s in the end, not %s", entry->key,
                                        instance->os_version, deployment->os_current);
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

static uint32_t count_vips(const World *world, const char *host)
{
        uint32_t n = 0;

        MAP_FOREACH (entry, &world->store[RECORD_SERVICE]) {
                const ServiceRecord *service = &((const Record *) entry->value)->service;

                for (unsigned slot = 0; slot < SLOTS; slot++)
                        n += service->slots[slot].vip.family != 0 &&
                             str_equal(service->slots[slot].owner, host);
        }
        return n;
}

static bool takes_vips(const World *world, unsigned index)
{
        RecordKey key = {.type = RECORD_HOST};
        const Record *record;

        memcpy(key.name, world->hosts[index].name, sizeof(RecordName));
        record = store_get(world, &key);
        return record && !record->host.cordoned && !record->host.draining;
}

/* No host is left with more than twice its share of the VIPs. One that is cordoned gets none while
 * there is another, and keeps what it has. */
static void check_even(World *world)
{
        uint32_t total = 0, n_hosts = 0, share;

        if (world->config.n_hosts > 100)
                return; /* it would take longer than a run */
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                if (!takes_vips(world, i))
                        continue;
                total += count_vips(world, world->hosts[i].name);
                n_hosts++;
        }
        share = n_hosts > 0 ? (total + n_hosts - 1) / n_hosts : 0;
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                if (takes_vips(world, i) && count_vips(world, world->hosts[i].name) > 2 * share)
                        trace_violation(world, "%s has %u of %u VIPs in the end",
                                        world->hosts[i].name,
                                        count_vips(world, world->hosts[i].name), total);
}

static void check_capacity(World *world)
{
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                if (world->hosts[i].used.memory_bytes > world->config.memory_bytes)
                        trace_violation(world, "%s has more memory given out than there is",
                                        world->hosts[i].name);
        }
}

static void check_addresses(World *world)
{
        Map seen = {};

        MAP_FOREACH (entry, &world->store[RECORD_INSTANCE]) {
                char text[IP_TEXT_MAX];

                ip_format(&((const Record *) entry->value)->instance.address, text);
                if (map_contains(&seen, text))
                        trace_violation(world, "address %s is given out twice", text);
                must(map_put(&seen, text, NULL));
        }
        map_deinit(&seen);
}

static void check_observed(World *world, const ObservedRecord *observed)
{
        RecordKey key = {.type = RECORD_INSTANCE, .instance = observed->id};
        const Record *i = store_get(world, &key);
        char id[RECORD_KEY_MAX + 1];

        if (!i || !str_equal(i->instance.host, observed->host))
                trace_violation(world, "%s is left behind on %s",
                                instance_id_format(&observed->id, id), observed->host);
}

static void check_deployment(World *world, const DeploymentRecord *deployment)
{
        if (deployment->deleting) {
                trace_violation(world, "%s is not deleted in the end", deployment->id);
                return;
        }
        check_counts(world, deployment);
        check_os(world, deployment);
}

void check_host_update(World *world, const HostRecord *old, const HostRecord *new)
{
        if (!new->update.boot[0] || old->update.boot[0])
                return;
        if (map_size(&world->hosts[host_index(world, new->name)].placed) > 0)
                trace_violation(world, "%s is to restart with instances on it", new->name);
        MAP_FOREACH (entry, &world->store[RECORD_HOST]) {
                const Record *other = entry->value;

                if (other->host.update.boot[0] &&
                    !str_equal(other->host.fault_domain, new->fault_domain))
                        trace_violation(world, "%s is to restart while %s of another domain is",
                                        new->name, other->host.name);
        }
}

static void check_record(World *world, const Record *record)
{
        if (record->type == RECORD_INSTANCE)
                check_instance(world, &record->instance);
        else if (record->type == RECORD_SERVICE)
                check_owners(world, &record->service);
        else if (record->type == RECORD_DEPLOYMENT)
                check_deployment(world, &record->deployment);
        else if (record->type == RECORD_OPERATION && record->operation.state == OPERATION_RUNNING)
                trace_violation(world, "%s (%s) still runs in the end: %s", record->operation.id,
                                operation_kind_to_string(record->operation.kind),
                                record->operation.message);
        else if (record->type == RECORD_OBSERVED)
                check_observed(world, &record->observed);
        else if (record->type == RECORD_HOST && record->host.update.operation[0])
                trace_violation(world, "%s is part of an update in the end", record->host.name);
}

void world_check_quiet(World *world)
{
        if (world->violation[0])
                return;
        for (unsigned type = 0; type < RECORD_TYPES; type++)
                MAP_FOREACH (entry, &world->store[type])
                        check_record(world, entry->value);
        MAP_FOREACH (entry, &world->running) {
                RecordKey key = {.type = RECORD_INSTANCE};

                must(instance_id_parse(entry->key, &key.instance));
                if (!store_get(world, &key))
                        trace_violation(world, "%s runs and is not wanted", entry->key);
        }
        check_capacity(world);
        check_even(world);
        check_addresses(world);
}
