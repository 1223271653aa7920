/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Holders take turns, so that one that is slow or lies does not stand in the way of the others. */

#include "hostd/fetch-holders.h"

#include <stdio.h>
#include <stdlib.h>

#include "hostd/blob.h"
#include "lib/base/str.h"

#define KEY_BYTES (BLOB_DIGEST_LENGTH + 1 + sizeof(((FetchSource *) NULL)->host))

void fetch_holders_init(FetchHolders *holders)
{
        *holders = (FetchHolders) {.avoided.value_free = free};
}

void fetch_holders_deinit(FetchHolders *holders)
{
        map_deinit(&holders->avoided);
}

static void key_of(const char *digest, const char *host, char key[static KEY_BYTES])
{
        snprintf(key, KEY_BYTES, "%s %s", digest, host);
}

void fetch_holders_avoid(FetchHolders *holders, const char *digest, const char *host,
                         uint64_t until_ns)
{
        uint64_t *until = malloc(sizeof(*until));
        char key[KEY_BYTES];

        if (!until)
                return;
        *until = until_ns;
        key_of(digest, host, key);
        if (map_put(&holders->avoided, key, until) < 0)
                free(until);
}

static bool is_avoided(const FetchHolders *holders, const char *digest, const char *host,
                       uint64_t now_ns)
{
        const uint64_t *until;
        char key[KEY_BYTES];

        key_of(digest, host, key);
        until = map_get(&holders->avoided, key);
        return until && *until > now_ns;
}

void fetch_holders_forget(FetchHolders *holders, const char *digest)
{
        MAP_FOREACH (entry, &holders->avoided)
                if (str_after(entry->key, digest))
                        free(map_remove(&holders->avoided, entry->key));
}

const FetchSource *fetch_holders_pick(FetchHolders *holders, const char *digest,
                                      const FetchSource *sources, size_t n_sources,
                                      const char *last, uint64_t now_ns)
{
        size_t first = 0;

        for (size_t i = 0; i < n_sources; i++)
                if (str_equal(sources[i].host, last))
                        first = i + 1;
        for (size_t i = 0; i < n_sources; i++) {
                const FetchSource *source = &sources[(first + i) % n_sources];

                if (!is_avoided(holders, digest, source->host, now_ns))
                        return source;
        }
        return NULL;
}
