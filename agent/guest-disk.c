/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The guest's disks and the files made on them. */

#include "agent/guest-disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/api/local-storage.h"
#include "lib/base/file.h"

#define SERIAL_MAX   64
#define NAME_MAX_OUR 63 /* as the service model has it */
#define OPEN_DIRS    16

/* Where ext4 has its magic number. Source: Linux, Documentation/filesystems/ext4/globals.rst */
#define EXT4_MAGIC_OFFSET 0x438

int guest_disk_find(const char *sysfs, const char *serial,
                    char ret_path[static GUEST_DISK_PATH_MAX])
{
        DIR *dir = opendir(sysfs);
        struct dirent *entry;
        int r = -ENODEV;

        if (!dir)
                return -ENODEV;
        while (r < 0 && (entry = readdir(dir))) {
                _cleanup_free_ char *path = NULL, *text = NULL;

                if (!str_after(entry->d_name, "vd") || strlen(entry->d_name) > 16)
                        continue;
                path = str_printf("%s/%s/serial", sysfs, entry->d_name);
                if (!path || file_read(AT_FDCWD, path, SERIAL_MAX, &text, NULL) < 0)
                        continue;
                text[strcspn(text, "\n")] = '\0';
                if (!str_equal(text, serial))
                        continue;
                snprintf(ret_path, GUEST_DISK_PATH_MAX, "/dev/%.16s", entry->d_name);
                r = 0;
        }
        closedir(dir);
        return r;
}

static bool is_mounted(const char *path)
{
        struct stat here, above;
        _cleanup_free_ char *parent = str_printf("%s/..", path);

        return parent && stat(path, &here) == 0 && stat(parent, &above) == 0 &&
               here.st_dev != above.st_dev;
}

