/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Files to an EROFS image, by way of a tar archive: that way mkfs.erofs sees exactly the owners,
 * modes, times and order that are written here, and nothing of the file system that the files came
 * from.
 */

#include "model/payload.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/base/array.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define CHUNK_BYTES       (128U * 1024U)
#define TOOL_OUTPUT_MAX   4096U
#define TEMPORARY_DEFAULT "/var/tmp"
#define LOOK_MS           100 /* how often it is looked how far mkfs.erofs is */
#define ARCHIVE_PART      0.3 /* of the work: writing the archive; the rest is mkfs.erofs' */

DEFINE_CLEANUP(struct archive *, archive_write_free)
DEFINE_CLEANUP(struct archive_entry *, archive_entry_free)
DEFINE_CLEANUP(DIR *, closedir)

static int _printf_(2, 3) refuse(char message[static PACK_MESSAGE_MAX], const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(message, PACK_MESSAGE_MAX, format, args);
        va_end(args);
        return PACK_REFUSED;
}

/* ---- collecting */

static void file_deinit(PayloadFile *file)
{
        free(file->name);
        free(file->source);
        free(file->target);
}

void payload_deinit(Payload *payload)
{
        if (!payload)
                return;
        for (size_t i = 0; i < payload->n_files; i++)
                file_deinit(&payload->files[i]);
        free(payload->files);
        *payload = (Payload) {};
}

static int file_add(Payload *payload, const char *source, const char *name, const struct stat *st,
                    char *message)
{
        PayloadFile file = {.size = S_ISREG(st->st_mode) ? (uint64_t) st->st_size : 0};
        char target[PATH_MAX];
        ssize_t n;
        int r;

        if (payload->n_files == PACK_FILES_MAX)
                return refuse(message, "%s: a payload has at most %u files", source,
                              PACK_FILES_MAX);
        if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
                return refuse(message,
                              "%s: a payload holds files, directories and symbolic links only",
                              source);
        file.mode =
                (st->st_mode & S_IFMT) | (S_ISDIR(st->st_mode) || st->st_mode & 0111 ? 0755 : 0644);
        if (S_ISLNK(st->st_mode)) {
                n = readlink(source, target, sizeof(target) - 1);
                if (n < 0)
                        return -errno;
                target[n] = 0;
                file.target = strdup(target);
                file.mode = S_IFLNK | 0777;
        }
        file.name = strdup(name);
        file.source = strdup(source);
        r = file.name && file.source && (file.target || !S_ISLNK(st->st_mode)) ? 0 : -ENOMEM;
        if (r == 0)
                r = ARRAY_APPEND(payload->files, payload->n_files, file);
        if (r < 0)
                file_deinit(&file);
        return r;
}

static int walk(Payload *payload, const char *source, const char *name, unsigned depth,
                char *message);

static int child_add(Payload *payload, const char *directory, const char *parent, const char *child,
                     unsigned depth, char *message)
{
        _cleanup_free_ char *source = str_printf("%s/%s", directory, child);
        _cleanup_free_ char *name =
                str_equal(parent, ".") ? strdup(child) : str_printf("%s/%s", parent, child);
        struct stat st;
        int r;

        if (!source || !name)
                return -ENOMEM;
        if (lstat(source, &st) < 0)
                return errno == ENOENT
                               ? refuse(message, "%s: went away while it was packed", source)
                               : -errno;
        r = file_add(payload, source, name, &st, message);
        if (r == 0 && S_ISDIR(st.st_mode))
                r = walk(payload, source, name, depth + 1, message);
        return r;
}

static int walk(Payload *payload, const char *source, const char *name, unsigned depth,
                char *message)
{
        _cleanup_(closedirp) DIR *directory = NULL;
        struct dirent *entry;
        int r = 0;

        if (depth > PACK_DEPTH_MAX)
                return refuse(message, "%s: directories are nested more than %u deep", source,
                              PACK_DEPTH_MAX);
        directory = opendir(source);
        if (!directory)
                return refuse(message, "%s: cannot be read: %s", source, strerror(errno));
        while (r == 0 && (errno = 0, entry = readdir(directory)))
                if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
                        r = child_add(payload, source, name, entry->d_name, depth, message);
        return r != 0 ? r : -errno;
}

/* The directories above @name, which may not be there otherwise. */
static int parents_add(Payload *payload, const char *name, char *message)
{
        static const struct stat directory = {.st_mode = S_IFDIR | 0755};
        _cleanup_free_ char *path = strdup(name);
        int r = 0;

        if (!path)
                return -ENOMEM;
        for (char *slash = strchr(path, '/'); r == 0; slash = strchr(slash + 1, '/')) {
                if (slash)
                        *slash = 0;
                r = file_add(payload, "(the packer)", path, &directory, message);
                if (!slash)
                        break;
                *slash = '/';
        }
        return r;
}

