/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The package reader. package_open() goes through the file once, from its first byte to its last:
 * each local header is compared with the one that belongs there, each member's bytes go into its
 * CRC, its digest and the digest of the whole. What is not a member, is compared; so nothing is
 * left that nobody looked at.
 */

#include "model/package.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "model/manifest.h"
#include "model/signature.h"
#include "model/zip.h"

#define CHUNK_BYTES (128U * 1024U)

struct Package {
        int fd;
        ZipDirectory directory;
        Manifest manifest;
        char *manifest_text;
        size_t manifest_length;
        char *signature;
        size_t signature_length;
        char *definition;
        size_t definition_length;
        char digest[65];
};

/* What reading a member's bytes needs; @whole is NULL when only the member is read. */
typedef struct Reader {
        int fd;
        EVP_MD_CTX *whole;
        EVP_MD_CTX *member;
        uint8_t *chunk;
        PackageError *error;
} Reader;

/* Where a member's bytes go: kept in memory, written to a descriptor, or only looked at. */
typedef struct Sink {
        char *keep;
        int out_fd;
} Sink;

static int _printf_(3, 4) refuse(PackageError *error, PackageFault fault, const char *format, ...)
{
        va_list args;

        error->fault = fault;
        va_start(args, format);
        vsnprintf(error->message, sizeof(error->message), format, args);
        va_end(args);
        return PACKAGE_REFUSED;
}

const char *package_fault_to_string(PackageFault fault)
{
        static const char *const words[_PACKAGE_FAULT_MAX] = {
                [PACKAGE_OK] = "ok",
                [PACKAGE_NOT_A_PACKAGE] = "not-a-package",
                [PACKAGE_TRUNCATED] = "truncated",
                [PACKAGE_CORRUPT] = "corrupt",
                [PACKAGE_TOO_BIG] = "too-big",
                [PACKAGE_COMPRESSED] = "compressed",
                [PACKAGE_BOMB] = "bomb",
                [PACKAGE_BAD_PATH] = "bad-path",
                [PACKAGE_DUPLICATE] = "duplicate",
                [PACKAGE_NOT_A_FILE] = "not-a-file",
                [PACKAGE_UNKNOWN_MEMBER] = "unknown-member",
                [PACKAGE_MISSING_MEMBER] = "missing-member",
                [PACKAGE_BAD_MANIFEST] = "bad-manifest",
                [PACKAGE_BAD_DEFINITION] = "bad-definition",
                [PACKAGE_ENCRYPTED] = "encrypted",
                [PACKAGE_BAD_SIGNATURE] = "bad-signature",
        };

        return words[fault];
}

/* ---- reading bytes */

static int reader_init(Reader *reader, int fd, bool whole, PackageError *error)
{
        *reader = (Reader) {
                .fd = fd, .member = EVP_MD_CTX_new(), .chunk = malloc(CHUNK_BYTES), .error = error};
        if (whole)
                reader->whole = EVP_MD_CTX_new();
        if (!reader->member || !reader->chunk || (whole && !reader->whole) ||
            (whole && EVP_DigestInit_ex(reader->whole, EVP_sha256(), NULL) != 1))
                return -ENOMEM;
        return 0;
}

static void reader_deinit(Reader *reader)
{
        EVP_MD_CTX_free(reader->whole);
        EVP_MD_CTX_free(reader->member);
        free(reader->chunk);
}

static int digest_end(EVP_MD_CTX *context, char hex[static 65])
{
        uint8_t digest[32];

        if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
                return -ENOMEM;
        str_hex(digest, sizeof(digest), hex);
        return 0;
}

