/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Files that other hosts send, on their way into calls that are made for them (forward-server.h).
 *
 *   POST /1/file/ID?at=OFFSET&limit=BYTES   a piece, at most FILE_PIECE_MAX bytes
 *   200 it is there and the next may come; 404 no such file; 409 not the next piece;
 *   413 more than the limit; 503 too many files; 507 the disk is full
 *
 * The first piece, at 0, makes the file; ID is the sender's choice, and its own: no other host can
 * add to it or use it. Files have no name on this host: what is not taken within FILE_IDLE_NS of
 * its last piece is gone, and so is all of it when hostd ends. Those that stay small are in memory.
 */

#include "hostd/peers.h"

#define FILE_RECEIVER_PATH "/1/file/"
#define FILE_ID_LENGTH     32 /* hexadecimal digits */
#define FILE_PIECE_MAX     (512 * KIB)
#define FILE_LIMIT_MAX     (4 * GIB)
#define FILE_MEMORY_MAX    (2 * MIB) /* a limit up to here: kept in memory, for what is secret */
#define FILES_MAX          8
#define FILE_IDLE_NS       (60 * NSEC_PER_SEC)

typedef struct FileReceiver FileReceiver;

enum {
        FILE_RECEIVER_MISSING = 1, /* nobody sent it, or it has been given up */
        FILE_RECEIVER_DIFFERS = 2, /* it is not what the sender says it sent */
};

/**
 * file_receiver_new() - Take files from now on
 * @event:        loop
 * @peers:        borrowed; the receiver is freed after them
 * @dir:          where large files are put, copied
 * @ret_receiver: owned
 *
 * Return: 0; a negative errno.
 */
int file_receiver_new(sd_event *event, Peers *peers, const char *dir, FileReceiver **ret_receiver);

/** file_receiver_free() - Throw all files away */
FileReceiver *file_receiver_free(FileReceiver *receiver);
DEFINE_CLEANUP(FileReceiver *, file_receiver_free)

/**
 * file_receiver_take() - Take a whole file out
 * @receiver: receiver
 * @peer:     who says that it has sent it
 * @id:       what the sender calls it; hostile
 * @size:     how long it says it is
 * @digest:   its SHA-256 in hexadecimal, as the sender says; hostile
 * @ret_fd:   owned; stands anywhere
 *
 * Return: 0; FILE_RECEIVER_MISSING; FILE_RECEIVER_DIFFERS, and then it is gone.
 */
int file_receiver_take(FileReceiver *receiver, const char *peer, const char *id, uint64_t size,
                       const char *digest, int *ret_fd);
