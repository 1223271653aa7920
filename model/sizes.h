/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The size catalogue: what a vmsize gives. Installed as /usr/share/troupe/sizes.conf; an operator's
 * own entries in /etc/troupe/sizes.conf replace or add to them, one size per line:
 *
 *   # name          vcpus  memory   disk    aliases
 *   Small           1      1792M    20G     A1 Standard_A1
 */

#include <stddef.h>
#include <stdint.h>

#define SIZES_MAX            256U
#define SIZES_FILE_BYTES_MAX (64U * 1024U)
#define SIZE_NAME_MAX        63U
#define SIZE_ALIASES_MAX     8U
#define SIZES_FILE_SYSTEM    "/usr/share/troupe/sizes.conf"
#define SIZES_FILE_OPERATOR  "/etc/troupe/sizes.conf"

/**
 * struct Size - One line of the catalogue
 * @name:         canonical name; matching is case-insensitive
 * @vcpus:        virtual CPUs, at least 1
 * @memory_bytes: guest memory
 * @disk_bytes:   what the root overlay and all local storage may take together
 * @aliases:      other names for the same
 */
typedef struct Size {
        char *name;
        uint32_t vcpus;
        uint64_t memory_bytes;
        uint64_t disk_bytes;
        char *aliases[SIZE_ALIASES_MAX];
        size_t n_aliases;
} Size;

typedef struct SizeCatalogue {
        Size *sizes;
        size_t n_sizes;
} SizeCatalogue;

/**
 * sizes_parse() - Add the lines of a catalogue file to a catalogue
 * @catalogue: changed in place; a zeroed struct is an empty one. A size of the same name is
 * replaced.
 * @text:      the file's text
 * @length:    its length
 * @ret_line:  on SIZES_BAD_LINE the line that is wrong, from 1; NULL is allowed
 *
 * Return: 0; SIZES_BAD_LINE; -ENOMEM. Lines before a bad one stay.
 */
int sizes_parse(SizeCatalogue *catalogue, const char *text, size_t length, unsigned *ret_line);
enum { SIZES_BAD_LINE = 1 };

/**
 * sizes_load() - Read the system's catalogue and the operator's over it
 * @catalogue:     changed in place
 * @system_path:   NULL for SIZES_FILE_SYSTEM; when it is not there, the catalogue compiled in is
 * used
 * @operator_path: NULL for SIZES_FILE_OPERATOR; need not be there
 * @ret_path:      on SIZES_BAD_LINE the path of the bad file (one of the two given); NULL is
 * allowed
 * @ret_line:      on SIZES_BAD_LINE its line; NULL is allowed
 *
 * Return: 0; SIZES_BAD_LINE; negative errno
 */
int sizes_load(SizeCatalogue *catalogue, const char *system_path, const char *operator_path,
               const char **ret_path, unsigned *ret_line);

/**
 * sizes_find() - Look up a size by name or alias, whatever its case
 * @catalogue: borrowed
 * @name:      as written in vmsize
 *
 * Return: borrowed, valid while @catalogue is unchanged; NULL if there is none
 */
const Size *sizes_find(const SizeCatalogue *catalogue, const char *name);

/**
 * sizes_deinit() - Free the catalogue's contents
 * @catalogue: NULL is allowed
 */
void sizes_deinit(SizeCatalogue *catalogue);
