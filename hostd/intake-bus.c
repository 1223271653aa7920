/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods that bring files: Deploy, Configure, CheckPackage. The files are taken in by a
 * worker; then what they say is asked of the core, and the call is answered. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>

#include "hostd/host1.h"
#include "lib/base/str.h"
#include "model/package.h"

/* A call whose files are being read. */
typedef struct Taking {
        Host1 *host1;
        sd_bus_message *message;
        char *service, *label;
        Slot slot;
        ControllerRequest *deploy; /* waits for its package to be registered */
} Taking;

static void taking_free(Taking *taking)
{
        controller_request_free(taking->deploy);
        sd_bus_message_unref(taking->message);
        free(taking->service);
        free(taking->label);
        free(taking);
}

static void reply_error(sd_bus_message *message, const char *error, const char *text)
{
        _cleanup_(sd_bus_error_free) sd_bus_error bus = SD_BUS_ERROR_NULL;

        bus_error(&bus, error, "%s", text);
        sd_bus_reply_method_error(message, &bus);
}

/* Answers the call, if giving the request to the core failed at once. */
static void ask(Taking *taking, ControllerRequest *request)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = host1_request(taking->host1, taking->message, request, HOST1_REPLY_OPERATION, &error);
        if (r < 0 && sd_bus_error_is_set(&error))
                sd_bus_reply_method_error(taking->message, &error);
        else if (r < 0)
                sd_bus_reply_method_errno(taking->message, r, NULL);
}

/* The first certificate that the configuration names and nobody has added, or NULL. */
static const char *missing_certificate(Host1 *host1, const Intake *intake)
{
        for (size_t i = 0; i < intake->n_thumbprints; i++)
                if (!certificate_bus_has(host1, intake->thumbprints[i]))
                        return intake->thumbprints[i];
        return NULL;
}

/* True when the call was refused for that. */
static bool refuse_certificate(Taking *taking, Intake *intake)
{
        const char *thumbprint = missing_certificate(taking->host1, intake);
        _cleanup_free_ char *text = NULL;

        if (!thumbprint)
                return false;
        text = str_printf("the configuration names the certificate %s, which is not there: add it "
                          "with `troupectl certificate add`",
                          thumbprint);
        if (intake->kind == INTAKE_DEPLOY)
                blob_release(intake->blobs, intake->deployment.deployment.package);
        reply_error(taking->message, "CertificateMissing", text ?: "");
        return true;
}

static Record move_record(Record *from)
{
        Record record = *from;

        *from = (Record) {};
        return record;
}

/* The core must know of the package before the deployment. */
static void on_registered(void *userdata, const char *error, const char *text)
{
        Taking *taking = userdata;

        if (error) {
                intake_bus_deployed(taking->host1, taking->deploy->record.deployment.package);
                reply_error(taking->message, error, text);
        } else {
                ask(taking, TAKE_PTR(taking->deploy));
        }
        taking_free(taking);
}

static ControllerRequest *make_package(Taking *taking, Intake *intake)
{
        ControllerRequest *request = controller_request_new(FABRIC_REGISTER);
        PackageRecord *package = &intake->package.package;

        if (!request)
                return NULL;
        snprintf(package->name, sizeof(package->name), "%s", taking->service);
        snprintf(package->holders[0], sizeof(package->holders[0]), "%s", taking->host1->host);
        package->n_holders = 1;
        request->record = move_record(&intake->package);
        request->done = on_registered;
        request->userdata = taking;
        return request;
}

static ControllerRequest *make_deploy(Taking *taking, Intake *intake)
{
        ControllerRequest *request = controller_request_new(FABRIC_DEPLOY);
        DeploymentRecord *deployment = &intake->deployment.deployment;
        uint32_t number;

        if (!request)
                return NULL;
        map_put(&taking->host1->taken, deployment->package, NULL);
        while (getrandom(&number, sizeof(number), 0) != sizeof(number))
                ;
        snprintf(deployment->id, sizeof(deployment->id), "d%08x", number);
        snprintf(deployment->service, sizeof(deployment->service), "%s", taking->service);
        snprintf(deployment->label, sizeof(deployment->label), "%s", taking->label);
        snprintf(request->service, sizeof(request->service), "%s", taking->service);
        request->slot = taking->slot;
        request->record = move_record(&intake->deployment);
        return request;
}

