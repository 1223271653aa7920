/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The zip records of a package. Reading is parsing for diagnosis, then comparing with what writing
 * would give: so a package has one form only, and no flipped bit anywhere in it goes unnoticed.
 */

#include "model/zip.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/str.h"

#define SIGNATURE_LOCAL   0x04034b50U
#define SIGNATURE_CENTRAL 0x02014b50U
#define SIGNATURE_END     0x06054b50U
#define VERSION_NEEDED    10U
#define VERSION_MADE_BY   (3U << 8 | 10U) /* Unix */
#define DOS_DATE          0x0021U         /* 1980-01-01 */
#define FILE_ATTRIBUTES   ((uint32_t) (S_IFREG | 0644) << 16)
#define FLAG_ENCRYPTED    0x0001U
#define FLAG_STRONG       0x0040U
#define SHOWN_MAX         80

/* ---- writing */

static uint8_t *put16(uint8_t *at, unsigned value)
{
        at[0] = (uint8_t) value;
        at[1] = (uint8_t) (value >> 8);
        return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
        return put16(put16(at, value & 0xffff), value >> 16);
}

static unsigned get16(const uint8_t *at)
{
        return at[0] | (unsigned) at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
        return get16(at) | (uint32_t) get16(at + 2) << 16;
}

uint32_t zip_crc(uint32_t crc, const void *data, size_t length)
{
        static uint32_t table[256];
        const uint8_t *bytes = data;

        if (table[1] == 0) { /* every thread would fill in the same */
                for (uint32_t i = 256; i-- > 0;) {
                        uint32_t value = i;

                        for (unsigned bit = 0; bit < 8; bit++)
                                value = value >> 1 ^ (value & 1 ? 0xedb88320U : 0);
                        table[i] = value;
                }
        }
        crc = ~crc;
        for (size_t i = 0; i < length; i++)
                crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
        return ~crc;
}

/* What the local and the central header have in common: version to extra length, 26 bytes. */
static uint8_t *put_common(uint8_t *at, const ZipMember *member)
{
        at = put16(at, VERSION_NEEDED);
        at = put16(at, 0); /* flags */
        at = put16(at, 0); /* stored */
        at = put16(at, 0); /* time */
        at = put16(at, DOS_DATE);
        at = put32(at, member->crc);
        at = put32(at, member->size);
        at = put32(at, member->size);
        at = put16(at, (unsigned) strlen(member->name));
        return put16(at, 0); /* extra */
}

size_t zip_local(const ZipMember *member, uint8_t bytes[static ZIP_LOCAL_BYTES + ZIP_NAME_MAX])
{
        size_t length = strlen(member->name);
        uint8_t *at = put_common(put32(bytes, SIGNATURE_LOCAL), member);

        memcpy(at, member->name, length);
        return ZIP_LOCAL_BYTES + length;
}

static uint8_t *put_central(uint8_t *at, const ZipMember *member)
{
        size_t length = strlen(member->name);

        at = put32(at, SIGNATURE_CENTRAL);
        at = put16(at, VERSION_MADE_BY);
        at = put_common(at, member);
        at = put16(at, 0); /* comment */
        at = put16(at, 0); /* disk */
        at = put16(at, 0); /* internal attributes */
        at = put32(at, FILE_ATTRIBUTES);
        at = put32(at, member->offset);
        memcpy(at, member->name, length);
        return at + length;
}

static uint32_t member_end(const ZipMember *member)
{
        return member->offset + ZIP_LOCAL_BYTES + (uint32_t) strlen(member->name) + member->size;
}

int zip_tail(const ZipDirectory *directory, uint8_t **ret, size_t *ret_length)
{
        size_t n = directory->n_members;
        uint8_t *bytes = malloc(n * (ZIP_CENTRAL_BYTES + ZIP_NAME_MAX) + ZIP_END_BYTES),
                *at = bytes;
        uint32_t length;

        if (!bytes)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                at = put_central(at, &directory->members[i]);
        length = (uint32_t) (at - bytes);
        at = put32(at, SIGNATURE_END);
        at = put16(put16(at, 0), 0); /* disks */
        at = put16(put16(at, (unsigned) n), (unsigned) n);
        at = put32(at, length);
        at = put32(at, n > 0 ? member_end(&directory->members[n - 1]) : 0);
        at = put16(at, 0); /* comment */
        *ret_length = (size_t) (at - bytes);
        *ret = bytes;
        return 0;
}

/* ---- reading */

static int _printf_(3, 4) refuse(PackageError *error, PackageFault fault, const char *format, ...)
{
        va_list args;

        error->fault = fault;
        va_start(args, format);
        vsnprintf(error->message, sizeof(error->message), format, args);
        va_end(args);
        return PACKAGE_REFUSED;
}

