/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods about certificates: AddCertificate, RemoveCertificate, ListCertificates. What is
 * added is read and checked by a worker: its sender may be slow. No key ever leaves by these
 * methods, and none is in what they say or log. */

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "hostd/host1.h"
#include "hostd/openssl-certificate.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define CERTIFICATES_MAX 10000 /* in a cluster */
#define FILE_BYTES_MAX   (2 * RECORD_PEM_MAX)

/* A certificate that is being added. */
typedef struct Adding {
        WorkerJob job; /* first */
        Host1 *host1;
        sd_bus_message *message;
        int fd;
        Record certificate;
        char reason[CERTIFICATE_REASON_MAX]; /* why it cannot be used */
        char sha1[RECORD_SHA1_MAX + 1], sha256[RECORD_DIGEST_MAX + 1];
} Adding;

static void adding_free(Adding *adding)
{
        sd_bus_message_unref(adding->message);
        fd_close(adding->fd);
        record_deinit(&adding->certificate);
        free(adding);
}

/* Thumbprints are shown as Azure shows them. */
static const char *upper(const char *text, char *ret_text)
{
        size_t i;

        for (i = 0; text[i]; i++)
                ret_text[i] = (char) toupper((unsigned char) text[i]);
        ret_text[i] = '\0';
        return ret_text;
}

static const CertificateRecord *find(Host1 *host1, const char *thumbprint)
{
        MAP_FOREACH (entry, store_records(host1->store, RECORD_CERTIFICATE)) {
                const CertificateRecord *record = &((const Record *) entry->value)->certificate;

                if (certificate_is(record, thumbprint))
                        return record;
        }
        return NULL;
}

bool certificate_bus_has(Host1 *host1, const char *thumbprint)
{
        return find(host1, thumbprint) != NULL;
}

static void answer_error(Adding *adding, const char *name, const char *text)
{
        bus_answer_error(adding->message, name, text);
        adding_free(adding);
}

static void on_written(void *userdata, const char *error, const char *text)
{
        Adding *adding = userdata;

        if (error)
                return answer_error(adding, error, text);
        sd_bus_reply_method_return(adding->message, "ss", adding->sha1, adding->sha256);
        adding_free(adding);
}

/* Two certificates of one SHA-1 can be made by somebody who wants to be taken for another. */
static bool is_another(Host1 *host1, const CertificateRecord *record)
{
        const CertificateRecord *there = find(host1, record->sha1);

        return there && !str_equal(there->digest, record->digest);
}

static void write_record(Adding *adding)
{
        const CertificateRecord *record = &adding->certificate.certificate;
        ControllerRequest *request;
        Host1 *host1 = adding->host1;

        if (is_another(host1, record))
                return answer_error(adding, "CertificateInvalid",
                                    "a different certificate has the same SHA-1 thumbprint");
        if (map_size(store_records(host1->store, RECORD_CERTIFICATE)) >= CERTIFICATES_MAX)
                return answer_error(adding, "TooMany",
                                    "there are 10000 certificates: remove those of no use");
        request = controller_request_new(FABRIC_REGISTER);
        if (!request)
                return answer_error(adding, "Internal", "out of memory");
        upper(record->sha1, adding->sha1);
        upper(record->digest, adding->sha256);
        adding->certificate.certificate.added_us = clock_realtime_us();
        request->record = adding->certificate;
        adding->certificate = (Record) {};
        request->done = on_written;
        request->userdata = adding;
        controller_request(host1->controller, request);
}

static void on_read(WorkerJob *job, int result)
{
        Adding *adding = CONTAINER_OF(job, Adding, job);
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        adding->host1->n_intakes--;
        if (result == CERTIFICATE_BAD)
                return answer_error(adding, "CertificateInvalid", adding->reason);
        if (result < 0) {
                sd_bus_reply_method_errno(adding->message, result, NULL);
                return adding_free(adding);
        }
        if (host1_check_leads(adding->host1, &error) < 0) {
                sd_bus_reply_method_error(adding->message, &error);
                return adding_free(adding);
        }
        write_record(adding);
}

