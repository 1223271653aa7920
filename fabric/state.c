/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The mirror: making, finding and dropping records, and the list of changes. A record is dirty at
 * most once a step, so a plan has one write for each key: its state at the end of the step. */

#include "fabric/state.h"

#include <stdio.h>

#include "lib/base/array.h"
#include "lib/base/hash.h"
#include "lib/base/str.h"

/* How much stands before the Item in what holds a record of each type. */
static size_t holder_offset(RecordType type)
{
        switch (type) {
        case RECORD_DEPLOYMENT:
                return offsetof(Deployment, item);
        case RECORD_INSTANCE:
                return offsetof(Instance, item);
        case RECORD_OPERATION:
                return offsetof(Operation, item);
        case RECORD_PACKAGE:
                return offsetof(Package, item);
        case RECORD_OS:
                return offsetof(GuestOs, item);
        default:
                return 0;
        }
}

static void item_free(Item *item)
{
        size_t offset = holder_offset(item->record.type);

        if (item->record.type == RECORD_DEPLOYMENT) {
                Deployment *deployment = CONTAINER_OF(item, Deployment, item);

                for (size_t i = 0; i < RECORD_ROLES_MAX; i++)
                        free(deployment->roles[i].instances);
                free(deployment->addresses);
        }
        record_deinit(&item->record);
        free((char *) item - offset);
}

void state_copy_name(char *target, size_t size, const char *text)
{
        size_t length = strlen(text);

        assert(length < size);
        memset(target, 0, size);
        memcpy(target, text, length);
}

static void record_set_key(Record *record, const RecordKey *key)
{
        switch (key->type) {
        case RECORD_HOST:
                SET_NAME(record->host.name, key->name);
                break;
        case RECORD_ALIVE:
                SET_NAME(record->alive.host, key->name);
                break;
        case RECORD_SERVICE:
                SET_NAME(record->service.name, key->name);
                break;
        case RECORD_DEPLOYMENT:
                SET_NAME(record->deployment.id, key->name);
                break;
        case RECORD_OBSERVED:
                SET_NAME(record->observed.host, key->name);
                record->observed.id = key->instance;
                break;
        case RECORD_INSTANCE:
                record->instance.id = key->instance;
                break;
        case RECORD_OPERATION:
                SET_NAME(record->operation.id, key->name);
                break;
        case RECORD_PACKAGE:
                SET_NAME(record->package.digest, key->name);
                break;
        case RECORD_OS:
                SET_NAME(record->os.family, key->name);
                SET_NAME(record->os.version, key->version);
                break;
        case RECORD_CERTIFICATE:
                SET_NAME(record->certificate.digest, key->name);
                break;
        case RECORD_MEMBERS:
        case RECORD_TOKEN:
        case RECORD_ISSUED: /* not given to the core */
                assert(false);
                break;
        case RECORD_CLUSTER:
        case RECORD_TYPES:
                break;
        }
}

/* A key that the step has deleted and now makes again is written once, too. */
static void dirty_revive(Fabric *fabric, Item *item, const RecordKey *key)
{
        for (size_t i = 0; i < fabric->n_dirty; i++) {
                Dirty *dirty = &fabric->dirty[i];
                char a[RECORD_KEY_MAX + 1], b[RECORD_KEY_MAX + 1];

                if (dirty->item || dirty->key.type != key->type ||
                    strcmp(record_key_format(&dirty->key, a), record_key_format(key, b)) != 0)
                        continue;
                dirty->item = item;
                item->dirty = (uint32_t) i + 1;
        }
}

Item *state_add(Fabric *fabric, const RecordKey *key)
{
        size_t offset = holder_offset(key->type);
        char text[RECORD_KEY_MAX + 1];
        char *memory;
        Item *item;

        memory = calloc(1, offset + offsetof(Item, record) + record_size(key->type));
        if (!memory) {
                fabric->failed = true;
                return NULL;
        }
        item = (Item *) (void *) (memory + offset);
        item->record.type = key->type;
        record_set_key(&item->record, key);
        if (map_put(&fabric->records[key->type], record_key_format(key, text), &item->record) < 0) {
                fabric->failed = true;
                free(memory);
                return NULL;
        }
        dirty_revive(fabric, item, key);
        if (key->type == RECORD_INSTANCE)
                CONTAINER_OF(item, Instance, item)->timer.kind = TIMER_INSTANCE;
        else if (key->type == RECORD_OPERATION)
                CONTAINER_OF(item, Operation, item)->timer.kind = TIMER_OPERATION;
        else if (key->type == RECORD_PACKAGE)
                CONTAINER_OF(item, Package, item)->timer.kind = TIMER_PACKAGE;
        else if (key->type == RECORD_OS)
                CONTAINER_OF(item, GuestOs, item)->timer.kind = TIMER_GUEST_OS;
        return item;
}

Item *state_put(Fabric *fabric, const Record *record)
{
        RecordKey key = record_key_of(record);
        Record *there = state_get(fabric, &key);
        Item *item = there ? ITEM_OF(there) : state_add(fabric, &key);

        if (!item)
                return NULL;
        record_deinit(&item->record);
        if (record_copy(record, &item->record) < 0)
                fabric->failed = true; /* its texts are the caller's: let go of them */
        if (fabric->failed) {
                Record none = {.type = record->type};

                memcpy(&item->record, &none, record_size(record->type));
                record_set_key(&item->record, &key);
                return NULL;
        }
        return item;
}