void intake_bus_deployed(Host1 *host1, const char *digest)
{
        if (!map_contains(&host1->taken, digest))
                return;
        map_remove(&host1->taken, digest);
        blob_release(host_half_blobs(host1->host_half), digest);
}

/* False when the core was not asked, and the call has been answered. */
static bool register_deploy(Taking *taking, Intake *intake)
{
        ControllerRequest *package;

        if (intake->error) {
                reply_error(taking->message, intake->error, intake->message ?: "");
                return false;
        }
        if (refuse_certificate(taking, intake))
                return false;
        taking->deploy = make_deploy(taking, intake);
        package = make_package(taking, intake);
        if (!taking->deploy || !package) {
                controller_request_free(package);
                reply_error(taking->message, "Internal", "out of memory");
                return false;
        }
        controller_request(taking->host1->controller, package);
        return true;
}

static void on_deploy_taken(Intake *intake)
{
        Taking *taking = intake->userdata;

        taking->host1->n_intakes--;
        if (!register_deploy(taking, intake))
                taking_free(taking);
        intake_free(intake);
}

static ControllerRequest *make_configure(Taking *taking, Intake *intake)
{
        ControllerRequest *request = controller_request_new(FABRIC_CONFIGURE);
        const DeploymentRecord *said = &intake->deployment.deployment;

        if (!request)
                return NULL;
        snprintf(request->service, sizeof(request->service), "%s", taking->service);
        request->slot = taking->slot;
        request->n_counts = said->n_roles;
        for (size_t i = 0; i < said->n_roles; i++) {
                memcpy(request->counts[i].role, said->roles[i].name, sizeof(RecordName));
                request->counts[i].count = said->roles[i].count;
        }
        request->configuration = TAKE_PTR(intake->deployment.deployment.configuration);
        request->record = move_record(&intake->deployment); /* the guest OS that is asked for */
        return request;
}

static void on_configure_taken(Intake *intake)
{
        Taking *taking = intake->userdata;
        ControllerRequest *request = NULL;

        taking->host1->n_intakes--;
        if (intake->error) {
                reply_error(taking->message, intake->error, intake->message ?: "");
        } else if (!refuse_certificate(taking, intake)) {
                request = make_configure(taking, intake);
                if (request)
                        ask(taking, request);
                else
                        reply_error(taking->message, "Internal", "out of memory");
        }
        taking_free(taking);
        intake_free(intake);
}

