/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A small cluster around a Fabric for the unit tests: hosts that do at once what the records want.
 * Every plan is checked for what must hold of all plans. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fabric/fabric.h"
#include "lib/base/str.h"
#include "tests/sim/samples.h"
#include "tests/unit/test.h"

#define SECONDS(n) ((n) * NSEC_PER_SEC)

typedef struct World {
        Fabric *fabric;
        uint64_t now_ns;
        const FabricPlan *plan; /* of the last step */
        FabricRefusal refusal;  /* of the last request */
        unsigned n_operations;
        char operation[RECORD_NAME_MAX + 1]; /* of the last request */
} World;

static inline int world_step(World *world, FabricEvent event)
{
        const char *message;
        int r;

        event.time_ns = world->now_ns;
        event.realtime_us = 1000000 + world->now_ns / 1000;
        r = fabric_step(world->fabric, &event, &world->plan);
        assert_true(r == 0 || r == FABRIC_REFUSED);
        world->refusal = fabric_refusal(world->fabric, &message);
        assert_int_equal(r == FABRIC_REFUSED, world->refusal != FABRIC_NO_REFUSAL);
        assert_int_equal(world->refusal != FABRIC_NO_REFUSAL, message[0] != '\0');
        assert_true(world->plan->wake_ns > world->now_ns);
        assert_false(world->plan->unsettled);
        for (size_t i = 0; i < world->plan->n_transactions; i++) {
                const FabricTransaction *t = &world->plan->transactions[i];

                assert_in_range(t->n_writes, 1, FABRIC_WRITES_MAX);
                for (size_t a = 0; a < t->n_writes; a++)
                        for (size_t b = 0; b < a; b++)
                                assert_memory_not_equal(&t->writes[a].key, &t->writes[b].key,
                                                        sizeof(RecordKey));
        }
        return r;
}

static inline void world_put(World *world, const Record *record)
{
        world_step(world, (FabricEvent) {.type = FABRIC_RECORD_PUT, .record = record});
}

static inline void world_delete(World *world, RecordKey key)
{
        world_step(world, (FabricEvent) {.type = FABRIC_RECORD_DELETED, .key = key});
}

static inline FabricRefusal world_request(World *world, FabricRequest request)
{
        snprintf(world->operation, sizeof(world->operation), "op%u", ++world->n_operations);
        request.operation = world->operation;
        world_step(world, (FabricEvent) {.type = FABRIC_REQUEST, .request = &request});
        return world->refusal;
}

static inline void world_alive(World *world, const char *host, bool alive)
{
        Record record;

        record_init(&record, RECORD_ALIVE);
        snprintf(record.alive.host, sizeof(RecordName), "%.63s", host ?: "");
        if (alive)
                world_put(world, &record);
        else
                world_delete(world, record_key_of(&record));
}

