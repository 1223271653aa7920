/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The watch gives a reset, all keys and a sync when it begins and when it fell behind. The old copy
 * is kept until the sync, which then drops what was not there any more: so handlers see only
 * differences, and never an empty cluster in between. */

#include "hostd/store.h"

#include "lib/api/records-json.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

typedef struct Entry {
        Record record;
        uint64_t generation; /* of the reading that has seen it */
} Entry;

struct Store {
        EtcdWatch *watch;
        StoreHandlers handlers;
        Map records[RECORD_TYPES]; /* key to Entry; the record is its first member */
        char *leader;
        uint64_t leader_generation;
        uint64_t generation;
        int64_t revision;
        bool loading; /* between reset and sync */
        bool reachable;
};

static void entry_free(void *entry)
{
        record_deinit(&((Entry *) entry)->record);
        free(entry);
}

static void tell_leader(Store *store, int64_t create_revision, int64_t revision)
{
        store->leader_generation = store->generation;
        store->handlers.leader(store->handlers.userdata,
                               &(StoreLeader) {store->leader, create_revision, revision});
}

static void put_leader(Store *store, const EtcdKv *kv)
{
        if (str_set(&store->leader, kv->value) == 0)
                tell_leader(store, kv->create_revision, kv->mod_revision);
}

static void put_record(Store *store, const EtcdKv *kv)
{
        _cleanup_free_ char *wrong = NULL;
        Entry *entry, *before;
        int r;

        entry = calloc(1, sizeof(*entry));
        if (!entry)
                return;
        r = record_decode(kv->key, kv->value, kv->length, &entry->record, &wrong);
        if (r < 0) {
                if (r != -ENOENT)
                        log_error_errno(r, "record is passed over: %s", wrong ?: kv->key);
                free(entry);
                return;
        }
        entry->generation = store->generation;
        before = map_get(&store->records[entry->record.type], kv->key);
        if (before) { /* exchanged in place, so that the old one can be shown */
                Entry old = *before;

                *before = *entry;
                free(entry);
                store->handlers.put(store->handlers.userdata, &before->record, &old.record);
                record_deinit(&old.record);
                return;
        }
        if (map_put(&store->records[entry->record.type], kv->key, entry) < 0) {
                entry_free(entry);
                return;
        }
        store->handlers.put(store->handlers.userdata, &entry->record, NULL);
}

static void drop_record(Store *store, const RecordKey *key, const char *text)
{
        Entry *entry = map_remove(&store->records[key->type], text);

        if (!entry)
                return;
        store->handlers.deleted(store->handlers.userdata, key, &entry->record);
        entry_free(entry);
}

static void drop_leader(Store *store, int64_t revision)
{
        free(store->leader);
        store->leader = NULL;
        tell_leader(store, 0, revision);
}

static void delete_key(Store *store, const EtcdKv *kv)
{
        RecordKey key;

        if (str_equal(kv->key, RECORD_LEADER_PREFIX))
                drop_leader(store, kv->mod_revision);
        else if (record_key_parse(kv->key, &key) == 0)
                drop_record(store, &key, kv->key);
}

/* After a whole reading: what it did not bring is gone. */
static void drop_unseen(Store *store, int64_t revision)
{
        for (unsigned type = 0; type < RECORD_TYPES; type++) {
                size_t index = 0;
                const MapEntry *m;

                while ((m = map_next(&store->records[type], &index))) {
                        Entry *entry = m->value;
                        RecordKey key = record_key_of(&entry->record);
                        char text[RECORD_KEY_MAX + 1];

                        if (entry->generation != store->generation)
                                drop_record(store, &key, record_key_format(&key, text));
                }
        }
        if (store->leader_generation != store->generation)
                drop_leader(store, revision);
}

static void on_event(void *userdata, const EtcdEvent *event)
{
        Store *store = userdata;
        bool reloaded = store->loading;

        switch (event->type) {
        case ETCD_EVENT_RESET:
                store->generation++;
                store->loading = true;
                break;
        case ETCD_EVENT_PUT:
                if (str_equal(event->kv.key, RECORD_LEADER_PREFIX))
                        put_leader(store, &event->kv);
                else
                        put_record(store, &event->kv);
                break;
        case ETCD_EVENT_DELETE:
                delete_key(store, &event->kv);
                break;
        case ETCD_EVENT_SYNC:
                if (store->loading)
                        drop_unseen(store, event->revision);
                store->loading = false;
                store->revision = event->revision;
                if (!store->reachable) {
                        store->reachable = true;
                        store->handlers.reachable(store->handlers.userdata, true, "");
                }
                store->handlers.synced(store->handlers.userdata, event->revision, reloaded);
                break;
        case ETCD_EVENT_LOST:
                if (store->reachable || store->revision == 0)
                        store->handlers.reachable(store->handlers.userdata, false, event->message);
                store->reachable = false;
                break;
        }
}

int store_new(Etcd *etcd, const StoreHandlers *handlers, Store **ret_store)
{
        Store *store = calloc(1, sizeof(*store));
        int r;

        if (!store)
                return -ENOMEM;
        store->handlers = *handlers;
        for (unsigned type = 0; type < RECORD_TYPES; type++)
                store->records[type].value_free = entry_free;
        r = etcd_watch_new(etcd, RECORD_PREFIX, on_event, store, &store->watch);
        if (r < 0) {
                store_free(store);
                return r;
        }
        *ret_store = store;
        return 0;
}

Store *store_free(Store *store)
{
        if (!store)
                return NULL;
        etcd_watch_free(store->watch);
        for (unsigned type = 0; type < RECORD_TYPES; type++)
                map_deinit(&store->records[type]);
        free(store->leader);
        free(store);
        return NULL;
}

void store_reload(Store *store)
{
        etcd_watch_reload(store->watch);
}

int64_t store_revision(const Store *store)
{
        return store->loading ? 0 : store->revision;
}

const Map *store_records(const Store *store, RecordType type)
{
        return &store->records[type];
}

const Record *store_get(const Store *store, const RecordKey *key)
{
        char text[RECORD_KEY_MAX + 1];

        return map_get(&store->records[key->type], record_key_format(key, text));
}

const Record *store_named(const Store *store, RecordType type, const char *name)
{
        RecordKey key = {.type = type};

        if (strlen(name) >= sizeof(key.name))
                return NULL;
        memcpy(key.name, name, strlen(name) + 1);
        return store_get(store, &key);
}

const InstanceRecord *store_instance(const Store *store, const InstanceId *id)
{
        RecordKey key = {.type = RECORD_INSTANCE, .instance = *id};
        const Record *record = store_get(store, &key);

        return record ? &record->instance : NULL;
}

const ObservedRecord *store_observed(const Store *store, const InstanceRecord *instance)
{
        RecordKey key = {.type = RECORD_OBSERVED, .instance = instance->id};
        const Record *record;

        memcpy(key.name, instance->host, sizeof(instance->host));
        record = store_get(store, &key);
        return record ? &record->observed : NULL;
}

const char *store_leader(const Store *store)
{
        return store->leader;
}
