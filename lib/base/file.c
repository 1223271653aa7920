/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Whole files. Every descriptor is born close-on-exec. */

#include "lib/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/str.h"

#define READ_CHUNK ((size_t) 64 * 1024)

int file_read_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_length)
{
        _cleanup_free_ char *data = NULL;
        size_t length = 0, allocated = 0;

        for (;;) {
                ssize_t n;

                if (allocated - length < 2) {
                        size_t wanted = MIN(MAX(2 * allocated, READ_CHUNK), max_bytes + 2);
                        char *grown = realloc(data, wanted);

                        if (!grown)
                                return -ENOMEM;
                        data = grown;
                        allocated = wanted;
                }
                n = read(fd, data + length, allocated - length - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t) n;
                if (length > max_bytes)
                        return -EFBIG;
        }
        data[length] = '\0';
        *ret_data = TAKE_PTR(data);
        if (ret_length)
                *ret_length = length;
        return 0;
}

int file_read(int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_length)
{
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return -errno;
        return file_read_fd(fd, max_bytes, ret_data, ret_length);
}

int file_write_all(int fd, const void *data, size_t length)
{
        const char *rest = data;

        while (length > 0) {
                ssize_t n = write(fd, rest, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                rest += n;
                length -= (size_t) n;
        }
        return 0;
}

static int write_new(int dir_fd, const char *path, const void *data, size_t length, mode_t mode)
{
        _cleanup_close_ int fd = -1;
        int r;

        fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, mode) < 0)
                return -errno;
        r = file_write_all(fd, data, length);
        if (r < 0)
                return r;
        return fsync(fd) < 0 ? -errno : 0;
}

static int sync_directory(int dir_fd, const char *directory)
{
        _cleanup_close_ int fd = openat(dir_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

int file_write_atomic(int dir_fd, const char *path, const void *data, size_t length, mode_t mode)
{
        _cleanup_free_ char *directory = NULL, *temporary = NULL;
        const char *slash = strrchr(path, '/');
        int r;

        directory = slash ? strndup(path, (size_t) (slash - path) + 1) : strdup("./");
        if (!directory)
                return -ENOMEM;
        temporary = str_printf("%s.%s.new", directory, slash ? slash + 1 : path);
        if (!temporary)
                return -ENOMEM;
        r = write_new(dir_fd, temporary, data, length, mode);
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
                r = -errno;
        if (r < 0) {
                unlinkat(dir_fd, temporary, 0);
                return r;
        }
        return sync_directory(dir_fd, directory);
}

int file_remove_directory(int dir_fd, const char *name)
{
        int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        const struct dirent *entry;
        DIR *dir;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        dir = fdopendir(fd);
        if (!dir) {
                int r = -errno;

                close(fd);
                return r;
        }
        while ((entry = readdir(dir)))
                if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, "..") &&
                    unlinkat(fd, entry->d_name, 0) < 0)
                        unlinkat(fd, entry->d_name, AT_REMOVEDIR);
        closedir(dir);
        return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}