/* A host of 8 vCPU (32 may be given out), 16 GiB and 100 GiB. */
static inline void world_host(World *world, const char *name, const char *domain)
{
        Record record;

        sample_host(name, domain, 8, 16 * GIB, 100 * GIB, &record);
        world_request(world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
        world_alive(world, name, true);
}

static inline void world_tick(World *world, uint64_t ns)
{
        world->now_ns += ns;
        world_step(world, (FabricEvent) {.type = FABRIC_TICK});
}

/* Hosts h0, h1, ... in @n_domains fault domains r0, r1, ...; one package, one guest OS. */
static inline void world_init(World *world, unsigned n_hosts, unsigned n_domains)
{
        Record record;

        *world = (World) {.now_ns = SECONDS(1000)};
        assert_int_equal(fabric_new(&world->fabric), 0);
        sample_cluster("198.18.0.13", &record);
        world_put(world, &record);
        world_step(world, (FabricEvent) {.type = FABRIC_SYNCED});
        for (unsigned i = 0; i < n_hosts; i++) {
                char host[16], domain[16];

                snprintf(host, sizeof(host), "h%u", i);
                snprintf(domain, sizeof(domain), "r%u", i % n_domains);
                world_host(world, host, domain);
        }
        sample_package(&record);
        world_request(world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
        sample_os("1", &record);
        world_request(world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
}

static inline void world_deinit(World *world)
{
        fabric_free(world->fabric);
}

/* As sample_deployment(), web's input endpoint on port 80. */
static inline DeploymentRecord world_deployment(const char *id, uint32_t webs, uint32_t workers)
{
        DeploymentRecord deployment;

        sample_deployment(id, webs, workers, 80, &deployment);
        return deployment;
}

static inline FabricRefusal world_deploy(World *world, const char *service, Slot slot,
                                         const DeploymentRecord *deployment)
{
        return world_request(world, (FabricRequest) {.kind = FABRIC_DEPLOY,
                                                     .service = service,
                                                     .slot = slot,
                                                     .deployment = deployment});
}

static inline const InstanceRecord *world_instance(World *world, const char *id)
{
        RecordKey key = {.type = RECORD_INSTANCE};
        const Record *record;

        assert_int_equal(instance_id_parse(id, &key.instance), 0);
        record = fabric_record(world->fabric, &key);
        return record ? &record->instance : NULL;
}

/* The instance's host says so, of the wanted incarnation and with all that was wanted done. */
static inline void world_observe(World *world, const InstanceRecord *instance,
                                 InstanceStatus status)
{
        RecordKey key = {.type = RECORD_DEPLOYMENT};
        const Record *deployment;
        Record record;

        assert_non_null(instance);
        memcpy(key.name, instance->id.deployment, sizeof(RecordId));
        deployment = fabric_record(world->fabric, &key);
        record_init(&record, RECORD_OBSERVED);
        memcpy(record.observed.host, instance->host, sizeof(RecordName));
        record.observed.id = instance->id;
        record.observed.incarnation = instance->incarnation;
        record.observed.status = status;
        record.observed.in_rotation = status == STATUS_READY_ROLE;
        memcpy(record.observed.done, instance->wanted, sizeof(instance->wanted));
        if (deployment)
                record.observed.configuration_generation =
                        deployment->deployment.configuration_generation;
        world_put(world, &record);
}

static inline bool world_is_alive(World *world, const char *host)
{
        RecordKey key = {.type = RECORD_ALIVE};

        snprintf(key.name, sizeof(key.name), "%.63s", host ?: "");
        return fabric_record(world->fabric, &key);
}

/* One host does one thing that is wanted: an instance becomes Ready, or stopped and removed. */
static inline bool world_settle_one(World *world)
{
        MAP_FOREACH (entry, fabric_records(world->fabric, RECORD_INSTANCE)) {
                const InstanceRecord *i = &((const Record *) entry->value)->instance;
                RecordKey key = {.type = RECORD_OBSERVED, .instance = i->id};
                InstanceStatus status =
                        i->power == POWER_RUNNING ? STATUS_READY_ROLE : STATUS_STOPPED_VM;
                const Record *o;

                memcpy(key.name, i->host, sizeof(RecordName));
                o = fabric_record(world->fabric, &key);
                if (!world_is_alive(world, i->host) ||
                    (o && o->observed.incarnation == i->incarnation &&
                     o->observed.status == status &&
                     memcmp(o->observed.done, i->wanted, sizeof(i->wanted)) == 0))
                        continue;
                world_observe(world, i, status);
                return true; /* the map may have changed */
        }
        return false;
}

/* Deletes what is observed of instances that are elsewhere, or no more. */
static inline void world_sweep(World *world)
{
        MAP_FOREACH (entry, fabric_records(world->fabric, RECORD_OBSERVED)) {
                const ObservedRecord *o = &((const Record *) entry->value)->observed;
                RecordKey key = {.type = RECORD_INSTANCE, .instance = o->id};
                const Record *i = fabric_record(world->fabric, &key);

                if ((!i || strcmp(i->instance.host, o->host) != 0) &&
                    world_is_alive(world, o->host))
                        world_delete(world, record_key_of(entry->value));
        }
}

/* All hosts do what is wanted, until nothing more is. */
static inline void world_settle(World *world)
{
        while (world_settle_one(world))
                ;
        world_sweep(world);
}

static inline const OperationRecord *world_operation(World *world, const char *id)
{
        RecordKey key = {.type = RECORD_OPERATION};
        const Record *record;

        snprintf(key.name, sizeof(key.name), "%.63s", id ?: "");
        record = fabric_record(world->fabric, &key);
        assert_non_null(record);
        return &record->operation;
}

static inline bool world_has_operation(World *world, const char *id)
{
        RecordKey key = {.type = RECORD_OPERATION};

        snprintf(key.name, sizeof(key.name), "%.63s", id ?: "");
        return fabric_record(world->fabric, &key);
}

static inline size_t world_count(World *world, RecordType type)
{
        return map_size(fabric_records(world->fabric, type));
}
