/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The spread over fault domains. */

#include "tests/sim/spread.h"

#include <string.h>

#include "lib/base/array.h"
#include "lib/base/str.h"
#include "tests/sim/host.h"
#include "tests/sim/room.h"
#include "tests/sim/store.h"
#include "tests/sim/trace.h"

#define DOMAINS_MAX 64

void spread_note(World *world, Controller *c, const Record *old, const Record *new)
{
        SpreadPlacing placing = {};

        if (old && new && old->instance.incarnation == new->instance.incarnation)
                return;
        if (old)
                world->hosts[host_index(world, old->instance.host)].freed_by = c->serial;
        if (!new)
                return;
        placing.key = record_key_of(new);
        if (old)
                memcpy(placing.from, old->instance.host, sizeof(RecordName));
        must(ARRAY_APPEND(c->placings, c->n_placings, placing));
}

void spread_note_host(World *world, const Controller *c, const Record *old, const Record *new)
{
        if (old && new && old->host.cordoned && !new->host.cordoned)
                world->hosts[host_index(world, new->host.name)].freed_by = c->serial;
}

/* How many of the role are in each domain, surge instances among themselves and with the others. */
static void count(const World *world, const InstanceRecord *instance, const DeploymentRole *role,
                  uint32_t *counts)
{
        RecordKey key = {.type = RECORD_INSTANCE, .instance = instance->id};
        bool surge = instance->id.number >= role->count;

        for (uint32_t i = 0; i < role->count + (surge ? role->surge : 0); i++) {
                const Record *record;
                unsigned host;

                key.instance.number = i;
                record = store_get(world, &key);
                if (!record)
                        continue;
                host = host_index(world, record->instance.host);
                counts[host % world->config.n_domains]++;
        }
}

static void check(World *world, const Controller *c, const SpreadPlacing *placing)
{
        const Record *record = store_get(world, &placing->key);
        PlaceSize size;
        const DeploymentRole *role = record ? store_role(world, &record->instance.id) : NULL;
        uint32_t counts[DOMAINS_MAX] = {};
        char id[RECORD_KEY_MAX + 1];
        unsigned domain;

        if (!role)
                return;
        size = room_of(&record->instance);
        count(world, &record->instance, role, counts);
        domain = host_index(world, record->instance.host) % world->config.n_domains;
        for (unsigned i = 0; i < world->config.n_hosts; i++) {
                unsigned other = i % world->config.n_domains;

                if (counts[other] + 1 >= counts[domain] || world->hosts[i].freed_by == c->serial ||
                    str_equal(world->hosts[i].name, placing->from) || !room_on(world, c, i, &size))
                        continue;
                trace_violation(world,
                                "%s is in rack%u with %u of its role, and rack%u has %u and "
                                "room on %s",
                                instance_id_format(&record->instance.id, id), domain,
                                counts[domain], other, counts[other], world->hosts[i].name);
                return;
        }
}

void spread_check(World *world, Controller *c)
{
        assert(world->config.n_domains <= DOMAINS_MAX);
        for (size_t i = 0; i < c->n_placings && c->election == world->election; i++)
                check(world, c, &c->placings[i]);
        c->n_placings = 0;
}
