/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A blob that comes in pieces, whose digest and size are known beforehand. What has come is kept
 * over a break and over a crash, and gone on with; it becomes a blob when it is all there and is
 * what it should be, and not before. All calls block: for a Worker's thread, one at a time. */

#include "hostd/blob.h"

typedef struct BlobPart BlobPart;

/**
 * blob_part_open() - Begin, or go on
 * @store:    store, borrowed for the part's life
 * @digest:   what it is to become; held from now on (blob_hold()) until blob_release(). One part of
 *            a digest at a time
 * @size:     bytes that it has when it is whole; room for them is set aside
 * @ret_part: owned
 *
 * Return: 0; -ENOSPC when there is no room for it, and then nothing of it is left; a negative
 * errno.
 */
int blob_part_open(BlobStore *store, const char *digest, uint64_t size, BlobPart **ret_part);

/** blob_part_length() - How much is there; does not block */
uint64_t blob_part_length(const BlobPart *part);

/**
 * blob_part_write() - Add bytes at the end
 *
 * Return: 0; BLOB_REFUSED when there are more than there should be; a negative errno.
 */
int blob_part_write(BlobPart *part, const void *data, size_t length);

/** blob_part_restart() - Forget what has come: it is not to be believed; 0 or a negative errno */
int blob_part_restart(BlobPart *part);

/**
 * blob_part_finish() - All has come: make it a blob
 * @part:        part; closed by the caller in any case
 * @ret_message: on BLOB_REFUSED why
 *
 * Return: 0; BLOB_REFUSED when it is not what it should be, and then nothing of it is left; a
 * negative errno.
 */
int blob_part_finish(BlobPart *part, char ret_message[static BLOB_MESSAGE_MAX]);

/**
 * blob_part_close() - Let go of it; what has come stays for the next blob_part_open()
 *
 * Return: NULL.
 */
BlobPart *blob_part_close(BlobPart *part);
DEFINE_CLEANUP(BlobPart *, blob_part_close)

/** blob_part_discard() - Remove what has come of a digest that nobody wants any more, if any has */
void blob_part_discard(BlobStore *store, const char *digest);