static int read_at(int fd, uint64_t offset, void *data, size_t length)
{
        for (size_t done = 0; done < length;) {
                ssize_t n = pread(fd, (char *) data + done, length - done, (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO; /* the file has shrunk */
                done += (size_t) n;
        }
        return 0;
}

/* A member's name as it came, made fit to be shown. */
static void name_show(const uint8_t *name, size_t length, char shown[static SHOWN_MAX + 1])
{
        size_t n = MIN(length, (size_t) SHOWN_MAX);

        for (size_t i = 0; i < n; i++)
                shown[i] = name[i] > ' ' && name[i] < 0x7f ? (char) name[i] : '?';
        shown[n] = 0;
}

/* The names that a package may have; everything else is a bad path. */
static bool name_known(const char *name)
{
        const char *role = str_after(name, "roles/");
        char text[ZIP_NAME_MAX + 1];
        size_t length;

        if (str_equal(name, PACKAGE_MANIFEST) || str_equal(name, PACKAGE_SIGNATURE) ||
            str_equal(name, PACKAGE_DEFINITION))
                return true;
        if (!role || !str_ends_with(role, ".erofs"))
                return false;
        length = strlen(role) - strlen(".erofs");
        memcpy(text, role, length);
        text[length] = 0;
        return str_is_name(text, MODEL_NAME_MAX);
}

static int name_check(const uint8_t *bytes, size_t length, uint32_t attributes,
                      ZipDirectory *directory, PackageError *error)
{
        ZipMember *member = &directory->members[directory->n_members];
        unsigned type = attributes >> 16 & S_IFMT;
        char shown[SHOWN_MAX + 1];

        name_show(bytes, length, shown);
        if (length == 0 || length > ZIP_NAME_MAX || memchr(bytes, 0, length))
                return refuse(error, PACKAGE_BAD_PATH, "a member has the name \"%s\", of %zu bytes",
                              shown, length);
        if (bytes[length - 1] == '/' || (type != 0 && type != S_IFREG))
                return refuse(error, PACKAGE_NOT_A_FILE, "%s is not a file but a %s", shown,
                              type == S_IFLNK            ? "symbolic link"
                              : bytes[length - 1] == '/' ? "directory"
                                                         : "special file");
        memcpy(member->name, bytes, length);
        member->name[length] = 0;
        for (size_t i = 0; i < directory->n_members; i++)
                if (str_equal(directory->members[i].name, member->name))
                        return refuse(error, PACKAGE_DUPLICATE, "%s is there twice", shown);
        if (member->name[0] == '/' || strstr(member->name, "..") || strchr(member->name, '\\') ||
            strchr(member->name, ':'))
                return refuse(error, PACKAGE_BAD_PATH, "%s leads out of the package", shown);
        if (!name_known(member->name))
                return refuse(error, PACKAGE_UNKNOWN_MEMBER,
                              "%s does not belong in a package: make it with `troupectl pack`",
                              shown);
        return 0;
}

static int form_check(const uint8_t *at, const ZipMember *member, PackageError *error)
{
        unsigned flags = get16(at + 8), method = get16(at + 10);
        uint32_t packed = get32(at + 20), size = get32(at + 24);

        if (flags & (FLAG_ENCRYPTED | FLAG_STRONG))
                return refuse(error, PACKAGE_ENCRYPTED, "%s is encrypted", member->name);
        if (size == UINT32_MAX || packed == UINT32_MAX)
                return refuse(error, PACKAGE_TOO_BIG, "%s is larger than 4 GiB", member->name);
        if (method != 0 &&
            (packed == 0 ? size > PACKAGE_RATIO_MAX : size / packed > PACKAGE_RATIO_MAX))
                return refuse(
                        error, PACKAGE_BOMB,
                        "%s would grow from %u to %u bytes: a member may grow at most %u times",
                        member->name, packed, size, PACKAGE_RATIO_MAX);
        if (method != 0)
                return refuse(error, PACKAGE_COMPRESSED,
                              "%s is compressed: make the package with `troupectl pack`",
                              member->name);
        if (packed != size)
                return refuse(error, PACKAGE_CORRUPT, "%s is stored, but has two sizes, %u and %u",
                              member->name, packed, size);
        return 0;
}

static int entry_parse(const uint8_t *bytes, size_t left, uint64_t tail, ZipDirectory *directory,
                       size_t *ret_length, PackageError *error)
{
        ZipMember *member = &directory->members[directory->n_members];
        uint64_t expected = directory->n_members > 0 ? member_end(member - 1) : 0;
        size_t name, rest;
        int r;

        if (left < ZIP_CENTRAL_BYTES || get32(bytes) != SIGNATURE_CENTRAL)
                return refuse(error, PACKAGE_CORRUPT, "its directory is damaged at entry %zu",
                              directory->n_members + 1);
        name = get16(bytes + 28);
        rest = (size_t) get16(bytes + 30) + get16(bytes + 32);
        if (left - ZIP_CENTRAL_BYTES < name + rest)
                return refuse(error, PACKAGE_CORRUPT, "its directory is damaged at entry %zu",
                              directory->n_members + 1);
        r = name_check(bytes + ZIP_CENTRAL_BYTES, name, get32(bytes + 38), directory, error);
        if (r == 0)
                r = form_check(bytes, member, error);
        if (r != 0)
                return r;
        member->crc = get32(bytes + 16);
        member->size = get32(bytes + 24);
        member->offset = get32(bytes + 42);
        if (member->offset != expected ||
            (uint64_t) member->offset + ZIP_LOCAL_BYTES + name + member->size > tail)
                return refuse(error, PACKAGE_CORRUPT, "%s is not where the directory says",
                              member->name);
        directory->n_members++;
        *ret_length = ZIP_CENTRAL_BYTES + name + rest;
        return 0;
}

static int directory_parse(const uint8_t *bytes, size_t length, uint64_t tail, size_t n,
                           ZipDirectory *directory, PackageError *error)
{
        size_t at = 0;

        for (size_t i = 0; i < n; i++) {
                size_t entry = 0;
                int r = entry_parse(bytes + at, length - at, tail, directory, &entry, error);

                if (r != 0)
                        return r;
                at += entry;
        }
        return 0;
}

/* @tail is where the directory begins; together with the end record it must be what we would write.
 */
static int tail_compare(const ZipDirectory *directory, const uint8_t *bytes, size_t length,
                        uint64_t tail, PackageError *error)
{
        _cleanup_free_ uint8_t *expected = NULL;
        size_t expected_length;
        int r;

        r = zip_tail(directory, &expected, &expected_length);
        if (r < 0)
                return r;
        if (expected_length != length || memcmp(expected, bytes, length) != 0 ||
            directory->n_members == 0 ||
            member_end(&directory->members[directory->n_members - 1]) != tail)
                return refuse(error, PACKAGE_CORRUPT,
                              "its directory is not as `troupectl pack` writes it: it is damaged, "
                              "or made by another tool");
        return 0;
}

static int end_read(int fd, uint64_t size, uint8_t end[static ZIP_END_BYTES], PackageError *error)
{
        uint8_t start[4] = {};
        int r;

        if (size >= sizeof(start)) {
                r = read_at(fd, 0, start, sizeof(start));
                if (r < 0)
                        return r;
        }
        if (size < sizeof(start) || get32(start) != SIGNATURE_LOCAL)
                return refuse(error, PACKAGE_NOT_A_PACKAGE,
                              "it is not a package: make one with `troupectl pack`");
        if (size < ZIP_END_BYTES)
                return refuse(error, PACKAGE_TRUNCATED, "it ends after %llu bytes",
                              (unsigned long long) size);
        r = read_at(fd, size - ZIP_END_BYTES, end, ZIP_END_BYTES);
        if (r < 0)
                return r;
        if (get32(end) != SIGNATURE_END)
                return refuse(
                        error, PACKAGE_TRUNCATED,
                        "it has no directory at its end: it was cut off, or something was added");
        return 0;
}

int zip_read_directory(int fd, uint64_t size, ZipDirectory *ret, PackageError *ret_error)
{
        _cleanup_free_ uint8_t *bytes = NULL;
        uint8_t end[ZIP_END_BYTES] = {};
        size_t n, length;
        uint64_t tail;
        int r;

        r = end_read(fd, size, end, ret_error);
        if (r != 0)
                return r;
        n = get16(end + 10);
        length = get32(end + 12);
        if (n > PACKAGE_MEMBERS_MAX || length > ZIP_DIRECTORY_BYTES_MAX)
                return refuse(ret_error, PACKAGE_TOO_BIG,
                              "it has %zu members, at most %u are allowed", n, PACKAGE_MEMBERS_MAX);
        if (length + ZIP_END_BYTES > size)
                return refuse(ret_error, PACKAGE_CORRUPT, "its directory is larger than the file");
        tail = size - ZIP_END_BYTES - length;
        bytes = malloc(length + ZIP_END_BYTES);
        if (!bytes)
                return -ENOMEM;
        r = read_at(fd, tail, bytes, length + ZIP_END_BYTES);
        if (r < 0)
                return r;
        *ret = (ZipDirectory) {};
        r = directory_parse(bytes, length, tail, n, ret, ret_error);
        if (r == 0)
                r = tail_compare(ret, bytes, length + ZIP_END_BYTES, tail, ret_error);
        return r;
}
