/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Files of the store:
 *
 *   sha256-DIGEST              a blob
 *   payload-DIGEST-ROLE.erofs  a role's payload out of the package of that digest
 *   .new-...                   being written; of no use to anyone after a crash
 *   .part-DIGEST               being fetched; goes on from there after a crash (blob-part.h) */

#include "hostd/blob.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/file.h"
#include "lib/base/map.h"
#include "lib/base/str.h"
#include "model/package.h"

#define COPY_BYTES     (128 * KIB)
#define NEW_PREFIX     ".new-"
#define PAYLOAD_PREFIX "payload-"
#define PAYLOAD_SUFFIX ".erofs"

struct BlobStore {
        char *dir;
        int dir_fd;
        pthread_mutex_t extracting; /* one payload at a time: all instances want the same at once */
        pthread_mutex_t lock;
        Map held; /* under lock: digests */
};

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

bool blob_is_digest(const char *text)
{
        return strlen(text) == BLOB_DIGEST_LENGTH &&
               strspn(text, "0123456789abcdef") == BLOB_DIGEST_LENGTH;
}

/* Calls @wanted for each name; removes those that are not. */
static int sweep(BlobStore *store, bool (*wanted)(const char *name, void *userdata), void *userdata)
{
        struct dirent *entry;
        int fd, n_removed = 0;
        DIR *dir;

        fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                int r = -errno;

                close(fd);
                return r;
        }
        while ((entry = readdir(dir)))
                if (entry->d_type == DT_REG && !wanted(entry->d_name, userdata) &&
                    unlinkat(store->dir_fd, entry->d_name, 0) == 0)
                        n_removed++;
        closedir(dir);
        return n_removed;
}

static bool is_finished(const char *name, void *userdata)
{
        return !str_after(name, NEW_PREFIX);
}

int blob_store_open(const char *dir, BlobStore **ret_store)
{
        _cleanup_(blob_store_closep) BlobStore *store = calloc(1, sizeof(*store));
        int r;

        if (!store)
                return -ENOMEM;
        store->dir_fd = -1;
        pthread_mutex_init(&store->extracting, NULL);
        pthread_mutex_init(&store->lock, NULL);
        r = str_set(&store->dir, dir);
        if (r < 0)
                return r;
        store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->dir_fd < 0)
                return -errno;
        r = sweep(store, is_finished, NULL);
        if (r < 0)
                return r;
        *ret_store = TAKE_PTR(store);
        return 0;
}

BlobStore *blob_store_close(BlobStore *store)
{
        if (!store)
                return NULL;
        fd_close(store->dir_fd);
        pthread_mutex_destroy(&store->extracting);
        pthread_mutex_destroy(&store->lock);
        map_deinit(&store->held);
        free(store->dir);
        free(store);
        return NULL;
}