static int run(WorkerJob *job)
{
        Adding *adding = CONTAINER_OF(job, Adding, job);
        char *pem = NULL;
        size_t length;
        int r;

        lseek(adding->fd, 0, SEEK_SET); /* a file is read from its start */
        r = file_read_fd(adding->fd, FILE_BYTES_MAX, &pem, &length);
        if (r == -EFBIG) {
                snprintf(adding->reason, sizeof(adding->reason), "it is larger than 128 KiB");
                return CERTIFICATE_BAD;
        }
        if (r < 0)
                return r;
        r = certificate_read(pem, length, &adding->certificate, adding->reason);
        explicit_bzero(pem, length);
        free(pem);
        return r;
}

int certificate_bus_add(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        static const uint64_t limits[FORWARD_FILES_MAX] = {FILE_BYTES_MAX};
        Host1 *host1 = userdata;
        Adding *adding;
        int fd, r;

        r = bus_polkit_check(host1->polkit, message, HOST1_DEPLOY, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "h", &fd);
        if (r < 0)
                return r;
        r = host1_forward_files(host1, message, limits, error);
        if (r != 0)
                return r;
        if (host1->n_intakes >= INTAKE_MAX)
                return bus_error(error, "TooMany", "%d files are being read already; try again",
                                 INTAKE_MAX);
        adding = calloc(1, sizeof(*adding));
        if (!adding)
                return -ENOMEM;
        adding->job = (WorkerJob) {.run = run, .done = on_read};
        adding->host1 = host1;
        adding->message = sd_bus_message_ref(message);
        adding->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (adding->fd < 0) {
                r = -errno;
                adding_free(adding);
                return r;
        }
        host1->n_intakes++;
        worker_submit(host1->worker, &adding->job);
        return 1;
}

/* The service of a deployment whose configuration has this thumbprint in it, or NULL. */
static const char *user_of(Host1 *host1, const CertificateRecord *certificate)
{
        MAP_FOREACH (entry, store_records(host1->store, RECORD_DEPLOYMENT)) {
                const DeploymentRecord *deployment = &((const Record *) entry->value)->deployment;
                const char *text = deployment->configuration ?: "";

                if (strcasestr(text, certificate->sha1) || strcasestr(text, certificate->digest))
                        return deployment->service;
        }
        return NULL;
}

int certificate_bus_remove(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const CertificateRecord *certificate;
        const char *thumbprint, *service;
        ControllerRequest *request;
        Host1 *host1 = userdata;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_DEPLOY, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "s", &thumbprint);
        if (r < 0)
                return r;
        certificate = find(host1, thumbprint);
        if (!certificate)
                return bus_error(error, "NoSuchCertificate",
                                 "there is no certificate with the thumbprint \"%s\"", thumbprint);
        service = user_of(host1, certificate);
        if (service)
                return bus_error(error, "CertificateInUse",
                                 "the configuration of service \"%s\" names it", service);
        request = controller_request_new(FABRIC_UNREGISTER);
        if (!request)
                return -ENOMEM;
        record_init(&request->record, RECORD_CERTIFICATE);
        memcpy(request->record.certificate.digest, certificate->digest,
               sizeof(certificate->digest));
        return host1_request(host1, message, request, HOST1_REPLY_EMPTY, error);
}

int certificate_bus_list(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char sha1[RECORD_SHA1_MAX + 1], sha256[RECORD_DIGEST_MAX + 1];
        Host1 *host1 = userdata;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_INSPECT, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssstt)");
        MAP_FOREACH (entry, store_records(host1->store, RECORD_CERTIFICATE)) {
                const CertificateRecord *record = &((const Record *) entry->value)->certificate;

                if (r >= 0)
                        r = sd_bus_message_append(reply, "(ssstt)", upper(record->sha1, sha1),
                                                  upper(record->digest, sha256), record->subject,
                                                  record->expires_us, record->added_us);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