int payload_add(Payload *payload, const char *source, const char *name,
                char ret_message[static PACK_MESSAGE_MAX])
{
        struct stat st;
        int r = 0;

        payload->sorted = false;
        if (stat(source, &st) < 0)
                return refuse(ret_message, "%s: %s", source,
                              errno == ENOENT ? "there is no such directory" : strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return refuse(ret_message, "%s: is not a directory", source);
        if (!str_equal(name, "."))
                r = parents_add(payload, name, ret_message);
        if (r == 0)
                r = walk(payload, source, name, 0, ret_message);
        return r;
}

static int file_compare(const void *a, const void *b)
{
        return strcmp(((const PayloadFile *) a)->name, ((const PayloadFile *) b)->name);
}

int payload_finish(Payload *payload, char ret_message[static PACK_MESSAGE_MAX])
{
        size_t n = 0;

        if (payload->n_files > 1)
                qsort(payload->files, payload->n_files, sizeof(*payload->files), file_compare);
        for (size_t i = 0; i < payload->n_files; i++) {
                PayloadFile *file = &payload->files[i],
                            *last = n > 0 ? &payload->files[n - 1] : NULL;

                if (last && str_equal(last->name, file->name)) {
                        if (!S_ISDIR(last->mode) || !S_ISDIR(file->mode))
                                return refuse(
                                        ret_message,
                                        "%s: would be in the payload twice, from %s and from %s",
                                        file->name, last->source, file->source);
                        file_deinit(file);
                        *file = (PayloadFile) {};
                        continue;
                }
                if (n != i) {
                        payload->files[n] = *file;
                        *file = (PayloadFile) {};
                }
                n++;
        }
        payload->n_files = n;
        payload->sorted = true;
        return 0;
}

const PayloadFile *payload_find(const Payload *payload, const char *name)
{
        PayloadFile key = {.name = (char *) name};

        assert(payload->sorted);
        if (payload->n_files == 0)
                return NULL;
        return bsearch(&key, payload->files, payload->n_files, sizeof(key), file_compare);
}

/* ---- the archive */

static int temporary_file(void)
{
        const char *directory = getenv("TMPDIR") ?: TEMPORARY_DEFAULT;
        char path[PATH_MAX];
        int fd;

        fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
                return fd < 0 ? -errno : fd;
        snprintf(path, sizeof(path), "%s/troupe-pack-XXXXXX", directory);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        unlink(path);
        return fd;
}

/* What is read must be what was seen when it was collected, else the header would lie. */
static int content_write(struct archive *archive, const PayloadFile *file, char *message)
{
        _cleanup_close_ int fd = open(file->source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
        uint64_t left = file->size;

        if (!chunk)
                return -ENOMEM;
        if (fd < 0)
                return refuse(message, "%s: cannot be read: %s", file->source, strerror(errno));
        for (;;) {
                ssize_t n = read(fd, chunk, CHUNK_BYTES);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return refuse(message, "%s: cannot be read: %s", file->source,
                                      strerror(errno));
                if ((uint64_t) n > left || (n == 0 && left > 0))
                        return refuse(message, "%s: changed while it was packed", file->source);
                if (n == 0)
                        return 0;
                if (archive_write_data(archive, chunk, (size_t) n) != n)
                        return -archive_errno(archive) ?: -EIO;
                left -= (uint64_t) n;
        }
}

static int entry_write(struct archive *archive, struct archive_entry *entry,
                       const PayloadFile *file, char *message)
{
        archive_entry_clear(entry);
        archive_entry_set_pathname(entry, file->name);
        archive_entry_set_mode(entry, file->mode);
        archive_entry_set_uid(entry, 0);
        archive_entry_set_gid(entry, 0);
        archive_entry_set_mtime(entry, 0, 0);
        archive_entry_set_size(entry, (la_int64_t) file->size);
        if (file->target)
                archive_entry_set_symlink(entry, file->target);
        if (archive_write_header(archive, entry) != ARCHIVE_OK)
                return refuse(message, "%s: cannot be packed: %s", file->source,
                              archive_error_string(archive));
        return S_ISREG(file->mode) ? content_write(archive, file, message) : 0;
}

static void tell(const PackProgress *progress, double fraction)
{
        if (progress)
                progress->tell(progress->userdata, fraction);
}

static int tar_write(const Payload *payload, const PackProgress *progress, int fd, char *message)
{
        uint64_t total = 1, done = 0;
        _cleanup_(archive_write_freep) struct archive *archive = archive_write_new();
        _cleanup_(archive_entry_freep) struct archive_entry *entry = archive_entry_new();
        int r = 0;

        if (!archive || !entry)
                return -ENOMEM;
        if (archive_write_set_format_gnutar(archive) != ARCHIVE_OK ||
            archive_write_open_fd(archive, fd) != ARCHIVE_OK)
                return -archive_errno(archive) ?: -EIO;
        for (size_t i = 0; i < payload->n_files; i++)
                total += payload->files[i].size;
        for (size_t i = 0; r == 0 && i < payload->n_files; i++) {
                r = entry_write(archive, entry, &payload->files[i], message);
                done += payload->files[i].size;
                tell(progress, ARCHIVE_PART * (double) done / (double) total);
        }
        if (r == 0 && archive_write_close(archive) != ARCHIVE_OK)
                r = -archive_errno(archive) ?: -EIO;
        return r;
}

/* ---- the image */

/* lz4 in large clusters packs as well as lz4hc in small ones, and a hundred times faster where data
 * are compressed already. One worker: the order of what several write is not fixed.
 *
 * In the child: 0 the archive, 1 and 2 where it may talk, 3 the image. */
static int mkfs_spawn(int tar_fd, int image_fd, int output_fd, pid_t *ret)
{
        static char *const arguments[] = {(char *) "mkfs.erofs",
                                          (char *) "--quiet",
                                          (char *) "--tar=f",
                                          (char *) "-T0",
                                          (char *) "-Uclear",
                                          (char *) "-b4096",
                                          (char *) "-zlz4",
                                          (char *) "-C65536",
                                          (char *) "--workers=1",
                                          (char *) "/proc/self/fd/3",
                                          NULL};
        static char *const environment[] = {
                (char *) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                (char *) "LC_ALL=C", NULL};
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, tar_fd, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output_fd, 1);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output_fd, 2);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, image_fd, 3);
        if (r == 0)
                r = posix_spawnp(ret, arguments[0], &actions, NULL, arguments, environment);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* It reads the archive, whose offset it shares with us, and then it writes the image. */
