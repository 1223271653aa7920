/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The content-addressed store of packages and of the payloads taken out of them. A file is there
 * whole or not at all, its bytes were checked against its digest when it came, and it never
 * changes: so it is readable by all and shared by all VMs of the host. Everything here blocks and
 * may be called on several of a Worker's threads at once. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define BLOB_DIGEST_LENGTH 64 /* SHA-256 in lower-case hexadecimal digits */
#define BLOB_MESSAGE_MAX   600U
#define BLOB_PREFIX        "sha256-"
#define BLOB_PART_PREFIX   ".part-"    /* what is being fetched (blob-part.h) */
#define BLOB_PART_KEEP_S   (24 * 3600) /* one that nobody goes on with is kept for so long */

typedef struct BlobStore BlobStore;

enum {
        BLOB_REFUSED = 1, /* the bytes are not what they should be; the message says why */
};

/**
 * blob_store_open() - Open the store in a directory, and throw away what a crash has left half
 * written
 * @dir:       directory that is there and may be written
 * @ret_store: owned
 *
 * Return: 0; a negative errno.
 */
int blob_store_open(const char *dir, BlobStore **ret_store);

/**
 * blob_store_close() - Free the store's memory
 *
 * Return: NULL.
 */
BlobStore *blob_store_close(BlobStore *store);
DEFINE_CLEANUP(BlobStore *, blob_store_close)

/**
 * blob_ingest() - Copy bytes into the store
 * @store:       store
 * @fd:          read from where it stands to its end; may be a pipe
 * @max_bytes:   more is refused
 * @expected:    digest that it must have; NULL for any
 * @ret_digest:  its digest
 * @ret_bytes:   its size
 * @ret_message: on BLOB_REFUSED why
 *
 * The blob is held, which keeps blob_collect() from it, until blob_release(): so that it can be
 * referred to first.
 *
 * Return: 0, also when the store has it already; BLOB_REFUSED; a negative errno.
 */
int blob_ingest(BlobStore *store, int fd, uint64_t max_bytes, const char *expected,
                char ret_digest[static BLOB_DIGEST_LENGTH + 1], uint64_t *ret_bytes,
                char ret_message[static BLOB_MESSAGE_MAX]);

/** blob_release() - A blob that was ingested is referred to now, or never will be; does not block
 */
void blob_release(BlobStore *store, const char *digest);

/** blob_hold() - Keep blob_collect() from a blob until blob_release(); 0 or -ENOMEM, does not block
 */
int blob_hold(BlobStore *store, const char *digest);

/** blob_store_dir() - The directory, open; the store's */
int blob_store_dir(const BlobStore *store);

/** blob_is_digest() - Whether a text is the digest of something */
bool blob_is_digest(const char *text);

/** blob_commit() - Make a written file of the store whole, and give it its name; or remove it: 0 or
 * a negative errno */
int blob_commit(BlobStore *store, int fd, const char *name, const char *final);

/**
 * blob_path() - Where a blob is, or would be
 *
 * Return: owned path, NULL when memory is short.
 */
char *blob_path(const BlobStore *store, const char *digest);

/** blob_exists() - Whether the store has a blob */
bool blob_exists(const BlobStore *store, const char *digest);

/**
 * blob_payload() - The payload of a role, taken out of its package if that has not been done yet
 * @store:       store
 * @package:     digest of the package
 * @role:        role
 * @ret_path:    owned path of the read-only EROFS image
 * @ret_message: on BLOB_REFUSED why
 *
 * The package is verified whole before anything is taken out, and the payload against its digest
 * while it is.
 *
 * Return: 0; BLOB_REFUSED; -ENOENT when the store does not have the package; a negative errno.
 */
int blob_payload(BlobStore *store, const char *package, const char *role, char **ret_path,
                 char ret_message[static BLOB_MESSAGE_MAX]);

/**
 * blob_collect() - Remove what nothing refers to and nobody holds
 * @store:   store
 * @digests: packages that are to stay; their payloads stay with them
 * @count:   how many
 *
 * Return: how many files were removed; a negative errno.
 */
int blob_collect(BlobStore *store, const char *const *digests, size_t count);
