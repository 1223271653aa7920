/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How guest operating systems come: ImportGuestOs, FetchGuestOs. What is imported is read and
 * verified by a worker; what is fetched comes from an HTTP source first (os-source.h). */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "hostd/content.h"
#include "hostd/host1.h"
#include "hostd/os-intake.h"
#include "hostd/os-source.h"
#include "hostd/register-server.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/url.h"

/* An import that is under way: its files are read here, then the host that decides is told. It is
 * answered when this host's copy of the state shows it. */
struct OsImporting {
        Host1 *host1;
        sd_bus_message *message;
        OsRecord os;
        HttpRequest *request; /* to the leader; NULL: none is under way */
        OsImporting *next;
};

static void import_free(OsImporting *import)
{
        for (OsImporting **i = &import->host1->imports; *i; i = &(*i)->next)
                if (*i == import) {
                        *i = import->next;
                        break;
                }
        if (import->host1->fetching == import)
                import->host1->fetching = NULL;
        import->host1->n_intakes--;
        http_cancel(import->request);
        sd_bus_message_unref(import->message);
        free(import);
}

static void answer_error(OsImporting *import, const char *name, const char *text)
{
        bus_answer_error(import->message, name, text);
        import_free(import);
}

static void answer(OsImporting *import)
{
        sd_bus_reply_method_return(import->message, "ss", import->os.family, import->os.version);
        import_free(import);
}

/* Whether the record is there; of two that bring a version at once, only one can have its files. */
static bool settle(OsImporting *import, const OsRecord *os)
{
        if (!str_equal(import->os.family, os->family) ||
            !str_equal(import->os.version, os->version))
                return false;
        if (os_manifest_same(&import->os, os)) {
                log_info("guest operating system %s version %s was imported", os->family,
                         os->version);
                answer(import);
        } else {
                answer_error(import, "RefusedNow",
                             "this version is in the cluster already, with other files: give the "
                             "new one another version");
        }
        return true;
}

void os_bus_registered(Host1 *host1, const OsRecord *os)
{
        OsImporting *next;

        for (OsImporting *import = host1->imports; import; import = next) {
                next = import->next;
                if (!import->request)
                        settle(import, os);
        }
}

void os_bus_drop(Host1 *host1)
{
        while (host1->imports)
                import_free(host1->imports);
        if (host1->fetching)
                import_free(host1->fetching);
}

/* ---- telling who decides */

static void on_written(void *userdata, const char *error, const char *text)
{
        OsImporting *import = userdata;

        if (error)
                return answer_error(import, error, text);
        log_info("guest operating system %s version %s was imported", import->os.family,
                 import->os.version);
        answer(import);
}

static void on_told(void *userdata, const HttpResult *result)
{
        OsImporting *import = userdata;
        RecordKey key = {.type = RECORD_OS};
        const Record *record;
        char why[256];

        import->request = NULL;
        snprintf(why, sizeof(why), "the host that leads does not take it: %.*s; try again",
                 (int) MIN(strcspn(result->body ?: "", "\n"), sizeof(why) / 2), result->body ?: "");
        if (result->error != 0)
                return answer_error(import, "Unavailable",
                                    "the host that leads was lost before it knew of the guest "
                                    "operating system; try again");
        if (result->status != 200)
                return answer_error(import, "Unavailable", why);
        memcpy(key.name, import->os.family, sizeof(RecordVersion));
        memcpy(key.version, import->os.version, sizeof(RecordVersion));
        record = store_get(import->host1->store, &key);
        if (record)
                settle(import, &record->os);
}

static void tell_leader(OsImporting *import, const IpAddress *leader)
{
        Host1 *host1 = import->host1;
        Record record = {.type = RECORD_OS, .os = import->os};

        int r = register_server_ask(host1->peers, leader, &record, true, on_told, import,
                                    &import->request);

        if (r < 0)
                return answer_error(import, "Internal", strerror(-r));
        import->next = host1->imports;
        host1->imports = import;
}

static void tell_core(OsImporting *import)
{
        ControllerRequest *request = controller_request_new(FABRIC_REGISTER);

        if (!request)
                return answer_error(import, "Internal", "out of memory");
        record_init(&request->record, RECORD_OS);
        request->record.os = import->os;
        request->done = on_written;
        request->userdata = import;
        controller_request(import->host1->controller, request);
}

