/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Opening what is sent. Standard input is copied to an unnamed file first: hostd wants to read it
 * more than once, and gets a descriptor that nobody can stall. */

#include "ctl/upload.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define COPY_BYTES 65536

void upload_deinit(Upload *upload)
{
        for (size_t i = 0; i < upload->n_files; i++)
                fd_close(upload->fds[i]);
        upload->n_files = 0;
}

/* The @index-th number of "12,34"; UINT64_MAX when there are none at all. */
static int size_at(const char *sizes, size_t index, uint64_t *ret)
{
        char digits[24];
        size_t length;

        *ret = UINT64_MAX;
        if (!sizes)
                return 0;
        for (; index > 0; index--) {
                sizes = strchr(sizes, ',');
                if (!sizes++)
                        return -EINVAL;
        }
        length = strcspn(sizes, ",");
        if (length >= sizeof(digits))
                return -EINVAL;
        memcpy(digits, sizes, length);
        digits[length] = '\0';
        return str_to_u64(digits, INT64_MAX, ret);
}

static int copy_bytes(int from, int to, uint64_t size)
{
        char buffer[COPY_BYTES];
        uint64_t left = size;

        while (left > 0) {
                ssize_t n = read(from, buffer, MIN(left, (uint64_t) sizeof(buffer)));
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return size == UINT64_MAX ? 0 : -ENODATA;
                r = file_write_all(to, buffer, (size_t) n);
                if (r < 0)
                        return r;
                left -= size == UINT64_MAX ? 0 : (uint64_t) n;
        }
        return 0;
}

/* The descriptor, or a negative errno. */
static int open_input(uint64_t size)
{
        _cleanup_close_ int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return -errno;
        r = copy_bytes(STDIN_FILENO, fd, size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int open_one(const Options *options, const char *path, size_t index)
{
        uint64_t size;
        int r, fd;

        if (str_equal(path, "-")) {
                r = size_at(options->input_sizes, index, &size);
                return r < 0 ? r : open_input(size);
        }
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int upload_open(Upload *upload, const Options *options, char **paths, size_t n_paths)
{
        assert(n_paths <= UPLOAD_FILES_MAX);
        for (size_t i = 0; i < n_paths; i++) {
                struct stat st;
                int fd = open_one(options, paths[i], i);

                if (fd < 0) {
                        log_error_errno(fd, "Cannot read '%s'", paths[i]);
                        return CTL_USAGE;
                }
                upload->fds[upload->n_files++] = fd;
                if (fstat(fd, &st) < 0)
                        return -errno;
                if (S_ISDIR(st.st_mode)) {
                        log_error("'%s' is a directory: 'troupectl pack' makes a package of it",
                                  paths[i]);
                        return CTL_USAGE;
                }
                upload->sizes[i] = (uint64_t) st.st_size;
        }
        return CTL_DONE;
}
