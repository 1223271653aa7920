/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The guest operating systems that are here, directories FAMILY/VERSION: those that came with the
 * host image, and those below the state directory, which were imported or fetched. They are found
 * out by a job on the worker, as files are read; one is under way at a time. */

#include <stdbool.h>

#include "hostd/blob.h"
#include "hostd/worker.h"
#include "lib/api/records.h"
#include "lib/base/map.h"

#define OS_SHELF_KEY_MAX (2 * RECORD_VERSION_MAX + 2) /* FAMILY/VERSION */

typedef struct OsShelf OsShelf;

/* A guest OS that is here. */
typedef struct OsHere {
        OsRecord os;
        bool fetched; /* below the state directory */
} OsHere;

typedef struct OsShelfConfig {
        Worker *worker;          /* borrowed */
        BlobStore *blobs;        /* borrowed */
        const char *host;        /* this one's name; copied, as the next two */
        const char *image_dir;   /* came with the host image; read only */
        const char *fetched_dir; /* below the state directory */
        void *userdata;
        /* What is here was found out; @assembled: one that was put together is among it */
        void (*changed)(void *userdata, bool assembled);
} OsShelfConfig;

/**
 * os_shelf_new() - Make it; nothing is known before os_shelf_look()
 * @config:    copied
 * @ret_shelf: owned
 *
 * Return: 0; -ENOMEM.
 */
int os_shelf_new(const OsShelfConfig *config, OsShelf **ret_shelf);

/** os_shelf_free() - Free it, after its worker */
OsShelf *os_shelf_free(OsShelf *shelf);
DEFINE_CLEANUP(OsShelf *, os_shelf_free)

/** os_shelf_look() - Find out what is here, if that was not done for a while and nothing is under
 * way */
void os_shelf_look(OsShelf *shelf);

/** os_shelf_outdated() - Something was put there: the next look finds out */
void os_shelf_outdated(OsShelf *shelf);

/** os_shelf_is_outdated() - Whether that is still to be found out, by what begins after it: what is
 * missing here may be there */
bool os_shelf_is_outdated(const OsShelf *shelf);

/** os_shelf_assemble() - Put one together, of files that all are blobs; nothing happens while
 * something is under way */
void os_shelf_assemble(OsShelf *shelf, const OsRecord *os);

/** os_shelf_remove() - Remove one that is below the state directory; as os_shelf_assemble() */
void os_shelf_remove(OsShelf *shelf, const OsRecord *os);

/** os_shelf_is_known() - Whether what is here was found out */
bool os_shelf_is_known(const OsShelf *shelf);

/** os_shelf_systems() - Those that are here: FAMILY/VERSION → OsHere; until the loop goes on */
const Map *os_shelf_systems(const OsShelf *shelf);

/** os_shelf_has() - Whether a guest OS is here with the very files that the record says */
bool os_shelf_has(const OsShelf *shelf, const OsRecord *os);

/** os_shelf_file() - Path of the file with a digest; NULL when it is not here */
const char *os_shelf_file(const OsShelf *shelf, const char *digest);

/** os_shelf_key() - FAMILY/VERSION */
void os_shelf_key(const char *family, const char *version, char ret_key[static OS_SHELF_KEY_MAX]);
