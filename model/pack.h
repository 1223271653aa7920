/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The packer: a directory in, a .cspkg out. The same directory gives the same bytes, whatever the
 * files' times, owners, order or the umask they were made with:
 *
 *   DIR/ServiceDefinition.csdef   the definition
 *   DIR/<role>/                   the role's payload: its program and what that needs
 *
 * Sites' physicalDirectory and Contents are copied in from where the definition says, relative to
 * itself. In a payload all files belong to root, are readable by all, and executable if anyone may
 * execute them.
 */

#include <stddef.h>

#include "model/service-model.h"

#define PACK_FILES_MAX   1000000U /* in one payload */
#define PACK_DEPTH_MAX   64U
#define PACK_MESSAGE_MAX 1024U

/* Who wants to know how far it is; told a fraction that grows from 0 to 1. */
typedef struct PackProgress {
        void (*tell)(void *userdata, double fraction);
        void *userdata;
} PackProgress;

/**
 * struct PackOptions - What to pack and how
 * @directory: DIR
 * @model:     of DIR's definition, from model_check()
 * @text:      the definition's text
 * @out_fd:    a new regular file, empty
 * @sign_key:  PEM file of a private key; NULL for no signature
 * @sign_cert: PEM file of its certificate; NULL for no signature
 * @progress:  NULL for nobody
 */
typedef struct PackOptions {
        const char *directory;
        const ServiceModel *model;
        ModelText text;
        int out_fd;
        const char *sign_key;
        const char *sign_cert;
        const PackProgress *progress;
} PackOptions;

enum { PACK_REFUSED = 1 };

/**
 * pack_directory() - Write a package
 * @options:     borrowed
 * @ret_message: on PACK_REFUSED what is wrong with the directory and what to do; PACK_MESSAGE_MAX
 * bytes
 *
 * Needs mkfs.erofs. Its temporary files are unnamed or removed before it returns.
 *
 * Return: 0; PACK_REFUSED; negative errno
 */
int pack_directory(const PackOptions *options, char ret_message[static PACK_MESSAGE_MAX]);