static int bytes_read(Reader *reader, uint64_t offset, void *data, size_t length)
{
        for (size_t done = 0; done < length;) {
                ssize_t n = pread(reader->fd, (char *) data + done, length - done,
                                  (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return refuse(reader->error, PACKAGE_TRUNCATED,
                                      "it became shorter while it was read");
                done += (size_t) n;
        }
        if (reader->whole && EVP_DigestUpdate(reader->whole, data, length) != 1)
                return -ENOMEM;
        return 0;
}

static int local_check(Reader *reader, const ZipMember *member)
{
        uint8_t expected[ZIP_LOCAL_BYTES + ZIP_NAME_MAX], found[sizeof(expected)];
        size_t length = zip_local(member, expected);
        int r;

        r = bytes_read(reader, member->offset, found, length);
        if (r != 0)
                return r;
        if (memcmp(expected, found, length) != 0)
                return refuse(reader->error, PACKAGE_CORRUPT, "the header of %s is damaged",
                              member->name);
        return 0;
}

static int member_read(Reader *reader, const ZipMember *member, const Sink *sink,
                       char sha256[static 65])
{
        uint64_t offset = (uint64_t) member->offset + ZIP_LOCAL_BYTES + strlen(member->name);
        uint32_t crc = 0;
        int r;

        r = local_check(reader, member);
        if (r == 0 && EVP_DigestInit_ex(reader->member, EVP_sha256(), NULL) != 1)
                r = -ENOMEM;
        for (uint32_t done = 0; r == 0 && done < member->size;) {
                size_t n = MIN((size_t) CHUNK_BYTES, (size_t) (member->size - done));

                r = bytes_read(reader, offset + done, reader->chunk, n);
                if (r != 0)
                        break;
                crc = zip_crc(crc, reader->chunk, n);
                if (EVP_DigestUpdate(reader->member, reader->chunk, n) != 1)
                        r = -ENOMEM;
                if (sink && sink->keep)
                        memcpy(sink->keep + done, reader->chunk, n);
                else if (r == 0 && sink)
                        r = file_write_all(sink->out_fd, reader->chunk, n);
                done += (uint32_t) n;
        }
        if (r == 0)
                r = digest_end(reader->member, sha256);
        if (r == 0 && crc != member->crc)
                return refuse(reader->error, PACKAGE_CORRUPT,
                              "%s is damaged: its checksum does not fit", member->name);
        return r;
}

/* A member that is held in memory, zero-terminated. */
static int member_keep(Reader *reader, const ZipMember *member, size_t max, char **ret,
                       size_t *ret_length, char sha256[static 65])
{
        _cleanup_free_ char *text = NULL;
        int r;

        if (member->size > max)
                return refuse(reader->error, PACKAGE_TOO_BIG,
                              "%s has %u bytes, at most %zu are allowed", member->name,
                              member->size, max);
        text = calloc(1, (size_t) member->size + 1);
        if (!text)
                return -ENOMEM;
        r = member_read(reader, member, &(Sink) {.keep = text}, sha256);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(text);
        *ret_length = member->size;
        return 0;
}

/* ---- opening */

static const ZipMember *member_at(const Package *package, size_t index, const char *name)
{
        if (index >= package->directory.n_members ||
            !str_equal(package->directory.members[index].name, name))
                return NULL;
        return &package->directory.members[index];
}

/* Says why the member that the manifest wants at this place is not the one that is there. */
static int place_refuse(const Package *package, const char *name, PackageError *error)
{
        const ZipDirectory *directory = &package->directory;

        for (size_t i = 0; i < directory->n_members; i++)
                if (str_equal(directory->members[i].name, name))
                        return refuse(error, PACKAGE_CORRUPT, "%s is not in its place", name);
        return refuse(error, PACKAGE_MISSING_MEMBER, "%s is missing", name);
}

static int extra_refuse(const Package *package, PackageError *error)
{
        const ZipDirectory *directory = &package->directory;

        for (size_t i = 1; i < directory->n_members; i++) {
                bool known = str_equal(directory->members[i].name, PACKAGE_SIGNATURE);

                for (size_t j = 0; j < package->manifest.n_members; j++)
                        known = known || str_equal(package->manifest.members[j].name,
                                                   directory->members[i].name);
                if (!known)
                        return refuse(error, PACKAGE_UNKNOWN_MEMBER, "%s is not in the manifest",
                                      directory->members[i].name);
        }
        return 0;
}

static int listed_read(Package *package, Reader *reader, size_t index, const PackageMember *listed)
{
        const ZipMember *member = member_at(package, index, listed->name);
        char sha256[65];
        int r;

        if (!member)
                return place_refuse(package, listed->name, reader->error);
        if (member->size != listed->size)
                return refuse(reader->error, PACKAGE_CORRUPT,
                              "%s has %u bytes, the manifest says %llu", member->name, member->size,
                              (unsigned long long) listed->size);
        if (!listed->role)
                r = member_keep(reader, member, PACKAGE_DEFINITION_BYTES_MAX, &package->definition,
                                &package->definition_length, sha256);
        else
                r = member_read(reader, member, NULL, sha256);
        if (r == 0 && !str_equal(sha256, listed->sha256))
                return refuse(reader->error, PACKAGE_CORRUPT,
                              "%s is not what the manifest says: its digest differs", member->name);
        return r;
}

static int members_read(Package *package, Reader *reader)
{
        const ZipMember *member = member_at(package, 0, PACKAGE_MANIFEST);
        char sha256[65];
        size_t index = 1;
        int r;

        if (!member)
                return place_refuse(package, PACKAGE_MANIFEST, reader->error);
        r = member_keep(reader, member, PACKAGE_MANIFEST_BYTES_MAX, &package->manifest_text,
                        &package->manifest_length, sha256);
        if (r == 0 && strlen(package->manifest_text) != package->manifest_length)
                r = refuse(reader->error, PACKAGE_BAD_MANIFEST, "manifest.json: has a zero byte");
        if (r == 0)
                r = manifest_read(package->manifest_text, &package->manifest, reader->error);
        if (r == 0)
                r = extra_refuse(package, reader->error);
        member = member_at(package, 1, PACKAGE_SIGNATURE);
        if (r == 0 && member) {
                index++;
                r = member_keep(reader, member, PACKAGE_SIGNATURE_BYTES_MAX, &package->signature,
                                &package->signature_length, sha256);
        }
        for (size_t i = 0; r == 0 && i < package->manifest.n_members; i++)
                r = listed_read(package, reader, index++, &package->manifest.members[i]);
        if (r == 0 && index != package->directory.n_members)
                return refuse(reader->error, PACKAGE_CORRUPT, "%s is not in its place",
                              package->directory.members[index].name);
        return r;
}

/* The directory is in memory already, compared to the bit; only the whole digest still needs it. */
static int tail_digest(Package *package, Reader *reader, uint64_t size)
{
        const ZipMember *last = &package->directory.members[package->directory.n_members - 1];
        uint64_t offset =
                (uint64_t) last->offset + ZIP_LOCAL_BYTES + strlen(last->name) + last->size;
        int r = 0;

        while (r == 0 && offset < size) {
                size_t n = (size_t) MIN((uint64_t) CHUNK_BYTES, size - offset);

                r = bytes_read(reader, offset, reader->chunk, n);
                offset += n;
        }
        if (r == 0)
                r = digest_end(reader->whole, package->digest);
        return r;
}

static int package_read(Package *package, uint64_t size, PackageError *error)
{
        Reader reader;
        int r;

        r = zip_read_directory(package->fd, size, &package->directory, error);
        if (r != 0)
                return r;
        r = reader_init(&reader, package->fd, true, error);
        if (r == 0)
                r = members_read(package, &reader);
        if (r == 0)
                r = tail_digest(package, &reader, size);
        reader_deinit(&reader);
        return r;
}

int package_open(int fd, Package **ret, PackageError *ret_error)
{
        struct stat st;
        Package *package;
        int r;

        *ret_error = (PackageError) {};
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return refuse(ret_error, PACKAGE_NOT_A_PACKAGE, "it is not a regular file");
        if ((uint64_t) st.st_size > PACKAGE_BYTES_MAX)
                return refuse(ret_error, PACKAGE_TOO_BIG,
                              "it has %lld bytes, at most %llu are allowed", (long long) st.st_size,
                              PACKAGE_BYTES_MAX);
        package = calloc(1, sizeof(*package));
        if (!package)
                return -ENOMEM;
        package->fd = fd;
        r = package_read(package, (uint64_t) st.st_size, ret_error);
        if (r != 0) {
                package_close(package);
                return r;
        }
        *ret = package;
        return 0;
}

Package *package_close(Package *package)
{
        if (!package)
                return NULL;
        manifest_deinit(&package->manifest);
        free(package->manifest_text);
        free(package->signature);
        free(package->definition);
        free(package);
        return NULL;
}

/* ---- asking */

const char *package_digest(const Package *package)
{
        return package->digest;
}

const char *package_definition(const Package *package, size_t *ret_length)
{
        *ret_length = package->definition_length;
        return package->definition;
}

const char *package_manifest(const Package *package, size_t *ret_length)
{
        *ret_length = package->manifest_length;
        return package->manifest_text;
}

const PackageMember *package_members(const Package *package, size_t *ret_n)
{
        *ret_n = package->manifest.n_members;
        return package->manifest.members;
}

const PackageMember *package_payload(const Package *package, const char *role)
{
        for (size_t i = 0; i < package->manifest.n_members; i++)
                if (package->manifest.members[i].role &&
                    str_equal(package->manifest.members[i].role, role))
                        return &package->manifest.members[i];
        return NULL;
}

int package_check_roles(const Package *package, const ServiceModel *model, PackageError *ret_error)
{
        for (size_t i = 0; i < model->n_roles; i++)
                if (!package_payload(package, model->roles[i].name))
                        return refuse(ret_error, PACKAGE_BAD_DEFINITION,
                                      "role %s of the definition has no payload: pack it again",
                                      model->roles[i].name);
        for (size_t i = 0; i < package->manifest.n_members; i++) {
                const char *role = package->manifest.members[i].role;

                if (role && !model_role(model, role))
                        return refuse(ret_error, PACKAGE_BAD_DEFINITION,
                                      "there is a payload for role %s, which the definition does "
                                      "not have: pack it again",
                                      role);
        }
        return 0;
}

int package_extract(Package *package, const char *role, int out_fd, PackageError *ret_error)
{
        const PackageMember *listed = package_payload(package, role);
        const ZipMember *member = NULL;
        char sha256[65];
        Reader reader;
        int r;

        *ret_error = (PackageError) {};
        if (!listed)
                return -ENOENT;
        for (size_t i = 0; i < package->directory.n_members; i++)
                if (str_equal(package->directory.members[i].name, listed->name))
                        member = &package->directory.members[i];
        assert(member); /* package_open() has seen it */
        r = reader_init(&reader, package->fd, false, ret_error);
        if (r == 0)
                r = member_read(&reader, member, &(Sink) {.out_fd = out_fd}, sha256);
        if (r == 0 && !str_equal(sha256, listed->sha256))
                r = refuse(ret_error, PACKAGE_CORRUPT, "%s has changed since it was checked",
                           listed->name);
        reader_deinit(&reader);
        return r;
}

bool package_signed(const Package *package)
{
        return package->signature;
}

int package_verify(const Package *package, const char *ca_file, PackageError *ret_error)
{
        char reason[SIGNATURE_REASON_MAX];
        int r;

        *ret_error = (PackageError) {};
        if (!package->signature)
                return refuse(ret_error, PACKAGE_BAD_SIGNATURE,
                              "it is not signed: pack it with --sign-key and --sign-cert");
        r = signature_verify(package->manifest_text, package->manifest_length, package->signature,
                             package->signature_length, ca_file, reason);
        if (r == SIGNATURE_BAD)
                return refuse(ret_error, PACKAGE_BAD_SIGNATURE, "its signature does not verify: %s",
                              reason);
        return r;
}
