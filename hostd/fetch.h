/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Fetches blobs from the hosts that hold them. A blob is asked of one holder at a time; when the
 * connection breaks it is gone on with where it broke, at the next holder if there is one; what
 * comes is written and digested on a Worker's thread, and is a blob of the store only when its
 * digest is right. A holder whose bytes were wrong is not asked again for FETCH_BAD_NS. Memory that
 * a fetch takes is bounded, whatever the size of the blob. */

#include "hostd/blob.h"
#include "hostd/fetch-holders.h"
#include "hostd/worker.h"
#include "lib/base/ip.h"
#include "lib/io/http.h"

#define FETCH_ACTIVE_MAX     4 /* at once; the others wait */
#define FETCH_MESSAGE_MAX    (BLOB_MESSAGE_MAX + 128U)
#define FETCH_PATH           "/1/blobs/" /* and the digest: what is asked of a holder */
#define FETCH_BAD_NS         (600 * NSEC_PER_SEC)
#define FETCH_STALL_NS       (10 * NSEC_PER_SEC) /* without a byte: the next holder */
#define FETCH_SOON_NS        (20 * NSEC_PER_MSEC)
#define FETCH_RETRY_FIRST_NS (NSEC_PER_SEC / 2)
#define FETCH_TRIES          6
#define FETCH_RETRY_LAST_NS  (30 * NSEC_PER_SEC)

typedef struct Fetcher Fetcher;

typedef struct FetcherConfig {
        sd_event *event;
        Http *http;       /* borrowed */
        Worker *worker;   /* borrowed */
        BlobStore *blobs; /* borrowed */
        void *userdata;
        /* Who has it now, in the order they are to be asked; asked before each attempt. Returns how
         * many of @ret_sources were set */
        size_t (*sources)(void *userdata, const char *digest,
                          FetchSource ret_sources[static FETCH_SOURCES_MAX]);
        /* Where a source has it, owned; NULL when memory is short. Without it: its url, FETCH_PATH
         * and the digest */
        char *(*url)(void *userdata, const FetchSource *source, const char *digest);
        /* How to speak to them; borrowed until the loop goes on. Without it: as anyone does */
        HttpTls (*tls)(void *userdata);
        /* The blob is in the store, and held (blob_hold()): to be released once it is referred to.
         * A fetch goes on until this or fetcher_cancel() */
        void (*done)(void *userdata, const char *digest);
        /* Instead, where there is this: it is given up when the bytes were wrong, the source does
         * not have it, the disk has no room, or FETCH_TRIES in a row brought nothing. Nothing of it
         * is left. @error: -EBADMSG, -ENOSPC, -ENOENT, or anything else */
        void (*failed)(void *userdata, const char *digest, int error, const char *why);
        /* The last fetch was cancelled or given up, and no job of any runs; or NULL */
        void (*idle)(void *userdata);
} FetcherConfig;

/* How a fetch is getting on. */
typedef struct FetchProgress {
        uint64_t bytes, size;
        const char *host;    /* that it comes from; "" when it comes from nobody just now */
        const char *problem; /* why not, for people; "" when there is none */
} FetchProgress;

/**
 * fetcher_new() - Make a fetcher
 * @config:      copied
 * @ret_fetcher: owned
 *
 * Return: 0; -ENOMEM.
 */
int fetcher_new(const FetcherConfig *config, Fetcher **ret_fetcher);

/** fetcher_free() - Give all up; to be called before its worker is freed, which has to have run dry
 * of what it submitted: see fetcher_stop() */
Fetcher *fetcher_free(Fetcher *fetcher);
DEFINE_CLEANUP(Fetcher *, fetcher_free)

/** fetcher_stop() - Ask nobody any more; jobs that are under way end on the worker. Call it before
 * worker_free(), and fetcher_free() after that */
void fetcher_stop(Fetcher *fetcher);

/**
 * fetcher_want() - Fetch a blob, unless it is being fetched already
 * @fetcher: fetcher
 * @digest:  SHA-256
 * @size:    bytes
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int fetcher_want(Fetcher *fetcher, const char *digest, uint64_t size);

/** fetcher_cancel() - Nobody wants it any more; what has come of it is removed */
void fetcher_cancel(Fetcher *fetcher, const char *digest);

/** fetcher_is_idle() - Whether nothing is being fetched, and no job of what was cancelled runs */
bool fetcher_is_idle(const Fetcher *fetcher);

/** fetcher_progress() - How a fetch is getting on; false when it is not being fetched */
bool fetcher_progress(const Fetcher *fetcher, const char *digest, FetchProgress *ret_progress);

/** fetcher_retry() - There may be new holders: fetches that pause are begun again now */
void fetcher_retry(Fetcher *fetcher);
