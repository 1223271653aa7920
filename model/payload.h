/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A role's payload: a list of files from the developer's machine, and the EROFS image made of it.
 * The same files give the same image: sorted, owned by root, without times, with two modes for
 * files.
 */

#include <sys/types.h>

#include "model/pack.h"

/**
 * struct PayloadFile - A file, directory or symbolic link of a payload
 * @name:   its path in the payload
 * @source: its path here; NULL for a directory that only the packer needs
 * @mode:   type, and 0755 or 0644
 * @target: of a symbolic link
 */
typedef struct PayloadFile {
        char *name;
        char *source;
        mode_t mode;
        uint64_t size;
        char *target;
} PayloadFile;

typedef struct Payload {
        PayloadFile *files;
        size_t n_files;
        bool sorted;
} Payload;

/**
 * payload_add() - Add a directory and all that is in it
 * @payload:     appended to
 * @source:      the directory here
 * @name:        where it goes; "." for the payload's root
 * @ret_message: on PACK_REFUSED
 *
 * Return: 0; PACK_REFUSED for what a payload cannot hold; negative errno
 */
int payload_add(Payload *payload, const char *source, const char *name,
                char ret_message[static PACK_MESSAGE_MAX]);

/**
 * payload_finish() - Sort the files and refuse what is there twice
 * @payload:     changed in place
 * @ret_message: on PACK_REFUSED
 *
 * A directory may be there twice: that is how one is put into another.
 *
 * Return: 0; PACK_REFUSED; -ENOMEM
 */
int payload_finish(Payload *payload, char ret_message[static PACK_MESSAGE_MAX]);

/**
 * payload_find() - Look a file up
 * @payload: finished
 * @name:    its path in the payload
 *
 * Return: borrowed; NULL if it is not there
 */
const PayloadFile *payload_find(const Payload *payload, const char *name);

/**
 * payload_image() - Make the EROFS image
 * @payload:     finished
 * @progress:    told how far it is, several times a second; NULL for nobody
 * @ret_fd:      an unnamed temporary file, at offset 0
 * @ret_message: on PACK_REFUSED
 *
 * Return: 0; PACK_REFUSED if a file changed meanwhile, or mkfs.erofs is not there or fails;
 * negative errno
 */
int payload_image(const Payload *payload, const PackProgress *progress, int *ret_fd,
                  char ret_message[static PACK_MESSAGE_MAX]);

/**
 * payload_deinit() - Free what it holds
 * @payload: NULL is allowed
 */
void payload_deinit(Payload *payload);
