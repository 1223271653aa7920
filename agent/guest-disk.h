/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The guest's disks: the role's payload, found by the serial `payload`, and its local storage,
 * found by the serial `local`. No program is run here but what guest_disk_prepare() says the caller
 * is to run. */

#include "lib/api/agent-protocol.h"

#define GUEST_DISK_PATH_MAX 64

enum { GUEST_DISK_EMPTY = 1, GUEST_DISK_CHANGED };

/**
 * guest_disk_find() - Find a disk by its serial
 * @sysfs:    "/sys/block"
 * @serial:   serial
 * @ret_path: room for "/dev/vdb"
 *
 * Return: 0; -ENODEV.
 */
int guest_disk_find(const char *sysfs, const char *serial,
                    char ret_path[static GUEST_DISK_PATH_MAX]);

/**
 * guest_disk_mount_payload() - Mount the payload read-only at AGENT_PAYLOAD_ROOT
 *
 * Return: 0, also when it is mounted already; -ENODEV when there is no such disk; the errno of
 * mount().
 */
int guest_disk_mount_payload(void);

/**
 * guest_disk_mount_local() - Mount each local resource under AGENT_RESOURCE_ROOT
 * @config:   borrowed
 * @ret_path: on GUEST_DISK_EMPTY the device that is to be formatted first (mkfs.ext4); then this is
 *            to be called again
 *
 * Each is a filesystem on a piece of its own of the disk with the serial `local`
 * (lib/api/local-storage.h), so that one that is full leaves the others their room, whoever filled
 * it.
 *
 * Return: 0, also when all are mounted already; GUEST_DISK_EMPTY; -ENODEV when there is no such
 * disk; -EINVAL when a name is not one; -ENOSPC when the disk is too small for them; the errno of
 * mount() or of adding a piece.
 */
int guest_disk_mount_local(const AgentConfig *config, char ret_path[static GUEST_DISK_PATH_MAX]);

/**
 * guest_disk_resources() - Make each local resource's directory
 * @root:   AGENT_RESOURCE_ROOT
 * @config: borrowed
 * @clean:  empty those that are cleaned when the role is recycled
 * @uid:    whose they are
 * @gid:    group
 *
 * Return: 0; -EINVAL when a name is not one; the errno of what failed.
 */
int guest_disk_resources(const char *root, const AgentConfig *config, bool clean, uid_t uid,
                         gid_t gid);

/**
 * guest_disk_certificates() - Write the role's certificates, each as NAME.crt and NAME.key
 * @directory: made if need be
 * @config:    borrowed
 * @gid:       who may read the keys that are not for root alone
 *
 * Return: 0 when all was there as it is; GUEST_DISK_CHANGED; -EINVAL when a name is not one; the
 * errno of what failed.
 */
int guest_disk_certificates(const char *directory, const AgentConfig *config, gid_t gid);
