/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Groups come and go with VMs, so their files are opened each time, relative to the hierarchy's
 * root. Everything here is in the kernel's memory: nothing waits for a disk or for another process.
 */

#include "watchdog/cgroups.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

#define PROCS_BYTES_MAX  (256 * KIB)
#define EVENTS_BYTES_MAX (4 * KIB)
#define PATH_BYTES_MAX   256

typedef struct Group {
        const char *path;
        bool machines; /* all that is in it is machines */
} Group;

/* `machine` is libvirt's without systemd-machined, `machine.slice` with it. */
static const Group groups[] = {
        {"machine", true},
        {"machine.slice", true},
        {"system.slice/libvirtd.service", false},
        {"system.slice/virtqemud.service", false},
};

struct Cgroups {
        int root_fd;
        int proc_fd;
        uid_t user;
};

int cgroups_open(const char *root, uid_t user, Cgroups **ret_cgroups)
{
        _cleanup_(cgroups_closep) Cgroups *cgroups = calloc(1, sizeof(*cgroups));

        if (!cgroups)
                return -ENOMEM;
        cgroups->user = user;
        cgroups->proc_fd = -1;
        cgroups->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cgroups->root_fd < 0)
                return -errno;
        cgroups->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cgroups->proc_fd < 0)
                return -errno;
        /* a first level always exists where systemd does; the root itself has no cgroup.kill */
        if (faccessat(cgroups->root_fd, "system.slice/cgroup.kill", F_OK, 0) < 0)
                return errno == ENOENT ? -EOPNOTSUPP : -errno;
        *ret_cgroups = TAKE_PTR(cgroups);
        return 0;
}

Cgroups *cgroups_close(Cgroups *cgroups)
{
        if (!cgroups)
                return NULL;
        fd_close(cgroups->root_fd);
        fd_close(cgroups->proc_fd);
        free(cgroups);
        return NULL;
}

static int kill_group(Cgroups *cgroups, const char *group)
{
        _cleanup_close_ int fd = -1;
        char path[PATH_BYTES_MAX];

        snprintf(path, sizeof(path), "%s/cgroup.kill", group);
        fd = openat(cgroups->root_fd, path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        /* ENODEV: the group went while we looked */
        return write(fd, "1", 1) == 1 || errno == ENODEV ? 0 : -errno;
}

int cgroups_kill(Cgroups *cgroups)
{
        int r = 0, one;

        for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
                one = kill_group(cgroups, groups[i].path);
                r = r < 0 ? r : one;
        }
        return r;
}

static int read_file(Cgroups *cgroups, const char *group, const char *name, size_t max_bytes,
                     char **ret_text)
{
        char path[PATH_BYTES_MAX];

        snprintf(path, sizeof(path), "%s/%s", group, name);
        return file_read(cgroups->root_fd, path, max_bytes, ret_text, NULL);
}

static bool is_populated(Cgroups *cgroups, const char *group)
{
        _cleanup_free_ char *text = NULL;
        int r = read_file(cgroups, group, "cgroup.events", EVENTS_BYTES_MAX, &text);

        if (r < 0)
                return r != -ENOENT && r != -ENODEV;
        return !strstr(text, "populated 0");
}

/* Whether a process is QEMU's user's: by the ids themselves, as the owner of its directory may be
 * root's for one that may not be looked into. One that has ended is nobody's. */
static bool is_users(Cgroups *cgroups, const char *pid)
{
        _cleanup_free_ char *status = NULL;
        char path[PATH_BYTES_MAX];
        unsigned real, effective;
        const char *line;
        int r;

        snprintf(path, sizeof(path), "%s/status", pid);
        r = file_read(cgroups->proc_fd, path, 16 * KIB, &status, NULL);
        if (r < 0)
                return r != -ENOENT && r != -ESRCH;
        if (strstr(status, "\nState:\tZ") || strstr(status, "\nState:\tX"))
                return false;
        line = strstr(status, "\nUid:");
        return !line || sscanf(line, "\nUid: %u %u", &real, &effective) != 2 ||
               real == cgroups->user || effective == cgroups->user;
}

static bool has_users(Cgroups *cgroups, const char *group)
{
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r = read_file(cgroups, group, "cgroup.procs", PROCS_BYTES_MAX, &text);

        if (r < 0)
                return r != -ENOENT && r != -ENODEV;
        for (char *pid = strtok_r(text, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save))
                if (is_users(cgroups, pid))
                        return true;
        return false;
}

bool cgroups_running(Cgroups *cgroups)
{
        for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
                if (groups[i].machines ? is_populated(cgroups, groups[i].path)
                                       : has_users(cgroups, groups[i].path))
                        return true;
        return false;
}
