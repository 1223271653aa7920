/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The package is copied into the blob store first and verified there: its sender may still write to
 * the file that it gave us. What turns out to be no package is taken out again. */

#include "hostd/intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/api/local-storage.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "model/package.h"

#define PACKAGE_NAME       "package"
#define CONFIGURATION_NAME "ServiceConfiguration.cscfg"
#define REFUSALS_SHOWN     20

Intake *intake_new(IntakeKind kind)
{
        Intake *intake = calloc(1, sizeof(*intake));

        if (!intake)
                return NULL;
        intake->kind = kind;
        intake->package_fd = intake->configuration_fd = -1;
        return intake;
}

Intake *intake_free(Intake *intake)
{
        if (!intake)
                return NULL;
        fd_close(intake->package_fd);
        fd_close(intake->configuration_fd);
        free(intake->definition);
        free(intake->message);
        verdict_list_deinit(&intake->verdicts);
        record_deinit(&intake->package);
        record_deinit(&intake->deployment);
        for (size_t i = 0; i < intake->n_thumbprints; i++)
                free(intake->thumbprints[i]);
        free(intake->thumbprints);
        free(intake);
        return NULL;
}

/* Notes why it failed; the first reason stays. Returns 0: the job itself has been done. */
_printf_(3, 4) static int refuse(Intake *intake, const char *error, const char *format, ...)
{
        va_list arguments;

        if (intake->error)
                return 0;
        intake->error = error;
        va_start(arguments, format);
        if (vasprintf(&intake->message, format, arguments) < 0)
                intake->message = NULL;
        va_end(arguments);
        return 0;
}

static int refuse_errno(Intake *intake, int error, const char *what)
{
        if (error == -ENOSPC || error == -EDQUOT)
                return refuse(intake, "StorageFull", "%s: this host's disk is full", what);
        return refuse(intake, "Internal", "%s: %s", what, strerror(-error));
}

/* One line for each refused element, with what to write instead. */
static char *refusals(const VerdictList *verdicts)
{
        StrBuffer buffer = {};
        size_t shown = 0;
        char *text;

        for (size_t i = 0; i < verdicts->n_entries && shown < REFUSALS_SHOWN; i++) {
                const VerdictEntry *e = &verdicts->entries[i];

                if (e->verdict != VERDICT_REFUSED)
                        continue;
                str_buffer_addf(&buffer, "%s%s:%u: %s%s%s: %s", shown ? "\n" : "", e->file, e->line,
                                e->element, e->attribute ? "@" : "", e->attribute ?: "", e->reason);
                shown++;
        }
        if (verdicts->n_refused > shown)
                str_buffer_addf(&buffer, "\nand %zu more", verdicts->n_refused - shown);
        return str_buffer_take(&buffer, &text) == 0 ? text : NULL;
}

static void fill_endpoints(DeploymentRecord *record, const Role *role)
{
        static const RecordEndpointKind kinds[] = {
                [ENDPOINT_INPUT] = RECORD_ENDPOINT_INPUT,
                [ENDPOINT_INTERNAL] = RECORD_ENDPOINT_INTERNAL,
                [ENDPOINT_INSTANCE_INPUT] = RECORD_ENDPOINT_INSTANCE,
        };

        for (size_t i = 0; i < role->n_endpoints; i++) {
                const Endpoint *from = &role->endpoints[i];
                DeploymentEndpoint *to = &record->endpoints[record->n_endpoints++];
                bool internal = from->kind == ENDPOINT_INTERNAL;

                snprintf(to->name, sizeof(to->name), "%s", from->name);
                snprintf(to->role, sizeof(to->role), "%s", role->name);
                snprintf(to->protocol, sizeof(to->protocol), "%s",
                         protocol_to_string(from->protocol));
                to->kind = kinds[from->kind];
                to->port = internal ? from->local_first : from->public_first;
                to->port_last = internal ? from->local_last : from->public_last;
        }
}

