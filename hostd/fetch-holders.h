/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which holder of a blob is asked next, and which are not asked for a while: their bytes were
 * wrong, or they do not have it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/map.h"

#define FETCH_SOURCES_MAX 16

/* A host that may have it. */
typedef struct FetchSource {
        char host[64];
        char url[128]; /* `https://192.0.2.1:7400`, to which FETCH_PATH and the digest are added */
} FetchSource;

typedef struct FetchHolders {
        Map avoided; /* `DIGEST HOST` → uint64_t, until when it is not asked */
} FetchHolders;

/** fetch_holders_init() - All are asked */
void fetch_holders_init(FetchHolders *holders);

/** fetch_holders_deinit() - Forget all */
void fetch_holders_deinit(FetchHolders *holders);

/**
 * fetch_holders_avoid() - Do not ask a host for a blob for a while
 * @holders:  holders
 * @digest:   of the blob
 * @host:     host
 * @until_ns: CLOCK_BOOTTIME
 *
 * When memory is short it may be asked again.
 */
void fetch_holders_avoid(FetchHolders *holders, const char *digest, const char *host,
                         uint64_t until_ns);

/** fetch_holders_forget() - A blob is not fetched any more: whom not to ask for it does not matter
 */
void fetch_holders_forget(FetchHolders *holders, const char *digest);

/**
 * fetch_holders_pick() - The next one behind the one that was asked last
 * @holders:    holders
 * @digest:     of the blob
 * @sources:    who has it, in the order they are to be asked
 * @n_sources:  how many
 * @last:       host that was asked last; "" for none
 * @now_ns:     CLOCK_BOOTTIME
 *
 * Return: one of @sources; NULL when there is none that may be asked now.
 */
const FetchSource *fetch_holders_pick(FetchHolders *holders, const char *digest,
                                      const FetchSource *sources, size_t n_sources,
                                      const char *last, uint64_t now_ns);
