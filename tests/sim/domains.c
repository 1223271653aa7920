/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Upgrade domains, taken from numbers and counts and not from what the core says they are. */

#include "tests/sim/domains.h"

#include <string.h>

#include "lib/base/str.h"
#include "tests/sim/controller.h"
#include "tests/sim/store.h"
#include "tests/sim/trace.h"
#include "tests/sim/vm.h"

static bool is_known_ready(const Controller *leader, const InstanceRecord *instance)
{
        RecordKey key = {.type = RECORD_OBSERVED, .instance = instance->id};
        const Record *observed, *alive;

        memcpy(key.name, instance->host, sizeof(RecordName));
        observed = fabric_record(leader->fabric, &key);
        key.type = RECORD_ALIVE;
        alive = fabric_record(leader->fabric, &key);
        return alive && !map_contains(&leader->silent, instance->host) && observed &&
               instance->power == POWER_RUNNING &&
               observed->observed.incarnation == instance->incarnation &&
               observed->observed.status == STATUS_READY_ROLE &&
               memcmp(observed->observed.done, instance->wanted, sizeof(instance->wanted)) == 0;
}

/* Somebody wants this very instance to be rebooted, reimaged or rebuilt. */
static bool is_asked_for(const World *world, const InstanceId *id)
{
        MAP_FOREACH (entry, &world->store[RECORD_OPERATION]) {
                const OperationRecord *o = &((const Record *) entry->value)->operation;

                if (o->state == OPERATION_RUNNING && o->instance.role[0] &&
                    memcmp(&o->instance, id, sizeof(*id)) == 0)
                        return true;
        }
        return false;
}

static bool is_taken_down(const InstanceRecord *old, const InstanceRecord *new)
{
        bool healed = old->rung != new->rung || old->heals != new->heals;

        return !healed && (new->power != POWER_RUNNING || new->incarnation > old->incarnation ||
                           memcmp(new->wanted, old->wanted, sizeof(new->wanted)) != 0);
}

static void take(World *world, const InstanceRecord *instance, const DeploymentRole *role)
{
        uint32_t n = MAX(role->upgrade_domains, 1u);
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(&instance->id, id);
        MAP_FOREACH (entry, &world->taken) {
                InstanceId other;

                must(instance_id_parse(entry->key, &other));
                if (str_equal(other.deployment, instance->id.deployment) &&
                    str_equal(other.role, instance->id.role) && other.number < role->count &&
                    other.number % n != instance->id.number % n)
                        trace_violation(world,
                                        "%s is taken down while %s of another upgrade domain is",
                                        id, entry->key);
        }
        must(map_put(&world->taken, id, NULL));
}

void domains_break(World *world, const char *id)
{
        if (map_contains(&world->taken, id))
                map_remove(&world->taken, id);
}

static void give_back(World *world, const InstanceId *instance)
{
        char id[RECORD_KEY_MAX + 1];

        domains_break(world, instance_id_format(instance, id));
}

void domains_change(World *world, const Record *old, const Record *new)
{
        const DeploymentRole *role;
        const Controller *leader = controller_leading(world);

        if (!old || !new) {
                give_back(world, old ? &old->instance.id : &new->instance.id);
                return;
        }
        role = store_role(world, &old->instance.id);
        if (role && old->instance.id.number < role->count && leader &&
            is_known_ready(leader, &old->instance) &&
            is_taken_down(&old->instance, &new->instance) &&
            !is_asked_for(world, &old->instance.id))
                take(world, &new->instance, role);
}

void domains_observe(World *world, const ObservedRecord *observed)
{
        RecordKey key = {.type = RECORD_INSTANCE, .instance = observed->id};
        const Record *record = store_get(world, &key);
        InstanceStatus status = observed->status;

        if (!record || !str_equal(record->instance.host, observed->host) ||
            record->instance.power != POWER_RUNNING ||
            record->instance.incarnation != observed->incarnation ||
            memcmp(record->instance.wanted, observed->done, sizeof(observed->done)) != 0)
                return;
        if (status == STATUS_READY_ROLE || status == STATUS_UNRESPONSIVE_ROLE ||
            status == STATUS_FAILED_STARTING_VM ||
            (status == STATUS_CYCLING_ROLE && !vm_os_is_bad(record->instance.os_version)))
                give_back(world, &observed->id);
}

void domains_lose(World *world, const SimHost *host)
{
        MAP_FOREACH (entry, &host->placed) {
                InstanceId id;

                must(instance_id_parse(entry->key, &id));
                give_back(world, &id);
        }
}
