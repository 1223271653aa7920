/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Disks, made by qemu-img, which knows the formats. */

#include "hostd/disk.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "hostd/run.h"
#include "lib/base/str.h"

#define QEMU_IMG "/usr/bin/qemu-img"

/* Gives the file to the group of its directory and to nobody else. */
static int hand_over(const char *path)
{
        _cleanup_free_ char *directory = strdup(path);
        struct stat st;
        char *slash;

        if (!directory)
                return -ENOMEM;
        slash = strrchr(directory, '/');
        if (!slash)
                return -EINVAL;
        *slash = '\0';
        if (stat(directory, &st) < 0 || chown(path, (uid_t) -1, st.st_gid) < 0 ||
            chmod(path, 0660) < 0)
                return -errno;
        return 0;
}

static int create(const char *const argv[], const char *path, char **ret_message)
{
        int r;

        r = disk_remove(path);
        if (r < 0)
                return r;
        r = run_program(argv, ret_message);
        if (r == 0)
                r = hand_over(path);
        if (r != 0)
                unlink(path);
        return r > 0 ? DISK_FAILED : r;
}

int disk_create_overlay(const char *image, const char *format, const char *path, uint64_t bytes,
                        char **ret_message)
{
        char size[24];

        snprintf(size, sizeof(size), "%" PRIu64, bytes);
        return create((const char *const[]) {QEMU_IMG, "create", "-q", "-f", "qcow2", "-F", format,
                                             "-b", image, path, size, NULL},
                      path, ret_message);
}

int disk_create_empty(const char *path, uint64_t bytes, char **ret_message)
{
        char size[24];

        snprintf(size, sizeof(size), "%" PRIu64, bytes);
        return create(
                (const char *const[]) {QEMU_IMG, "create", "-q", "-f", "raw", path, size, NULL},
                path, ret_message);
}

int disk_remove(const char *path)
{
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}