static double mkfs_fraction(int tar_fd, int image_fd)
{
        off_t read = lseek(tar_fd, 0, SEEK_CUR);
        struct stat tar, image;

        if (fstat(tar_fd, &tar) < 0 || fstat(image_fd, &image) < 0 || tar.st_size == 0 || read < 0)
                return 0;
        return 0.5 * (double) MIN(read, tar.st_size) / (double) tar.st_size +
               0.5 * (double) MIN(image.st_size, tar.st_size) / (double) tar.st_size;
}

static void mkfs_watch(pid_t pid, int tar_fd, int image_fd, const PackProgress *progress)
{
        _cleanup_close_ int fd = pidfd_open(pid, 0);
        struct pollfd ended = {.fd = fd, .events = POLLIN};

        while (progress && fd >= 0 && poll(&ended, 1, LOOK_MS) == 0)
                tell(progress, ARCHIVE_PART + (1 - ARCHIVE_PART) * mkfs_fraction(tar_fd, image_fd));
}

static int mkfs_wait(pid_t pid, int output_fd, char *message)
{
        char output[TOOL_OUTPUT_MAX + 1] = {};
        int status;
        ssize_t n;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        n = pread(output_fd, output, TOOL_OUTPUT_MAX, 0);
        while (n > 0 && (output[n - 1] == '\n' || output[n - 1] == ' '))
                output[--n] = 0;
        return refuse(message, "mkfs.erofs failed (%s %d): %.800s",
                      WIFEXITED(status) ? "exit" : "signal",
                      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                      n > 0 ? output : "it says nothing");
}

int payload_image(const Payload *payload, const PackProgress *progress, int *ret_fd,
                  char ret_message[static PACK_MESSAGE_MAX])
{
        _cleanup_close_ int tar = temporary_file(), image = temporary_file();
        _cleanup_close_ int output = memfd_create("mkfs.erofs", MFD_CLOEXEC);
        pid_t pid = -1;
        int r;

        assert(payload->sorted);
        if (tar < 0 || image < 0)
                return tar < 0 ? tar : image;
        if (output < 0)
                return -errno;
        r = tar_write(payload, progress, tar, ret_message);
        if (r != 0)
                return r;
        if (lseek(tar, 0, SEEK_SET) < 0)
                return -errno;
        r = mkfs_spawn(tar, image, output, &pid);
        if (r == -ENOENT)
                return refuse(ret_message, "mkfs.erofs is not there: install erofs-utils");
        if (r < 0)
                return r;
        mkfs_watch(pid, tar, image, progress);
        r = mkfs_wait(pid, output, ret_message);
        if (r != 0)
                return r;
        if (lseek(image, 0, SEEK_SET) < 0)
                return -errno;
        *ret_fd = TAKE_FD(image);
        return 0;
}
