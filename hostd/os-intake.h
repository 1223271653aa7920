/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A guest operating system that an operator brings beside the host image: its manifest and files
 * come as descriptors, are verified while they are copied, and are put together below STATE/os. On
 * a Worker's thread. */

#include "hostd/blob.h"
#include "hostd/os-manifest.h"
#include "hostd/worker.h"

#define OS_INTAKE_FILE_MAX (8 * GIB)

typedef struct OsIntake OsIntake;

struct OsIntake {
        WorkerJob job; /* first */
        /* what to do: set before os_intake_start(); the intake's from then on */
        BlobStore *blobs; /* borrowed */
        char *directory;  /* STATE/os */
        int manifest_fd;
        int fds[RECORD_FILES_MAX]; /* in the order of the manifest; -1: is one of @blobs already,
                                      verified and held */
        size_t n_fds;
        void (*done)(OsIntake *intake);
        void *userdata;
        OsRecord *known; /* versions that the cluster has: other files are not taken in under their
                            names; owned */
        size_t n_known;
        /* what came of it: valid in done(), which ends with os_intake_free() */
        const char *error; /* NULL: all is well; else what follows org.troupe.Error. */
        char message[OS_MANIFEST_MESSAGE_MAX + BLOB_MESSAGE_MAX];
        OsRecord os;
};

/**
 * os_intake_new() - An intake without descriptors
 *
 * Return: owned; NULL when memory is short.
 */
OsIntake *os_intake_new(void);

/** os_intake_free() - Free it and close its descriptors */
OsIntake *os_intake_free(OsIntake *intake);
DEFINE_CLEANUP(OsIntake *, os_intake_free)

/** os_intake_start() - Hand it to the worker; done() is called on the loop */
void os_intake_start(OsIntake *intake, Worker *worker);
