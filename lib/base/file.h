/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Whole files: bounded reading, and writing that a crash cannot leave half done. */

#include <sys/types.h>

#include "lib/base/macros.h"

/**
 * file_read_fd() - Read all of a descriptor from where it stands
 * @fd:         descriptor; may be a pipe
 * @max_bytes:  refuse more than this
 * @ret_data:   owned bytes, with a NUL behind them
 * @ret_length: bytes read, without the NUL; may be NULL
 *
 * Return: 0; -EFBIG when there is more than @max_bytes; -ENOMEM; the errno of read().
 */
int file_read_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_length);

/**
 * file_read() - Read a whole file
 * @dir_fd:     directory of @path, or AT_FDCWD
 * @path:       file
 * @max_bytes:  refuse more than this
 * @ret_data:   owned bytes, with a NUL behind them
 * @ret_length: bytes read, without the NUL; may be NULL
 *
 * Return: as file_read_fd(); the errno of open().
 */
int file_read(int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_length);

/**
 * file_write_all() - Write all bytes to a descriptor
 *
 * Return: 0; the errno of write().
 */
int file_write_all(int fd, const void *data, size_t length);

/**
 * file_write_atomic() - Replace a file: readers see the old one or the new one, also after a crash
 * @dir_fd: directory of @path, or AT_FDCWD
 * @path:   file; a file `.PATH.new` beside it is used on the way, so one writer at a time
 * @data:   contents
 * @length: number of bytes
 * @mode:   permissions of the new file
 *
 * Return: 0; the errno of what failed, and then the old file is as it was.
 */
int file_write_atomic(int dir_fd, const char *path, const void *data, size_t length, mode_t mode);

/**
 * file_remove_directory() - Remove a directory and what is in it: files, and directories that are
 * empty
 * @dir_fd: directory of @name, or AT_FDCWD
 * @name:   directory; a link is not followed
 *
 * Return: 0, also when there is none; the errno of what failed.
 */
int file_remove_directory(int dir_fd, const char *name);
