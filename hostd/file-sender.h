/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A file on its way to another host's file-receiver.h: read by a worker, sent piece by piece. */

#include "hostd/file-receiver.h"
#include "hostd/worker.h"

typedef struct FileSender FileSender;

typedef struct FileSenderConfig {
        Peers *peers;      /* borrowed, like the worker */
        Worker *worker;    /* reading may block one of its threads for as long as the file does */
        IpAddress address; /* whom to */
        int fd;            /* duplicated; a file is read from its start, a pipe to its end */
        uint64_t limit; /* not more than this is sent: whoever takes it sees that it is too long */
        /* It is there, or @error (what follows org.troupe.Error.) says that it is not, and @message
         * why, for people. Called once, from the loop; frees the sender, if it likes. */
        void (*done)(void *userdata, const char *error, const char *message);
        void *userdata;
} FileSenderConfig;

/**
 * file_sender_new() - Begin to send
 * @config:     copied
 * @ret_sender: owned
 *
 * Return: 0; a negative errno.
 */
int file_sender_new(const FileSenderConfig *config, FileSender **ret_sender);

/** file_sender_free() - Give it up, if it has not been sent; done() is not called any more */
FileSender *file_sender_free(FileSender *sender);
DEFINE_CLEANUP(FileSender *, file_sender_free)

/** file_sender_id() - What the receiver knows it by */
const char *file_sender_id(const FileSender *sender);

/** file_sender_size() - How much was sent, once it is done */
uint64_t file_sender_size(const FileSender *sender);

/** file_sender_digest() - SHA-256 of what was sent, in hexadecimal, once it is done */
const char *file_sender_digest(const FileSender *sender);
