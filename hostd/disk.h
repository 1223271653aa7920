/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The files that are a VM's disks. They belong to hostd's user and to the group of the directory
 * they are in, which is QEMU's, and only these two may open them. All of this blocks: on a Worker's
 * thread only. */

#include "lib/base/macros.h"

enum {
        DISK_FAILED = 1, /* qemu-img said no; the message says why */
};

/**
 * disk_create_overlay() - Make an empty overlay over a read-only image, in place of an older one
 * @image:       what it lies over; must outlive it unchanged
 * @format:      "raw" or "qcow2"
 * @path:        the overlay, in the qcow2 format
 * @bytes:       size of the disk as the VM sees it
 * @ret_message: on DISK_FAILED owned text
 *
 * Return: 0; DISK_FAILED; a negative errno. On anything but 0 nothing is left at @path.
 */
int disk_create_overlay(const char *image, const char *format, const char *path, uint64_t bytes,
                        char **ret_message);

/**
 * disk_create_empty() - Make an empty raw disk that takes room only as it is written, in place of
 * an older one
 * @path:        the disk
 * @bytes:       its size
 * @ret_message: on DISK_FAILED owned text
 *
 * Return: 0; DISK_FAILED; a negative errno. On anything but 0 nothing is left at @path.
 */
int disk_create_empty(const char *path, uint64_t bytes, char **ret_message);

/**
 * disk_remove() - Remove a disk
 *
 * Return: 0, also when it was not there; the errno of unlink().
 */
int disk_remove(const char *path);
