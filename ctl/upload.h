/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The files that a verb sends to hostd, as descriptors. */

#include "ctl/options.h"

#define UPLOAD_FILES_MAX 9 /* a guest OS has 8 and a manifest */

typedef struct Upload {
        size_t n_files;
        int fds[UPLOAD_FILES_MAX];
        uint64_t sizes[UPLOAD_FILES_MAX];
} Upload;

/**
 * upload_open() - Open the files named on the command line
 * @upload:  zeroed; upload_deinit() it in any case
 * @options: options; of them --stdin, which says how long the files are that are named `-`
 * @paths:   names
 * @n_paths: how many, at most UPLOAD_FILES_MAX
 *
 * A file called `-` is what standard input has next, as many bytes as --stdin says; without
 * --stdin, all there is. Says on standard error what went wrong.
 *
 * Return: CTL_DONE; CTL_USAGE when a file cannot be read; a negative errno.
 */
int upload_open(Upload *upload, const Options *options, char **paths, size_t n_paths);

/** upload_deinit() - Close the files */
void upload_deinit(Upload *upload);
