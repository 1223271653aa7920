/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which hosts hold a package or a guest OS, by its record, and whether this host is to make one
 * more copy (fabric/holders.h). */

#include <stdbool.h>

#include "hostd/store.h"

/* A holder that is lost is waited for so long, or as many leases as COPIES_GRACE_LEASES take. */
#define COPIES_GRACE_NS     (30 * NSEC_PER_SEC)
#define COPIES_GRACE_LEASES 3U

typedef struct Copies Copies;

/**
 * copies_new() - Make it
 * @store:      borrowed
 * @host:       this one's name; copied
 * @ret_copies: owned
 *
 * Return: 0; -ENOMEM.
 */
int copies_new(const Store *store, const char *host, Copies **ret_copies);

/** copies_free() - Free it */
Copies *copies_free(Copies *copies);
DEFINE_CLEANUP(Copies *, copies_free)

/** copies_holders() - Names of those that hold what a RECORD_PACKAGE or RECORD_OS is about */
const RecordName *copies_holders(const Record *record, size_t *ret_n);

/** copies_holds() - Whether a host is among them */
bool copies_holds(const Record *record, const char *host);

/** copies_are_full() - Whether the record has no room for another holder */
bool copies_are_full(const Record *record);

/**
 * copies_is_chosen() - Whether there are too few copies, and it is on this host to make one
 * @copies: copies; remembers since when a lost holder is waited for, which may come back in a
 * moment
 * @record: RECORD_PACKAGE or RECORD_OS
 * @digest: of its bytes
 */
bool copies_is_chosen(Copies *copies, const Record *record, const char *digest);
