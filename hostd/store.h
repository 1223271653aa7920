/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* This host's copy of all cluster records, kept current by a watch: what the bus shows, what the
 * host half and the controller are fed from. Nothing here decides or writes. */

#include <stdbool.h>

#include "lib/api/records.h"
#include "lib/base/map.h"
#include "lib/io/etcd.h"

typedef struct Store Store;

/* The election key. */
typedef struct StoreLeader {
        const char *host; /* NULL: nobody leads */
        int64_t create_revision;
        int64_t revision; /* at which this became so */
} StoreLeader;

/* Called in the order of the changes. Records are borrowed for the call. */
typedef struct StoreHandlers {
        void *userdata;
        /* a record is there now; @before is what it was, or NULL. The copy has the new one already
         */
        void (*put)(void *userdata, const Record *record, const Record *before);
        /* a record is gone; the copy does not have it any more */
        void (*deleted)(void *userdata, const RecordKey *key, const Record *before);
        /* somebody else leads, or nobody; also called once at the first sync */
        void (*leader)(void *userdata, const StoreLeader *leader);
        /* everything up to a revision has been handed over, whole transactions only; @reloaded:
         * everything was read anew */
        void (*synced)(void *userdata, int64_t revision, bool reloaded);
        /* the watch works or does not; @detail is "" when it does */
        void (*reachable)(void *userdata, bool reachable, const char *detail);
} StoreHandlers;

/**
 * store_new() - Begin to mirror the records
 * @etcd:      client, borrowed for the store's life
 * @handlers:  copied
 * @ret_store: owned
 *
 * Return: 0; -ENOMEM.
 */
int store_new(Etcd *etcd, const StoreHandlers *handlers, Store **ret_store);

/** store_free() - End the mirroring and free the copy */
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free)

/** store_reload() - Read everything anew; synced() is called with @reloaded at its end */
void store_reload(Store *store);

/** store_revision() - Up to which revision the copy is complete, 0: not yet */
int64_t store_revision(const Store *store);

/** store_records() - All records of a type: map from whole key to const Record *, borrowed */
const Map *store_records(const Store *store, RecordType type);

/** store_get() - One record, or NULL; borrowed until the loop goes on */
const Record *store_get(const Store *store, const RecordKey *key);

/** store_named() - The cluster (name ""), host, alive, service, deployment, operation or package of
 * a name, or NULL */
const Record *store_named(const Store *store, RecordType type, const char *name);

/** store_instance() - An instance, or NULL */
const InstanceRecord *store_instance(const Store *store, const InstanceId *id);

/** store_observed() - What the host that an instance is placed on sees of it, or NULL */
const ObservedRecord *store_observed(const Store *store, const InstanceRecord *instance);

/** store_leader() - Name of the leading host, or NULL */
const char *store_leader(const Store *store);