int guest_disk_mount_payload(void)
{
        char device[GUEST_DISK_PATH_MAX];
        int r;

        if (is_mounted(AGENT_PAYLOAD_ROOT))
                return 0;
        r = guest_disk_find("/sys/block", "payload", device);
        if (r < 0)
                return r;
        if (mount(device, AGENT_PAYLOAD_ROOT, "erofs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) < 0)
                return -errno;
        return 0;
}

/* Gives whether the device begins with a filesystem of ours. */
static int has_filesystem(const char *device)
{
        _cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
        uint8_t magic[2];

        if (fd < 0)
                return -errno;
        if (pread(fd, magic, sizeof(magic), EXT4_MAGIC_OFFSET) != sizeof(magic))
                return -EIO;
        return magic[0] == 0x53 && magic[1] == 0xef;
}

/* Makes the kernel know the disk's piece as its partition @number, which it forgets with the boot.
 * Source: Linux, include/uapi/linux/blkpg.h */
static int add_piece(int disk_fd, int number, uint64_t offset, uint64_t bytes)
{
        struct blkpg_partition piece = {
                .start = (long long) offset, .length = (long long) bytes, .pno = number};
        struct blkpg_ioctl_arg argument = {
                .op = BLKPG_ADD_PARTITION, .datalen = sizeof(piece), .data = &piece};

        if (ioctl(disk_fd, BLKPG, &argument) < 0 && errno != EBUSY) /* an earlier agent's */
                return -errno;
        return 0;
}

/* Adds the pieces of all resources. */
static int add_pieces(const char *disk, const AgentConfig *config)
{
        _cleanup_close_ int fd = open(disk, O_RDONLY | O_CLOEXEC);
        uint64_t offset = LOCAL_STORAGE_FIRST_BYTES, size;
        int r = 0;

        if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0)
                return -errno;
        for (size_t i = 0; i < config->n_resources && r == 0; i++) {
                uint64_t bytes = local_storage_piece(config->resources[i].size_mb);

                if (bytes > size || offset > size - bytes)
                        return -ENOSPC;
                r = add_piece(fd, (int) i + 1, offset, bytes);
                offset += bytes;
        }
        return r;
}

static int mount_piece(const char *device, const char *path)
{
        _cleanup_free_ char *found = str_printf("%s/lost+found", path);
        int r = has_filesystem(device);

        if (r <= 0)
                return r < 0 ? r : GUEST_DISK_EMPTY;
        if (!found)
                return -ENOMEM;
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                return -errno;
        if (mount(device, path, "ext4", MS_NODEV | MS_NOSUID | MS_NOATIME, "noinit_itable") < 0)
                return -errno;
        rmdir(found); /* a role finds its directory empty */
        return 0;
}

int guest_disk_mount_local(const AgentConfig *config, char ret_path[static GUEST_DISK_PATH_MAX])
{
        char disk[GUEST_DISK_PATH_MAX], device[GUEST_DISK_PATH_MAX + 24];
        bool added = false;

        for (size_t i = 0; i < config->n_resources; i++) {
                const char *name = config->resources[i].name;
                _cleanup_free_ char *path = str_printf("%s/%s", AGENT_RESOURCE_ROOT, name);
                int r;

                if (!path)
                        return -ENOMEM;
                if (!str_is_name(name, NAME_MAX_OUR))
                        return -EINVAL;
                if (is_mounted(path))
                        continue;
                r = guest_disk_find("/sys/block", "local", disk);
                if (r == 0 && !added)
                        r = add_pieces(disk, config);
                if (r < 0)
                        return r;
                added = true;
                snprintf(device, sizeof(device), "%s%zu", disk, i + 1);
                r = mount_piece(device, path);
                if (r == GUEST_DISK_EMPTY)
                        snprintf(ret_path, GUEST_DISK_PATH_MAX, "%.*s", GUEST_DISK_PATH_MAX - 1,
                                 device);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
        if (walk->level == 0)
                return 0;
        return remove(path) < 0 ? errno : 0;
}

/* Removes what is in a directory, and follows no link out of it. */
static int empty_directory(const char *path)
{
        int r = nftw(path, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

        return r < 0 ? -errno : -r;
}

static int make_directory(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
        if (mkdir(path, mode) < 0 && errno != EEXIST)
                return -errno;
        if (lchown(path, uid, gid) < 0 || chmod(path, mode) < 0)
                return -errno;
        return 0;
}

int guest_disk_resources(const char *root, const AgentConfig *config, bool clean, uid_t uid,
                         gid_t gid)
{
        for (size_t i = 0; i < config->n_resources; i++) {
                const AgentResource *resource = &config->resources[i];
                _cleanup_free_ char *path = str_printf("%s/%s", root, resource->name);
                int r;

                if (!path)
                        return -ENOMEM;
                if (!str_is_name(resource->name, NAME_MAX_OUR))
                        return -EINVAL;
                r = make_directory(path, 0755, uid, gid);
                if (r == 0 && clean && resource->clean_on_recycle)
                        r = empty_directory(path);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int write_pem(const char *directory, const char *name, const char *suffix, const char *pem,
                     mode_t mode, gid_t gid)
{
        _cleanup_free_ char *path = str_printf("%s/%s.%s", directory, name, suffix);
        _cleanup_free_ char *before = NULL;
        bool same;
        int r;

        if (!path)
                return -ENOMEM;
        same = file_read(AT_FDCWD, path, strlen(pem), &before, NULL) == 0 && str_equal(before, pem);
        r = file_write_atomic(AT_FDCWD, path, pem, strlen(pem), mode);
        if (r == 0 && chown(path, 0, gid) < 0)
                r = -errno;
        return r < 0 ? r : same ? 0 : GUEST_DISK_CHANGED;
}

static int write_certificate(const char *directory, const AgentCertificate *certificate, gid_t gid)
{
        bool elevated = certificate->elevated_only;
        int r, key = 0;

        if (!str_is_name(certificate->name, NAME_MAX_OUR))
                return -EINVAL;
        r = write_pem(directory, certificate->name, "crt", certificate->certificate, 0644, 0);
        if (r >= 0 && certificate->key)
                key = write_pem(directory, certificate->name, "key", certificate->key,
                                elevated ? 0600 : 0640, elevated ? 0 : gid);
        return r < 0 ? r : key < 0 ? key : MAX(r, key);
}

int guest_disk_certificates(const char *directory, const AgentConfig *config, gid_t gid)
{
        int changed = 0, r = make_directory(directory, 0755, 0, 0);

        for (size_t i = 0; i < config->n_certificates && r >= 0; i++) {
                r = write_certificate(directory, &config->certificates[i], gid);
                changed = MAX(changed, r);
        }
        return r < 0 ? r : changed;
}