static int reply_verdicts(sd_bus_message *call, const Intake *intake)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "b", intake->deployable);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sussss)");
        for (size_t i = 0; i < intake->verdicts.n_entries && r >= 0; i++) {
                const VerdictEntry *e = &intake->verdicts.entries[i];

                r = sd_bus_message_append(reply, "(sussss)", e->file, e->line, e->element,
                                          e->attribute ?: "", verdict_to_string(e->verdict),
                                          e->reason);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_check_taken(Intake *intake)
{
        Taking *taking = intake->userdata;
        int r;

        taking->host1->n_intakes--;
        if (intake->error) {
                reply_error(taking->message, intake->error, intake->message ?: "");
        } else {
                r = reply_verdicts(taking->message, intake);
                if (r < 0)
                        sd_bus_reply_method_errno(taking->message, r, NULL);
        }
        taking_free(taking);
        intake_free(intake);
}

/* Begins to take the files in; both descriptors are the message's. */
static int take(Host1 *host1, sd_bus_message *message, Intake *made, int package, int configuration,
                const char *service, Slot slot, const char *label, sd_bus_error *error)
{
        _cleanup_(intake_freep) Intake *intake = made;
        Taking *taking;

        if (host1->n_intakes >= INTAKE_MAX)
                return bus_error(error, "TooMany", "%d packages are being read already; try again",
                                 INTAKE_MAX);
        if (!intake)
                return -ENOMEM;
        intake->package_fd = package < 0 ? -1 : fcntl(package, F_DUPFD_CLOEXEC, 3);
        intake->configuration_fd = fcntl(configuration, F_DUPFD_CLOEXEC, 3);
        if (intake->configuration_fd < 0 || (package >= 0 && intake->package_fd < 0))
                return -errno;
        taking = calloc(1, sizeof(*taking));
        if (!taking)
                return -ENOMEM;
        taking->host1 = host1;
        taking->slot = slot;
        taking->message = sd_bus_message_ref(message);
        if (str_set(&taking->service, service) < 0 || str_set(&taking->label, label) < 0) {
                taking_free(taking);
                return -ENOMEM;
        }
        intake->userdata = taking;
        intake->blobs = host_half_blobs(host1->host_half);
        host1->n_intakes++;
        intake_start(TAKE_PTR(intake), host1->worker);
        return 1;
}

static bool service_name_is_right(const char *name)
{
        size_t length = strlen(name);

        if (length < 1 || length > RECORD_NAME_MAX)
                return false;
        for (size_t i = 0; i < length; i++) {
                char c = name[i];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                bool rest = (c >= '0' && c <= '9') || c == '-' || c == '_';

                if (!letter && (i == 0 || !rest))
                        return false;
        }
        return true;
}

int intake_bus_deploy(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        static const uint64_t limits[] = {PACKAGE_BYTES_MAX, MODEL_FILE_BYTES_MAX};
        Host1 *host1 = userdata;
        const char *service, *slot, *label;
        int package, configuration, r;
        uint64_t flags;
        Intake *intake;
        Slot number;

        r = bus_polkit_check(host1->polkit, message, HOST1_DEPLOY, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "sshhst", &service, &slot, &package, &configuration,
                                &label, &flags);
        if (r < 0)
                return r;
        if (!service_name_is_right(service))
                return bus_error_invalid(error,
                                         "\"%s\" is not a service's name: a letter, then letters, "
                                         "digits, '-' and '_', at most 63",
                                         service);
        if (slot_from_string(slot, &number) < 0)
                return bus_error_invalid(error, "\"%s\" is not a slot: production or staging",
                                         slot);
        if (strlen(label) > RECORD_LABEL_MAX || flags != 0)
                return bus_error_invalid(error,
                                         "the label is longer than %d bytes, or a flag is "
                                         "set",
                                         RECORD_LABEL_MAX);
        r = host1_forward_files(host1, message, limits, error);
        if (r != 0)
                return r;
        intake = intake_new(INTAKE_DEPLOY);
        if (intake)
                intake->done = on_deploy_taken;
        return take(host1, message, intake, package, configuration, service, number, label, error);
}

int intake_bus_configure(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        static const uint64_t limits[FORWARD_FILES_MAX] = {MODEL_FILE_BYTES_MAX};
        Host1 *host1 = userdata;
        const DeploymentRecord *deployment;
        const char *service, *slot;
        int configuration, r;
        Intake *intake;
        Slot number;

        r = bus_polkit_check(host1->polkit, message, HOST1_DEPLOY, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "ssh", &service, &slot, &configuration);
        if (r < 0)
                return r;
        deployment = host1_find_deployment(host1, service, slot, error);
        if (!deployment)
                return -ENOENT;
        r = host1_forward_files(host1, message, limits, error);
        if (r != 0)
                return r;
        slot_from_string(slot, &number);
        intake = intake_new(INTAKE_CONFIGURE);
        if (intake && str_set(&intake->definition, deployment->definition ?: "") < 0)
                intake = intake_free(intake);
        if (intake)
                intake->done = on_configure_taken;
        return take(host1, message, intake, -1, configuration, service, number, "", error);
}

int intake_bus_check(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        int package, configuration, r;
        Intake *intake;

        r = bus_polkit_check(host1->polkit, message, HOST1_INSPECT, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "hh", &package, &configuration);
        if (r < 0)
                return r;
        intake = intake_new(INTAKE_CHECK);
        if (intake)
                intake->done = on_check_taken;
        return take(host1, message, intake, package, configuration, "", SLOT_PRODUCTION, "", error);
}