static void fill_roles(DeploymentRecord *record, const ServiceModel *model)
{
        for (size_t i = 0; i < model->n_roles; i++) {
                const Role *from = &model->roles[i];
                DeploymentRole *to = &record->roles[record->n_roles++];

                snprintf(to->name, sizeof(to->name), "%s", from->name);
                snprintf(to->size, sizeof(to->size), "%s", from->size_name);
                to->kind = from->kind == ROLE_WEB ? RECORD_ROLE_WEB : RECORD_ROLE_WORKER;
                to->count = from->count;
                to->vcpus = from->vcpus;
                to->memory_bytes = from->memory_bytes;
                to->disk_bytes = from->disk_bytes;
                for (size_t j = 0; j < from->n_resources; j++)
                        to->storage_bytes += local_storage_piece(from->resources[j].size_mb);
                if (from->n_resources > 0)
                        to->storage_bytes += LOCAL_STORAGE_FIRST_BYTES;
                to->upgrade_domains = model->upgrade_domain_count;
                fill_endpoints(record, from);
        }
}

static int fill_thumbprints(Intake *intake, const Role *role)
{
        for (size_t i = 0; i < role->n_certificates; i++) {
                char *thumbprint = strdup(role->certificates[i].thumbprint ?: "");

                if (!thumbprint ||
                    ARRAY_APPEND(intake->thumbprints, intake->n_thumbprints, thumbprint) < 0) {
                        free(thumbprint);
                        return -ENOMEM;
                }
        }
        return 0;
}

static int fill_deployment(Intake *intake, const ServiceModel *model, const char *definition,
                           const char *configuration)
{
        DeploymentRecord *record = &intake->deployment.deployment;
        int r = 0;

        record_init(&intake->deployment, RECORD_DEPLOYMENT);
        snprintf(record->os_family, sizeof(record->os_family), "%s", model->os_family);
        snprintf(record->os_version, sizeof(record->os_version), "%s", model->os_version ?: "*");
        fill_roles(record, model);
        for (size_t i = 0; i < model->n_roles && r == 0; i++)
                r = fill_thumbprints(intake, &model->roles[i]);
        if (r == 0)
                r = str_set(&record->definition, definition);
        return r < 0 ? r : str_set(&record->configuration, configuration);
}

static int load_sizes(Intake *intake, SizeCatalogue *sizes)
{
        const char *path;
        unsigned line;
        int r;

        r = sizes_load(sizes, SIZES_FILE_SYSTEM, SIZES_FILE_OPERATOR, &path, &line);
        if (r == SIZES_BAD_LINE)
                return refuse(intake, "Internal", "%s:%u: is not a size", path, line);
        return r < 0 ? refuse_errno(intake, r, "cannot read the catalogue of sizes") : 0;
}

static int check(Intake *intake, const char *definition, size_t length)
{
        _cleanup_(sizes_deinit) SizeCatalogue sizes = {};
        _cleanup_(model_freep) ServiceModel *model = NULL;
        _cleanup_free_ char *configuration = NULL, *text = NULL;
        size_t configuration_length;
        int r;

        r = file_read_fd(intake->configuration_fd, MODEL_FILE_BYTES_MAX, &configuration,
                         &configuration_length);
        if (r == -EFBIG)
                return refuse(intake, "ConfigurationInvalid",
                              CONFIGURATION_NAME ":1: is larger than %u bytes",
                              MODEL_FILE_BYTES_MAX);
        if (r < 0)
                return refuse_errno(intake, r, "cannot read the configuration");
        load_sizes(intake, &sizes);
        if (intake->error)
                return 0;
        r = model_check(&(ModelText) {PACKAGE_DEFINITION, definition, length},
                        &(ModelText) {CONFIGURATION_NAME, configuration, configuration_length},
                        &sizes, &intake->verdicts, &model);
        if (r < 0)
                return refuse_errno(intake, r, "cannot check the service");
        intake->deployable = r == 0;
        if (intake->kind == INTAKE_CHECK)
                return 0;
        if (r != 0) {
                text = refusals(&intake->verdicts);
                return refuse(intake, r == MODEL_BROKEN ? "ConfigurationInvalid" : "ModelRefused",
                              "%s", text ?: "");
        }
        if (memchr(configuration, '\0', configuration_length))
                return refuse(intake, "ConfigurationInvalid",
                              CONFIGURATION_NAME ":1: has a NUL byte");
        r = fill_deployment(intake, model, definition, configuration);
        return r < 0 ? refuse_errno(intake, r, "cannot make the deployment") : 0;
}

