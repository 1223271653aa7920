/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The package (.cspkg): a zip with, in this order,
 *
 *   manifest.json            the SHA-256 and size of every other member but the signature
 *   manifest.p7s             optional: detached CMS signature of manifest.json, DER
 *   ServiceDefinition.csdef
 *   roles/<role>.erofs       one read-only payload image for each role, in the definition's order
 *
 * and nothing else. A package comes from outside: the reader trusts nothing, holds at most the
 * manifest, the signature and the definition in memory, and streams the rest.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/service-model.h"

#define PACKAGE_BYTES_MAX            (4ULL * 1024 * 1024 * 1024 - 1)
#define PACKAGE_MEMBERS_MAX          32U
#define PACKAGE_MANIFEST_BYTES_MAX   (64U * 1024U)
#define PACKAGE_SIGNATURE_BYTES_MAX  (64U * 1024U)
#define PACKAGE_DEFINITION_BYTES_MAX (1024U * 1024U)
#define PACKAGE_RATIO_MAX            100U /* bytes out for a byte in; pack stores, so its packages have 1 */
#define PACKAGE_FORMAT               1

#define PACKAGE_MANIFEST   "manifest.json"
#define PACKAGE_SIGNATURE  "manifest.p7s"
#define PACKAGE_DEFINITION "ServiceDefinition.csdef"

/* Why a package is refused. Each has its own message; tests and the bus tell them apart by name. */
typedef enum PackageFault {
        PACKAGE_OK,
        PACKAGE_NOT_A_PACKAGE,  /* not a zip at all */
        PACKAGE_TRUNCATED,      /* ends early */
        PACKAGE_CORRUPT,        /* a digest, checksum or header does not fit */
        PACKAGE_TOO_BIG,        /* of the package, or of a member */
        PACKAGE_COMPRESSED,     /* a member is compressed, which pack does not do */
        PACKAGE_BOMB,           /* and would grow more than PACKAGE_RATIO_MAX times */
        PACKAGE_BAD_PATH,       /* absolute, "..", a backslash, or not one of the names above */
        PACKAGE_DUPLICATE,      /* a member is there twice */
        PACKAGE_NOT_A_FILE,     /* a symlink, directory or device */
        PACKAGE_UNKNOWN_MEMBER, /* not in the manifest */
        PACKAGE_MISSING_MEMBER, /* in the manifest, or needed, but not there */
        PACKAGE_BAD_MANIFEST,   /* not JSON, wrong format, wrong types */
        PACKAGE_BAD_DEFINITION, /* the roles of the definition and of the package differ */
        PACKAGE_ENCRYPTED,      /* a member is encrypted */
        PACKAGE_BAD_SIGNATURE,  /* there is one and it does not verify, or one is needed and not
                                   there */
        _PACKAGE_FAULT_MAX,
} PackageFault;

/**
 * struct PackageError - What is wrong with a package, for a person
 * @fault:   for programs
 * @message: names the member and the rule, without a trailing full stop
 */
typedef struct PackageError {
        PackageFault fault;
        char message[512];
} PackageError;

/**
 * struct PackageMember - A member as the manifest lists it
 * @name:   "roles/web.erofs"
 * @role:   the role whose payload it is; NULL for the definition
 * @sha256: lower-case hex
 */
typedef struct PackageMember {
        char *name;
        char *role;
        uint64_t size;
        char sha256[65];
} PackageMember;

typedef struct Package Package;

enum { PACKAGE_REFUSED = 1 };

/**
 * package_fault_to_string() - The word for a fault
 * @fault: one of the enumeration
 *
 * Return: "corrupt", "bad-path", ...
 */
const char *package_fault_to_string(PackageFault fault);

/**
 * package_open() - Read and verify a whole package
 * @fd:        a regular file, at any offset; borrowed until package_close(), and must not change
 * @ret:       the package, on 0 only
 * @ret_error: what is wrong, on PACKAGE_REFUSED
 *
 * Every byte is read and every digest verified. Blocks on the file: a daemon calls this off its
 * event loop. The definition's text is not parsed beyond being there: that is model_check()'s.
 *
 * Return: 0; PACKAGE_REFUSED; negative errno of reading @fd, -ENOMEM
 */
int package_open(int fd, Package **ret, PackageError *ret_error);

/**
 * package_close() - Free a package; its descriptor stays open
 * @package: NULL is allowed
 *
 * Return: NULL
 */
Package *package_close(Package *package);

/** package_closep() - For _cleanup_(package_closep) */
static inline void package_closep(Package **package)
{
        package_close(*package);
}

/**
 * package_digest() - SHA-256 of the whole package file
 * @package: borrowed
 *
 * Return: lower-case hex, borrowed; what the blob is stored under
 */
const char *package_digest(const Package *package);

/**
 * package_definition() - The text of ServiceDefinition.csdef
 * @package:    borrowed
 * @ret_length: its length
 *
 * Return: borrowed; zero-terminated beyond @ret_length
 */
const char *package_definition(const Package *package, size_t *ret_length);

/**
 * package_manifest() - The text of manifest.json
 * @package:    borrowed
 * @ret_length: its length
 *
 * Return: borrowed; zero-terminated beyond @ret_length
 */
const char *package_manifest(const Package *package, size_t *ret_length);

/**
 * package_members() - All members that the manifest lists
 * @package: borrowed
 * @ret_n:   how many
 *
 * Return: borrowed array: the definition, then the payloads
 */
const PackageMember *package_members(const Package *package, size_t *ret_n);

/**
 * package_payload() - The payload of a role
 * @package: borrowed
 * @role:    the role's name
 *
 * Return: borrowed; NULL if there is none
 */
const PackageMember *package_payload(const Package *package, const char *role);

/**
 * package_check_roles() - Whether the package has a payload for each role of its definition, and no
 * other
 * @package:   borrowed
 * @model:     of the package's definition
 * @ret_error: on PACKAGE_REFUSED
 *
 * Return: 0; PACKAGE_REFUSED
 */
int package_check_roles(const Package *package, const ServiceModel *model, PackageError *ret_error);

/**
 * package_extract() - Stream a role's payload out, verifying it on the way
 * @package:   borrowed
 * @role:      the role's name
 * @out_fd:    written from its current offset
 * @ret_error: on PACKAGE_REFUSED
 *
 * The caller syncs and renames: on anything but 0, what was written is to be thrown away.
 *
 * Return: 0; PACKAGE_REFUSED if the file has changed since package_open(); -ENOENT if there is no
 * such role; negative errno of reading or writing
 */
int package_extract(Package *package, const char *role, int out_fd, PackageError *ret_error);

/**
 * package_signed() - Whether the package carries a signature (which package_open() does not verify)
 * @package: borrowed
 *
 * Return: whether it does
 */
bool package_signed(const Package *package);

/**
 * package_verify() - Verify the package's signature
 * @package:   borrowed
 * @ca_file:   PEM file of certificates that a signer's certificate must chain to
 * @ret_error: on PACKAGE_REFUSED
 *
 * Return: 0; PACKAGE_REFUSED if there is no signature or it does not verify; negative errno
 */
int package_verify(const Package *package, const char *ca_file, PackageError *ret_error);