Record *state_get(const Fabric *fabric, const RecordKey *key)
{
        char text[RECORD_KEY_MAX + 1];

        return map_get(&fabric->records[key->type], record_key_format(key, text));
}

Record *state_get_named(const Fabric *fabric, RecordType type, const char *name)
{
        RecordKey key = {.type = type};

        if (strlen(name) >= sizeof(key.name))
                return NULL;
        SET_NAME(key.name, name);
        return state_get(fabric, &key);
}

static void dirty_guard(Dirty *dirty, Host *guard)
{
        for (unsigned i = 0; i < dirty->n_guards; i++)
                if (dirty->guards[i] == guard)
                        return;
        assert(dirty->n_guards < ARRAY_SIZE(dirty->guards));
        dirty->guards[dirty->n_guards++] = guard;
}

void state_touch_guarded(Fabric *fabric, Item *item, Host *guard)
{
        Dirty dirty = {.item = item};

        if (item->dirty == 0) {
                if (ARRAY_APPEND(fabric->dirty, fabric->n_dirty, dirty) < 0) {
                        fabric->failed = true;
                        return;
                }
                item->dirty = (uint32_t) fabric->n_dirty;
        }
        if (guard)
                dirty_guard(&fabric->dirty[item->dirty - 1], guard);
}

void state_touch(Fabric *fabric, Item *item)
{
        state_touch_guarded(fabric, item, NULL);
}

void state_forget(Fabric *fabric, Item *item)
{
        RecordKey key = record_key_of(&item->record);
        char text[RECORD_KEY_MAX + 1];

        if (item->dirty > 0) {
                fabric->dirty[item->dirty - 1].item = NULL;
                fabric->dirty[item->dirty - 1].key = key;
        }
        if (ARRAY_APPEND(fabric->garbage, fabric->n_garbage, item) < 0)
                fabric->failed = true; /* it stays where it is, to be freed with the rest */
        else
                map_remove(&fabric->records[key.type], record_key_format(&key, text));
}

void state_drop(Fabric *fabric, Item *item)
{
        state_touch(fabric, item);
        state_forget(fabric, item);
}

void state_free_garbage(Fabric *fabric)
{
        for (size_t i = 0; i < fabric->n_garbage; i++)
                item_free(fabric->garbage[i]);
        fabric->n_garbage = 0;
}

void state_deinit(Fabric *fabric)
{
        timers_deinit(&fabric->timers);
        state_free_garbage(fabric);
        for (unsigned type = 0; type < RECORD_TYPES; type++) {
                MAP_FOREACH (entry, &fabric->records[type])
                        item_free(ITEM_OF(entry->value));
                map_deinit(&fabric->records[type]);
        }
        MAP_FOREACH (entry, &fabric->hosts) {
                Host *host = entry->value;

                free(host->instances);
                free(host);
        }
        map_deinit(&fabric->hosts);
        map_deinit(&fabric->domains);
        place_deinit(&fabric->place);
        free(fabric->queue);
        free(fabric->dirty);
        free(fabric->garbage);
        free(fabric->transactions);
        free(fabric->writes);
        free(fabric->losses);
}

Host *state_host(Fabric *fabric, const char *name)
{
        Host *host = map_get(&fabric->hosts, name);

        if (host)
                return host;
        host = calloc(1, sizeof(*host));
        if (!host || place_host_add(&fabric->place, hash_text(name, 0), &host->place) < 0 ||
            map_put(&fabric->hosts, name, host) < 0) {
                fabric->failed = true;
                free(host);
                return NULL;
        }
        SET_NAME(host->name, name);
        host->timer.kind = TIMER_HOST;
        host->suspect_timer.kind = TIMER_SUSPECT;
        host->lost_ns = fabric->now_ns;
        return host;
}

void state_queue(Fabric *fabric, Deployment *deployment)
{
        if (deployment->queued || deployment->dropped)
                return;
        if (ARRAY_APPEND(fabric->queue, fabric->n_queue, deployment) < 0)
                fabric->failed = true;
        else
                deployment->queued = true;
}

void state_queue_host(Fabric *fabric, const Host *host)
{
        for (size_t i = 0; i < host->n_instances; i++)
                state_queue(fabric, host->instances[i]->deployment);
}

void state_timer(Fabric *fabric, Timer *timer, uint64_t at_ns)
{
        if (at_ns == FABRIC_NEVER)
                timers_clear(&fabric->timers, timer);
        else if ((timer->place == 0 || timer->at_ns != at_ns) &&
                 timers_set(&fabric->timers, timer, at_ns) < 0)
                fabric->failed = true;
}

uint64_t state_after(uint64_t from_ns, uint64_t ms)
{
        if (ms > (FABRIC_NEVER - 1 - from_ns) / NSEC_PER_MSEC)
                return FABRIC_NEVER - 1;
        return from_ns + ms * NSEC_PER_MSEC;
}
