/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The zip records of a package, in the one form that a package has: members stored one after the
 * other with their size and CRC in front, no times, no attributes, no extra fields, no zip64.
 *
 * Source: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 4.3.7, 4.3.12, 4.3.16
 */

#include <stddef.h>
#include <stdint.h>

#include "model/package.h"

#define ZIP_NAME_MAX            128U
#define ZIP_LOCAL_BYTES         30U /* and the name */
#define ZIP_CENTRAL_BYTES       46U /* and the name */
#define ZIP_END_BYTES           22U
#define ZIP_DIRECTORY_BYTES_MAX (64U * 1024U)

/**
 * struct ZipMember - A member of a package
 * @offset: of its local header
 */
typedef struct ZipMember {
        char name[ZIP_NAME_MAX + 1];
        uint32_t size;
        uint32_t crc;
        uint32_t offset;
} ZipMember;

typedef struct ZipDirectory {
        ZipMember members[PACKAGE_MEMBERS_MAX];
        size_t n_members;
} ZipDirectory;

/**
 * zip_crc() - CRC-32 of zip over more bytes
 * @crc:    of the bytes so far, 0 at the start
 * @data:   more bytes
 * @length: how many
 *
 * Return: the new CRC
 */
uint32_t zip_crc(uint32_t crc, const void *data, size_t length);

/**
 * zip_local() - The local header of a member
 * @member: which
 * @bytes:  ZIP_LOCAL_BYTES and the name
 *
 * Return: length of the header
 */
size_t zip_local(const ZipMember *member, uint8_t bytes[static ZIP_LOCAL_BYTES + ZIP_NAME_MAX]);

/**
 * zip_tail() - The central directory and the end record
 * @directory:  all members, with contiguous offsets
 * @ret:        owned
 * @ret_length: its length
 *
 * Return: 0; -ENOMEM
 */
int zip_tail(const ZipDirectory *directory, uint8_t **ret, size_t *ret_length);

/**
 * zip_read_directory() - Read and check the directory of a package
 * @fd:        a regular file
 * @size:      its size
 * @ret:       the members; their local headers have not been looked at
 * @ret_error: on PACKAGE_REFUSED
 *
 * What is found here is in the form above, to the last bit; what is not is diagnosed: encrypted,
 * compressed, bombs, links, bad paths, duplicates, truncation.
 *
 * Return: 0; PACKAGE_REFUSED; negative errno
 */
int zip_read_directory(int fd, uint64_t size, ZipDirectory *ret, PackageError *ret_error);