/* A fresh file; @name has room for 40 bytes. */
static int new_file(BlobStore *store, char *name, int *ret_fd)
{
        static unsigned counter;
        int fd;

        snprintf(name, 40, NEW_PREFIX "%d-%u", (int) getpid(),
                 __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED));
        fd = openat(store->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

int blob_commit(BlobStore *store, int fd, const char *name, const char *final)
{
        assert(fd >= 0);
        if (fchmod(fd, 0444) < 0 || fsync(fd) < 0 ||
            renameat(store->dir_fd, name, store->dir_fd, final) < 0 || fsync(store->dir_fd) < 0) {
                int r = -errno;

                unlinkat(store->dir_fd, name, 0);
                return r;
        }
        return 0;
}

static int copy(int from, int to, uint64_t max_bytes, EVP_MD_CTX *digest, uint64_t *ret_bytes,
                char ret_message[static BLOB_MESSAGE_MAX])
{
        _cleanup_free_ char *buffer = malloc(COPY_BYTES);
        uint64_t bytes = 0;
        int r;

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(from, buffer, COPY_BYTES);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                bytes += (uint64_t) n;
                if (bytes > max_bytes) {
                        snprintf(ret_message, BLOB_MESSAGE_MAX, "more than %llu bytes",
                                 (unsigned long long) max_bytes);
                        return BLOB_REFUSED;
                }
                if (EVP_DigestUpdate(digest, buffer, (size_t) n) != 1)
                        return -EIO;
                r = file_write_all(to, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
        *ret_bytes = bytes;
        return 0;
}

static int copy_and_digest(int from, int to, uint64_t max_bytes,
                           char ret_digest[static BLOB_DIGEST_LENGTH + 1], uint64_t *ret_bytes,
                           char ret_message[static BLOB_MESSAGE_MAX])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
        uint8_t bytes[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        int r;

        if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        r = copy(from, to, max_bytes, digest, ret_bytes, ret_message);
        if (r != 0)
                return r;
        if (EVP_DigestFinal_ex(digest, bytes, &length) != 1)
                return -EIO;
        str_hex(bytes, length, ret_digest);
        return 0;
}

int blob_hold(BlobStore *store, const char *digest)
{
        int r;

        pthread_mutex_lock(&store->lock);
        r = map_put(&store->held, digest, NULL);
        pthread_mutex_unlock(&store->lock);
        return r;
}

void blob_release(BlobStore *store, const char *digest)
{
        pthread_mutex_lock(&store->lock);
        map_remove(&store->held, digest);
        pthread_mutex_unlock(&store->lock);
}

int blob_ingest(BlobStore *store, int fd, uint64_t max_bytes, const char *expected,
                char ret_digest[static BLOB_DIGEST_LENGTH + 1], uint64_t *ret_bytes,
                char ret_message[static BLOB_MESSAGE_MAX])
{
        char name[40], final[sizeof(BLOB_PREFIX) + BLOB_DIGEST_LENGTH],
                digest[BLOB_DIGEST_LENGTH + 1];
        _cleanup_close_ int file = -1;
        uint64_t bytes = 0;
        int r;

        r = new_file(store, name, &file);
        if (r < 0)
                return r;
        r = copy_and_digest(fd, file, max_bytes, digest, &bytes, ret_message);
        if (r == 0 && expected && !str_equal(expected, digest)) {
                snprintf(ret_message, BLOB_MESSAGE_MAX, "its digest is %s, not %s", digest,
                         expected);
                r = BLOB_REFUSED;
        }
        if (r != 0) {
                unlinkat(store->dir_fd, name, 0);
                return r;
        }
        snprintf(final, sizeof(final), BLOB_PREFIX "%s", digest);
        r = blob_hold(store, digest);
        if (r < 0) {
                unlinkat(store->dir_fd, name, 0);
                return r;
        }
        r = blob_commit(store, file, name, final);
        if (r < 0)
                return r;
        memcpy(ret_digest, digest, sizeof(digest));
        *ret_bytes = bytes;
        return 0;
}

int blob_store_dir(const BlobStore *store)
{
        return store->dir_fd;
}

char *blob_path(const BlobStore *store, const char *digest)
{
        return str_printf("%s/" BLOB_PREFIX "%s", store->dir, digest);
}

bool blob_exists(const BlobStore *store, const char *digest)
{
        _cleanup_free_ char *path = blob_is_digest(digest) ? blob_path(store, digest) : NULL;

        return path && access(path, R_OK) == 0;
}

static int extract(BlobStore *store, const char *package, const char *role, const char *final,
                   char ret_message[static BLOB_MESSAGE_MAX])
{
        _cleanup_free_ char *path = blob_path(store, package);
        _cleanup_(package_closep) Package *opened = NULL;
        _cleanup_close_ int fd = -1, out = -1;
        PackageError error = {};
        char name[40];
        int r;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = package_open(fd, &opened, &error);
        if (r == 0)
                r = new_file(store, name, &out);
        if (r == 0) {
                r = package_extract(opened, role, out, &error);
                if (r == 0)
                        return blob_commit(store, out, name, final);
                unlinkat(store->dir_fd, name, 0);
        }
        if (r == -ENOENT)
                snprintf(error.message, sizeof(error.message),
                         "the package has no payload for role %s", role);
        if (r == PACKAGE_REFUSED || r == -ENOENT) {
                snprintf(ret_message, BLOB_MESSAGE_MAX, "package %.12s: %s", package,
                         error.message);
                return BLOB_REFUSED;
        }
        return r;
}

int blob_payload(BlobStore *store, const char *package, const char *role, char **ret_path,
                 char ret_message[static BLOB_MESSAGE_MAX])
{
        _cleanup_free_ char *path = NULL;
        char *name;
        int r = 0;

        if (!blob_is_digest(package) || !str_is_name(role, 63))
                return -EINVAL;
        path = str_printf("%s/" PAYLOAD_PREFIX "%s-%s" PAYLOAD_SUFFIX, store->dir, package, role);
        if (!path)
                return -ENOMEM;
        name = strrchr(path, '/') + 1;
        pthread_mutex_lock(&store->extracting);
        if (faccessat(store->dir_fd, name, R_OK, 0) < 0)
                r = extract(store, package, role, name, ret_message);
        pthread_mutex_unlock(&store->extracting);
        if (r == 0)
                *ret_path = TAKE_PTR(path);
        return r;
}

typedef struct Keep {
        BlobStore *store;
        const char *const *digests;
        size_t count;
} Keep;

static bool is_held(BlobStore *store, const char *name)
{
        char digest[BLOB_DIGEST_LENGTH + 1];
        bool held;

        snprintf(digest, sizeof(digest), "%s", name);
        pthread_mutex_lock(&store->lock);
        held = map_contains(&store->held, digest);
        pthread_mutex_unlock(&store->lock);
        return held;
}

/* A part of something that may still be wanted. */
static bool is_fresh_part(const BlobStore *store, const char *name)
{
        struct stat st;

        return fstatat(store->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
               st.st_mtim.tv_sec + BLOB_PART_KEEP_S > time(NULL);
}

static bool is_kept(const char *name, void *userdata)
{
        const Keep *keep = userdata;
        const char *digest = str_after(name, BLOB_PREFIX);

        if (str_after(name, BLOB_PART_PREFIX))
                return is_fresh_part(keep->store, name) ||
                       is_held(keep->store, str_after(name, BLOB_PART_PREFIX));
        if (!digest)
                digest = str_after(name, PAYLOAD_PREFIX);
        if (!digest || is_held(keep->store, digest))
                return true; /* being written, or not yet referred to */
        for (size_t i = 0; i < keep->count; i++)
                if (strncmp(digest, keep->digests[i], BLOB_DIGEST_LENGTH) == 0)
                        return true;
        return false;
}

int blob_collect(BlobStore *store, const char *const *digests, size_t count)
{
        return sweep(store, is_kept, &(Keep) {store, digests, count});
}
