/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Files become blobs first, each under its digest, and are linked into the version's directory when
 * all are there: what was broken off leaves nothing but blobs, which the next collection removes.
 */

#include "hostd/os-intake.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hostd/os-assemble.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

_printf_(3, 4) static int refuse(OsIntake *intake, const char *error, const char *format, ...)
{
        va_list args;

        intake->error = error;
        va_start(args, format);
        vsnprintf(intake->message, sizeof(intake->message), format, args);
        va_end(args);
        return 1;
}

static int refuse_errno(OsIntake *intake, int error, const char *what)
{
        if (error == -ENOSPC || error == -EDQUOT)
                return refuse(intake, "StorageFull", "%s: this host's disk is full", what);
        return refuse(intake, "Internal", "%s: %s", what, strerror(-error));
}

static int read_manifest(OsIntake *intake)
{
        _cleanup_free_ char *text = NULL;
        char message[OS_MANIFEST_MESSAGE_MAX];
        size_t length;
        int r;

        lseek(intake->manifest_fd, 0, SEEK_SET); /* a file is read from its start */
        r = file_read_fd(intake->manifest_fd, OS_MANIFEST_BYTES_MAX, &text, &length);
        if (r == -EFBIG)
                return refuse(intake, "GuestOsInvalid", "manifest.json: is larger than 64 KiB");
        if (r < 0)
                return refuse_errno(intake, r, "manifest.json");
        r = os_manifest_parse(text, &intake->os, message);
        if (r == OS_MANIFEST_BAD)
                return refuse(intake, "GuestOsInvalid", "%s", message);
        if (r < 0)
                return refuse_errno(intake, r, "manifest.json");
        if (intake->os.n_files != intake->n_fds)
                return refuse(intake, "GuestOsInvalid",
                              "manifest.json: names %zu files, and %zu were given",
                              intake->os.n_files, intake->n_fds);
        if (!intake->os.digest[0])
                return refuse(intake, "GuestOsInvalid",
                              "manifest.json: names no root image (.raw)");
        return 0;
}

static int check_known(OsIntake *intake)
{
        const OsRecord *os = &intake->os;

        for (size_t i = 0; i < intake->n_known; i++)
                if (str_equal(intake->known[i].family, os->family) &&
                    str_equal(intake->known[i].version, os->version) &&
                    !os_manifest_same(&intake->known[i], os))
                        return refuse(intake, "RefusedNow",
                                      "guest operating system %s version %s is in the cluster "
                                      "already, with other files: give the new one another version",
                                      os->family, os->version);
        return 0;
}

static int take_file(OsIntake *intake, size_t index)
{
        const OsFile *file = &intake->os.files[index];
        char digest[BLOB_DIGEST_LENGTH + 1], message[BLOB_MESSAGE_MAX];
        uint64_t bytes;
        int r;

        if (file->size_bytes > OS_INTAKE_FILE_MAX)
                return refuse(intake, "GuestOsInvalid", "%s: is larger than 8 GiB", file->name);
        if (intake->fds[index] < 0)
                return 0;
        lseek(intake->fds[index], 0, SEEK_SET);
        r = blob_ingest(intake->blobs, intake->fds[index], file->size_bytes, file->digest, digest,
                        &bytes, message);
        if (r == BLOB_REFUSED)
                return refuse(intake, "GuestOsInvalid", "%s: %s", file->name, message);
        return r < 0 ? refuse_errno(intake, r, file->name) : 0;
}

static int run(WorkerJob *job)
{
        OsIntake *intake = CONTAINER_OF(job, OsIntake, job);
        size_t n = 0;
        int r;

        r = read_manifest(intake);
        if (r == 0)
                r = check_known(intake);
        while (r == 0 && n < intake->os.n_files) {
                r = take_file(intake, n);
                n += r == 0;
        }
        if (r == 0) {
                r = os_assemble(intake->blobs, intake->directory, &intake->os);
                if (r < 0)
                        refuse_errno(intake, r, "cannot put it together");
        }
        while (n-- > 0)
                blob_release(intake->blobs, intake->os.files[n].digest);
        return 0;
}

static void on_job_done(WorkerJob *job, int result)
{
        OsIntake *intake = CONTAINER_OF(job, OsIntake, job);

        if (result < 0)
                refuse_errno(intake, result, "not read");
        intake->done(intake);
}

OsIntake *os_intake_new(void)
{
        OsIntake *intake = calloc(1, sizeof(*intake));

        if (intake)
                intake->manifest_fd = -1;
        return intake;
}

OsIntake *os_intake_free(OsIntake *intake)
{
        if (!intake)
                return NULL;
        fd_close(intake->manifest_fd);
        for (size_t i = 0; i < intake->n_fds; i++)
                fd_close(intake->fds[i]);
        free(intake->directory);
        free(intake->known);
        free(intake);
        return NULL;
}

void os_intake_start(OsIntake *intake, Worker *worker)
{
        intake->job.run = run;
        intake->job.done = on_job_done;
        worker_submit(worker, &intake->job);
}