/* Where the leader is, if it is another host that can be asked; else none. */
static IpAddress other_leader(const Host1 *host1)
{
        if (controller_leads(host1->controller) || !host1->reachable || !host1->peers)
                return (IpAddress) {};
        return peers_leader_address(host1->peers);
}

static void on_taken(OsIntake *intake)
{
        _cleanup_(os_intake_freep) OsIntake *owned = intake;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        OsImporting *import = intake->userdata;
        Host1 *host1 = import->host1;
        IpAddress leader = other_leader(host1);

        if (intake->error)
                return answer_error(import, intake->error, intake->message);
        content_rescan(host1->content);
        if (leader.family == 0 && host1_check_leads(host1, &error) < 0) {
                sd_bus_reply_method_error(import->message, &error);
                return import_free(import);
        }
        import->os = intake->os;
        import->os.imported = true;
        import->os.added_us = clock_realtime_us();
        snprintf(import->os.holders[0], sizeof(RecordName), "%s", host1->host);
        import->os.n_holders = 1;
        if (leader.family != 0)
                tell_leader(import, &leader);
        else
                tell_core(import);
}

/* ---- reading the call */

static int dup_fd(int fd)
{
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

        return copy < 0 ? -errno : copy;
}

static int read_files(sd_bus_message *message, OsIntake *intake, sd_bus_error *error)
{
        int fd, r;

        r = sd_bus_message_read(message, "h", &fd);
        if (r < 0)
                return r;
        intake->manifest_fd = dup_fd(fd);
        if (intake->manifest_fd < 0)
                return intake->manifest_fd;
        r = sd_bus_message_enter_container(message, 'a', "h");
        while (r >= 0 && (r = sd_bus_message_read(message, "h", &fd)) > 0) {
                if (intake->n_fds == RECORD_FILES_MAX)
                        return bus_error_invalid(error, "more than %d files", RECORD_FILES_MAX);
                intake->fds[intake->n_fds] = dup_fd(fd);
                if (intake->fds[intake->n_fds] < 0)
                        return intake->fds[intake->n_fds];
                intake->n_fds++;
        }
        return r;
}

