/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Fetches a guest operating system from an HTTP source: a directory with SHA256SUMS,
 * SHA256SUMS.gpg and what they name. Nothing of it is believed but what the list says that was
 * signed with this host's update key, and nothing of it is unbounded. One at a time. What has been
 * fetched is in a blob store of its own, from which an OsIntake takes it. */

#include "hostd/blob.h"
#include "hostd/os-offer.h"

#define OS_SOURCE_LIMIT_NS (2 * 3600 * NSEC_PER_SEC) /* what has not come by then does not */

typedef struct OsSource OsSource;

typedef struct OsSourceConfig {
        sd_event *event;
        Worker *worker;        /* borrowed */
        const char *directory; /* its own; made, and emptied */
        const char *keyring;   /* NULL: the host's (os-signature.h) */
        void *userdata;
        /* What came of it. Unless it failed or is known, result->manifest is the source's and the
         * files are blobs of os_source_blobs(),
         * and held; os_source_end() is called when they have been taken */
        void (*done)(void *userdata, const OsOfferResult *result);
} OsSourceConfig;

typedef struct OsSourceProgress {
        const char *url; /* "" when nothing is under way */
        const char *family, *version;
        uint64_t bytes, size; /* 0 while it is not known */
} OsSourceProgress;

/**
 * os_source_new() - Make it; what a hostd that was killed has left goes
 * @config:     copied
 * @ret_source: owned
 *
 * Return: 0; a negative errno.
 */
int os_source_new(const OsSourceConfig *config, OsSource **ret_source);

/** os_source_stop() - Ask nobody any more, and call no one: before the worker is freed */
void os_source_stop(OsSource *source);

/** os_source_free() - Free it, after its worker */
OsSource *os_source_free(OsSource *source);
DEFINE_CLEANUP(OsSource *, os_source_free)

/**
 * os_source_fetch() - Begin
 * @source:  source
 * @url:     url_is_directory() of OS_OFFER_URL_MAX
 * @name:    `FAMILY/VERSION`; "": the newest, unless the cluster has a newer one
 * @known:   versions that the cluster has; copied
 * @n_known: how many
 *
 * Return: 0, and done() will be called; -EBUSY when one is under way; -EINVAL; -ENOMEM.
 */
int os_source_fetch(OsSource *source, const char *url, const char *name, const OsRecord *known,
                    size_t n_known);

/** os_source_cancel() - Nobody waits for it any more: done() is not called, and nothing is left */
void os_source_cancel(OsSource *source);

/** os_source_end() - What was fetched has been taken, or was refused: what is left of it goes */
void os_source_end(OsSource *source);

/** os_source_blobs() - Where the files are */
BlobStore *os_source_blobs(OsSource *source);

/** os_source_progress() - How far it is; texts are the source's */
void os_source_progress(const OsSource *source, OsSourceProgress *ret_progress);
