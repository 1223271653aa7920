/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The digest is taken while the bytes are written; of what an earlier hostd has left it is taken at
 * the opening. Nothing is synced before the end: what a power cut loses or spoils fails the check
 * at the end and is fetched again. */

#include "hostd/blob-part.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

#define COPY_BYTES (128 * KIB)

struct BlobPart {
        BlobStore *store;
        char digest[BLOB_DIGEST_LENGTH + 1];
        char name[sizeof(BLOB_PART_PREFIX) + BLOB_DIGEST_LENGTH];
        uint64_t size, length;
        int fd;
        EVP_MD_CTX *sum;
};

static int begin_sum(BlobPart *part)
{
        part->length = 0;
        return EVP_DigestInit_ex(part->sum, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static void part_remove(BlobPart *part)
{
        unlinkat(blob_store_dir(part->store), part->name, 0);
}

int blob_part_restart(BlobPart *part)
{
        if (ftruncate(part->fd, 0) < 0 || lseek(part->fd, 0, SEEK_SET) < 0)
                return -errno;
        return begin_sum(part);
}

/* Takes the digest of what is there already. */
static int read_back(BlobPart *part)
{
        _cleanup_free_ char *buffer = malloc(COPY_BYTES);

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(part->fd, buffer, COPY_BYTES);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                part->length += (uint64_t) n;
                if (part->length > part->size)
                        return blob_part_restart(part); /* cannot be ours */
                if (EVP_DigestUpdate(part->sum, buffer, (size_t) n) != 1)
                        return -EIO;
        }
}

/* Sets room aside, so that a disk that is too full is found out before anything is fetched. */
static int set_aside(BlobPart *part)
{
        if (part->size == 0 ||
            fallocate(part->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t) part->size) == 0 ||
            errno == EOPNOTSUPP)
                return 0;
        return -errno;
}

int blob_part_open(BlobStore *store, const char *digest, uint64_t size, BlobPart **ret_part)
{
        _cleanup_(blob_part_closep) BlobPart *part = calloc(1, sizeof(*part));
        int r;

        if (!part)
                return -ENOMEM;
        part->fd = -1;
        part->store = store;
        part->size = size;
        if (!blob_is_digest(digest) || size > INT64_MAX)
                return -EINVAL;
        memcpy(part->digest, digest, sizeof(part->digest));
        snprintf(part->name, sizeof(part->name), BLOB_PART_PREFIX "%s", digest);
        r = blob_hold(store, digest);
        if (r < 0)
                return r;
        part->sum = EVP_MD_CTX_new();
        if (!part->sum)
                return -ENOMEM;
        part->fd = openat(blob_store_dir(store), part->name,
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (part->fd < 0)
                return -errno;
        r = begin_sum(part);
        if (r == 0)
                r = set_aside(part);
        if (r == 0)
                r = read_back(part);
        if (r < 0) {
                part_remove(part);
                return r;
        }
        *ret_part = TAKE_PTR(part);
        return 0;
}

uint64_t blob_part_length(const BlobPart *part)
{
        return part->length;
}

int blob_part_write(BlobPart *part, const void *data, size_t length)
{
        int r;

        if (length > part->size - part->length)
                return BLOB_REFUSED;
        r = file_write_all(part->fd, data, length);
        if (r < 0)
                return r;
        part->length += length;
        return EVP_DigestUpdate(part->sum, data, length) == 1 ? 0 : -EIO;
}

int blob_part_finish(BlobPart *part, char ret_message[static BLOB_MESSAGE_MAX])
{
        char digest[2 * EVP_MAX_MD_SIZE + 1], final[sizeof(BLOB_PREFIX) + BLOB_DIGEST_LENGTH];
        uint8_t bytes[EVP_MAX_MD_SIZE];
        unsigned length = 0;

        if (EVP_DigestFinal_ex(part->sum, bytes, &length) != 1)
                return -EIO;
        str_hex(bytes, length, digest);
        if (part->length != part->size || !str_equal(digest, part->digest)) {
                snprintf(ret_message, BLOB_MESSAGE_MAX,
                         part->length != part->size ? "%llu bytes came, it has %llu"
                                                    : "its bytes are not its own",
                         (unsigned long long) part->length, (unsigned long long) part->size);
                part_remove(part);
                return BLOB_REFUSED;
        }
        snprintf(final, sizeof(final), BLOB_PREFIX "%s", part->digest);
        return blob_commit(part->store, part->fd, part->name, final);
}

BlobPart *blob_part_close(BlobPart *part)
{
        if (!part)
                return NULL;
        EVP_MD_CTX_free(part->sum);
        fd_close(part->fd);
        free(part);
        return NULL;
}

void blob_part_discard(BlobStore *store, const char *digest)
{
        char name[sizeof(BLOB_PART_PREFIX) + BLOB_DIGEST_LENGTH];

        if (!blob_is_digest(digest))
                return;
        snprintf(name, sizeof(name), BLOB_PART_PREFIX "%s", digest);
        unlinkat(blob_store_dir(store), name, 0);
}