static int list_known(Host1 *host1, OsRecord **known, size_t *n_known)
{
        MAP_FOREACH (entry, store_records(host1->store, RECORD_OS)) {
                const OsRecord *os = &((const Record *) entry->value)->os;

                if (ARRAY_APPEND(*known, *n_known, *os) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* FAMILY/VERSION */
static bool is_version_name(const char *name)
{
        const char *slash = strchr(name, '/');
        char family[RECORD_VERSION_MAX + 1];

        if (!slash || slash - name > RECORD_VERSION_MAX)
                return false;
        snprintf(family, sizeof(family), "%.*s", (int) (slash - name), name);
        return str_is_name(family, RECORD_VERSION_MAX) &&
               str_is_name(slash + 1, RECORD_VERSION_MAX);
}

static int prepare(Host1 *host1, OsIntake *intake)
{
        intake->directory = str_printf("%s/os", host1->state_dir);
        intake->blobs = host_half_blobs(host1->host_half);
        intake->done = on_taken;
        return intake->directory ? list_known(host1, &intake->known, &intake->n_known) : -ENOMEM;
}

/* Whether another one may begin, and who asks may have it. */
static int check(Host1 *host1, sd_bus_message *message, sd_bus_error *error)
{
        int r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);

        if (r <= 0)
                return r;
        r = other_leader(host1).family != 0 ? 0 : host1_check_leads(host1, error);
        if (r < 0)
                return r;
        if (host1->n_intakes >= INTAKE_MAX)
                return bus_error(error, "TooMany", "%d packages are being read already; try again",
                                 INTAKE_MAX);
        return 1;
}

static OsImporting *import_new(Host1 *host1, sd_bus_message *message)
{
        OsImporting *import = calloc(1, sizeof(*import));

        if (!import)
                return NULL;
        import->host1 = host1;
        import->message = sd_bus_message_ref(message);
        host1->n_intakes++;
        return import;
}

int os_bus_import(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(os_intake_freep) OsIntake *intake = NULL;
        Host1 *host1 = userdata;
        int r = check(host1, message, error);

        if (r <= 0)
                return r < 0 ? r : 1;
        intake = os_intake_new();
        r = intake ? read_files(message, intake, error) : -ENOMEM;
        if (r >= 0)
                r = prepare(host1, intake);
        if (r < 0)
                return r;
        intake->userdata = import_new(host1, message);
        if (!intake->userdata)
                return -ENOMEM;
        os_intake_start(TAKE_PTR(intake), host1->worker);
        return 1;
}

/* ---- from a source */

static void on_fetched_taken(OsIntake *intake)
{
        os_source_end(((OsImporting *) intake->userdata)->host1->source);
        on_taken(intake);
}

/* All files are here, and verified: they are put together as those of an import are. */
static int take_fetched(Host1 *host1, OsImporting *import, const OsOfferResult *result)
{
        _cleanup_(os_intake_freep) OsIntake *intake = os_intake_new();
        int r = intake ? prepare(host1, intake) : -ENOMEM;

        if (r < 0)
                return r;
        intake->manifest_fd = memfd_create("manifest.json", MFD_CLOEXEC);
        if (intake->manifest_fd < 0)
                return -errno;
        r = file_write_all(intake->manifest_fd, result->manifest, strlen(result->manifest));
        if (r < 0)
                return r;
        for (; intake->n_fds < result->os.n_files; intake->n_fds++)
                intake->fds[intake->n_fds] = -1;
        intake->blobs = os_source_blobs(host1->source);
        intake->done = on_fetched_taken;
        intake->userdata = import;
        os_intake_start(TAKE_PTR(intake), host1->worker);
        return 0;
}

void os_bus_fetched(void *userdata, const OsOfferResult *result)
{
        Host1 *host1 = userdata;
        OsImporting *import = host1->fetching;
        int r;

        host1->fetching = NULL;
        if (result->error) {
                log_warning("guest operating system not fetched: %s", result->message);
                return answer_error(import, result->error, result->message);
        }
        import->os = result->os;
        if (result->known)
                return answer(import);
        r = take_fetched(host1, import, result);
        if (r < 0) {
                answer_error(import, "Internal", strerror(-r));
                os_source_end(host1->source);
        }
}

static int start_fetch(Host1 *host1, const char *url, const char *name, sd_bus_error *error)
{
        _cleanup_free_ OsRecord *known = NULL;
        OsSourceProgress progress;
        size_t n_known = 0;
        int r = list_known(host1, &known, &n_known);

        if (r == 0)
                r = os_source_fetch(host1->source, url, name, known, n_known);
        os_source_progress(host1->source, &progress);
        if (r == -EBUSY)
                return bus_error(error, "TooMany",
                                 "a guest operating system is being fetched already, from %s; "
                                 "try again",
                                 progress.url);
        return r;
}

int os_bus_fetch(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *url, *name;
        Host1 *host1 = userdata;
        OsImporting *import;
        int r = check(host1, message, error);

        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "ss", &url, &name);
        if (r < 0)
                return r;
        if (!url_is_directory(url, OS_OFFER_URL_MAX))
                return bus_error_invalid(
                        error, "\"%s\" is not the address of a directory: " URL_DIRECTORY_RULE,
                        url);
        if (name[0] && !is_version_name(name))
                return bus_error_invalid(error, "\"%s\" is not FAMILY/VERSION", name);
        import = import_new(host1, message);
        if (!import)
                return -ENOMEM;
        r = start_fetch(host1, url, name, error);
        if (r < 0) {
                import_free(import);
                return r;
        }
        log_info("guest operating system: fetched from %s", url);
        host1->fetching = import;
        return 1;
}

int os_bus_get_fetch(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        OsSourceProgress progress = {"", "", "", 0, 0};
        Host1 *host1 = userdata;

        if (host1->source)
                os_source_progress(host1->source, &progress);
        return sd_bus_message_append(reply, "(ssstt)", progress.url, progress.family,
                                     progress.version, progress.bytes, progress.size);
}
