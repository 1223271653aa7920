/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What comes in from outside with a request: a package and a configuration, read, verified and
 * checked on a Worker's thread, so that neither their size nor a slow sender is felt by the loop.
 */

#include "hostd/blob.h"
#include "hostd/worker.h"
#include "lib/api/records.h"
#include "model/service-model.h"

#define INTAKE_MAX 4 /* at once */

typedef enum IntakeKind {
        INTAKE_DEPLOY,    /* package into the blob store, deployment and package records */
        INTAKE_CHECK,     /* verdicts only */
        INTAKE_CONFIGURE, /* a configuration for a definition that is deployed */
} IntakeKind;

typedef struct Intake Intake;

struct Intake {
        WorkerJob job; /* first */
        /* what to do: set before intake_start(), descriptors and texts are the intake's from then
         * on
         */
        IntakeKind kind;
        BlobStore *blobs; /* borrowed */
        int package_fd;   /* -1: none */
        int configuration_fd;
        char *definition; /* CONFIGURE */
        void (*done)(Intake *intake);
        void *userdata;
        /* what came of it: valid in done(), which ends with intake_free() */
        const char *error; /* NULL: all is well; else what follows org.troupe.Error. */
        char *message;     /* for people, when there is an error */
        VerdictList verdicts;
        bool deployable;
        Record package;     /* DEPLOY */
        Record deployment;  /* DEPLOY, CONFIGURE: what the files say; names are the caller's to fill
                               in */
        char **thumbprints; /* DEPLOY, CONFIGURE: of the certificates that its roles need */
        size_t n_thumbprints;
};

/**
 * intake_new() - An intake without descriptors
 *
 * Return: owned; NULL when memory is short.
 */
Intake *intake_new(IntakeKind kind);

/** intake_free() - Free it and close its descriptors */
Intake *intake_free(Intake *intake);
DEFINE_CLEANUP(Intake *, intake_free)

/** intake_start() - Hand it to the worker; done() is called on the loop */
void intake_start(Intake *intake, Worker *worker);