/* Verifies the package behind a descriptor, and the configuration against its definition. */
static int check_package(Intake *intake, int fd)
{
        PackageError error;
        Package *package;
        const char *definition;
        size_t length;
        int r;

        r = package_open(fd, &package, &error);
        if (r == PACKAGE_REFUSED)
                return refuse(intake, "PackageInvalid", PACKAGE_NAME ": %s (%s)", error.message,
                              package_fault_to_string(error.fault));
        if (r < 0)
                return refuse_errno(intake, r, "cannot read the package");
        definition = package_definition(package, &length);
        snprintf(intake->package.package.digest, sizeof(intake->package.package.digest), "%s",
                 package_digest(package));
        check(intake, definition, length);
        package_close(package);
        return 0;
}

static int take_package(Intake *intake)
{
        PackageRecord *record = &intake->package.package;
        char digest[BLOB_DIGEST_LENGTH + 1], message[BLOB_MESSAGE_MAX];
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        uint64_t bytes;
        int r;

        r = blob_ingest(intake->blobs, intake->package_fd, PACKAGE_BYTES_MAX, NULL, digest, &bytes,
                        message);
        if (r == BLOB_REFUSED)
                return refuse(intake, "PackageInvalid", PACKAGE_NAME ": %s", message);
        if (r < 0)
                return refuse_errno(intake, r, "cannot store the package");
        path = blob_path(intake->blobs, digest);
        fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
                return refuse_errno(intake, path ? -errno : -ENOMEM, "cannot open the package");
        record_init(&intake->package, RECORD_PACKAGE);
        record->size_bytes = bytes;
        record->added_us = clock_realtime_us();
        check_package(intake, fd);
        if (intake->error)
                blob_release(intake->blobs, digest);
        if (str_equal(intake->error, "PackageInvalid"))
                unlink(path); /* it is nobody's: it cannot have been deployed */
        snprintf(intake->deployment.deployment.package,
                 sizeof(intake->deployment.deployment.package), "%s", digest);
        return 0;
}

static int run(WorkerJob *job)
{
        Intake *intake = CONTAINER_OF(job, Intake, job);
        struct stat status;

        /* a file is read from its start, wherever the caller left it */
        lseek(intake->configuration_fd, 0, SEEK_SET);
        if (intake->package_fd >= 0)
                lseek(intake->package_fd, 0, SEEK_SET);
        switch (intake->kind) {
        case INTAKE_DEPLOY:
                return take_package(intake);
        case INTAKE_CONFIGURE:
                return check(intake, intake->definition, strlen(intake->definition));
        case INTAKE_CHECK:
                if (intake->package_fd < 0 || fstat(intake->package_fd, &status) < 0 ||
                    !S_ISREG(status.st_mode))
                        return refuse(intake, "PackageInvalid",
                                      PACKAGE_NAME ": is not a regular file");
                return check_package(intake, intake->package_fd);
        }
        return 0;
}

static void on_job_done(WorkerJob *job, int result)
{
        Intake *intake = CONTAINER_OF(job, Intake, job);

        if (result < 0)
                refuse_errno(intake, result, "not read");
        intake->done(intake);
}

void intake_start(Intake *intake, Worker *worker)
{
        intake->job.run = run;
        intake->job.done = on_job_done;
        worker_submit(worker, &intake->job);
}
