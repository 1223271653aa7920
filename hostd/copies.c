/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/copies.h"

#include "fabric/holders.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"

struct Copies {
        const Store *store;
        char *host;
        Map waiting; /* key of a record → since when a lost holder is waited for */
};

/* ---- who has it */

const RecordName *copies_holders(const Record *record, size_t *ret_n)
{
        if (record->type == RECORD_PACKAGE) {
                *ret_n = record->package.n_holders;
                return record->package.holders;
        }
        *ret_n = record->os.n_holders;
        return record->os.holders;
}

bool copies_holds(const Record *record, const char *host)
{
        size_t n;
        const RecordName *holders = copies_holders(record, &n);

        for (size_t i = 0; i < n; i++)
                if (str_equal(holders[i], host))
                        return true;
        return false;
}

bool copies_are_full(const Record *record)
{
        size_t n;

        copies_holders(record, &n);
        return n >= RECORD_HOLDERS_MAX;
}

/* ---- whether this host is to have it */

static bool list_hosts(const Copies *copies, HoldersHost **ret_hosts, size_t *ret_n)
{
        const Map *records = store_records(copies->store, RECORD_HOST);

        *ret_n = 0;
        *ret_hosts = calloc(map_size(records) + 1, sizeof(**ret_hosts));
        if (!*ret_hosts)
                return false;
        MAP_FOREACH (entry, records) {
                const HostRecord *host = &((const Record *) entry->value)->host;

                (*ret_hosts)[(*ret_n)++] = (HoldersHost) {
                        .name = host->name,
                        .fault_domain = host->fault_domain,
                        .counts = !host->draining &&
                                  store_named(copies->store, RECORD_ALIVE, host->name),
                };
        }
        return true;
}

/* A holder that is registered, and lost: it may come back in a moment. */
static bool has_lost_holder(const Copies *copies, const Record *record)
{
        size_t n;
        const RecordName *holders = copies_holders(record, &n);

        for (size_t i = 0; i < n; i++)
                if (store_named(copies->store, RECORD_HOST, holders[i]) &&
                    !store_named(copies->store, RECORD_ALIVE, holders[i]))
                        return true;
        return false;
}

static uint64_t grace_ns(const Copies *copies)
{
        const Record *cluster = store_named(copies->store, RECORD_CLUSTER, "");

        return cluster ? MIN(COPIES_GRACE_NS,
                             COPIES_GRACE_LEASES * cluster->cluster.lease_ms * NSEC_PER_MSEC)
                       : COPIES_GRACE_NS;
}

/* Whether a lost holder has been waited for long enough; begins to wait. */
static bool waited(Copies *copies, const Record *record)
{
        uint64_t now_ns = clock_boottime_ns(), *since;
        RecordKey key = record_key_of(record);
        char text[RECORD_KEY_MAX + 1];

        if (!has_lost_holder(copies, record))
                return true;
        since = map_number(&copies->waiting, record_key_format(&key, text), now_ns);
        return since && now_ns - *since >= grace_ns(copies);
}

bool copies_is_chosen(Copies *copies, const Record *record, const char *digest)
{
        _cleanup_free_ HoldersHost *hosts = NULL;
        RecordKey key = record_key_of(record);
        char text[RECORD_KEY_MAX + 1];
        size_t n_hosts, n_holders;
        const RecordName *holders = copies_holders(record, &n_holders);

        if (!list_hosts(copies, &hosts, &n_hosts))
                return false;
        if (holders_should_fetch(digest, hosts, n_hosts, holders, n_holders, copies->host))
                return waited(copies, record);
        free(map_remove(&copies->waiting, record_key_format(&key, text)));
        return false;
}

/* ---- life */

int copies_new(const Store *store, const char *host, Copies **ret_copies)
{
        _cleanup_(copies_freep) Copies *copies = calloc(1, sizeof(*copies));
        int r;

        if (!copies)
                return -ENOMEM;
        copies->store = store;
        copies->waiting.value_free = free;
        r = str_set(&copies->host, host);
        if (r < 0)
                return r;
        *ret_copies = TAKE_PTR(copies);
        return 0;
}

Copies *copies_free(Copies *copies)
{
        if (!copies)
                return NULL;
        map_deinit(&copies->waiting);
        free(copies->host);
        free(copies);
        return NULL;
}
