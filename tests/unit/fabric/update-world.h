/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Hosts that say in their alive records which boot they are in, and what of an update. */

#include "tests/unit/fabric/world.h"

static inline void update_alive(World *world, const char *host, const char *boot,
                                const char *version, HostUpdateReport report)
{
        Record record;

        record_init(&record, RECORD_ALIVE);
        snprintf(record.alive.host, sizeof(RecordName), "%.63s", host);
        snprintf(record.alive.boot_id, sizeof(RecordName), "%.63s", boot);
        snprintf(record.alive.version, sizeof(RecordName), "%.63s", version);
        record.alive.update = report;
        world_put(world, &record);
}

static inline const HostRecord *update_host(World *world, const char *host)
{
        RecordKey key = {.type = RECORD_HOST};
        const Record *record;

        snprintf(key.name, sizeof(key.name), "%.63s", host);
        record = fabric_record(world->fabric, &key);
        assert_non_null(record);
        return &record->host;
}

/* @n_hosts without instances in as many fault domains or fewer, each in boot `a` with version 1. */
static inline void update_init(World *world, unsigned n_hosts, unsigned n_domains)
{
        char host[16];

        world_init(world, n_hosts, n_domains);
        for (unsigned i = 0; i < n_hosts; i++) {
                snprintf(host, sizeof(host), "h%u", i);
                update_alive(world, host, "a", "1", (HostUpdateReport) {});
        }
}

static inline FabricRefusal update_request(World *world, const char *hosts)
{
        return world_request(
                world, (FabricRequest) {.kind = FABRIC_UPDATE_HOSTS, .hosts = hosts, .url = ""});
}

/* Whether a host has been told to restart. */
static inline bool update_is_told(World *world, const char *host)
{
        return update_host(world, host)->update.boot[0];
}

/* It comes back with this version and is healthy. */
static inline void update_restart(World *world, const char *host, const char *version)
{
        HostUpdateReport report = {.healthy = true};

        SET_NAME(report.operation, update_host(world, host)->update.operation);
        world_alive(world, host, false);
        update_alive(world, host, "b", version, report);
}
