/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Ends the role VMs of this host through their control groups (v2), whatever libvirtd, hostd or the
 * bus do: the groups that libvirt makes for machines, and libvirtd's own, which may be in the
 * middle of starting one, and which holds the QEMUs where libvirt can make no groups
 * (docs/adr/0080). systemd starts libvirtd again at once. */

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/macros.h"

typedef struct Cgroups Cgroups;

/**
 * cgroups_open() - Open the hierarchy
 * @root:        of control groups v2, /sys/fs/cgroup
 * @user:        numeric id of the user that QEMU runs as
 * @ret_cgroups: owned
 *
 * Return: 0; -EOPNOTSUPP where there is no cgroup.kill (Linux before 5.14); the errno of open();
 * -ENOMEM.
 */
int cgroups_open(const char *root, uid_t user, Cgroups **ret_cgroups);

/** cgroups_close() - Let go of it */
Cgroups *cgroups_close(Cgroups *cgroups);
DEFINE_CLEANUP(Cgroups *, cgroups_close)

/**
 * cgroups_kill() - Send SIGKILL to everything in all of these groups
 *
 * Return: 0; the errno of the first group that could not be killed, after trying all.
 */
int cgroups_kill(Cgroups *cgroups);

/** cgroups_running() - Whether anything of a role VM is left; true when that cannot be told */
bool cgroups_running(Cgroups *cgroups);
