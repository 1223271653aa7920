/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods about guest operating systems: ImportGuestOs, RemoveGuestOs, DisableGuestOs,
 * EnableGuestOs, ListGuestOs. What is imported is read and verified by a worker. */

#include <fcntl.h>
#include <stdio.h>

#include "hostd/content.h"
#include "hostd/host1.h"
#include "hostd/os-intake.h"
#include "hostd/register-server.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

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
        log_info("guest operating system %s version %s was imported", import->os.family,
                 import->os.version);
        sd_bus_reply_method_return(import->message, "ss", import->os.family, import->os.version);
        import_free(import);
}

/* Whether the record is there; of two that bring a version at once, only one can have its files. */
static bool settle(OsImporting *import, const OsRecord *os)
{
        if (!str_equal(import->os.family, os->family) ||
            !str_equal(import->os.version, os->version))
                return false;
        if (os_manifest_same(&import->os, os))
                answer(import);
        else
                answer_error(import, "RefusedNow",
                             "this version is in the cluster already, with other files: give the "
                             "new one another version");
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
}

/* ---- telling who decides */

static void on_written(void *userdata, const char *error, const char *text)
{
        OsImporting *import = userdata;

        if (error)
                return answer_error(import, error, text);
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

static int list_known(Host1 *host1, OsIntake *intake)
{
        MAP_FOREACH (entry, store_records(host1->store, RECORD_OS)) {
                const OsRecord *os = &((const Record *) entry->value)->os;

                if (ARRAY_APPEND(intake->known, intake->n_known, *os) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int prepare(Host1 *host1, sd_bus_message *message, OsIntake *intake, sd_bus_error *error)
{
        int r = read_files(message, intake, error);

        if (r >= 0)
                r = list_known(host1, intake);
        if (r < 0)
                return r;
        intake->directory = str_printf("%s/os", host1->state_dir);
        intake->blobs = host_half_blobs(host1->host_half);
        intake->done = on_taken;
        return intake->directory ? 0 : -ENOMEM;
}

int os_bus_import(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(os_intake_freep) OsIntake *intake = NULL;
        Host1 *host1 = userdata;
        OsImporting *import;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = other_leader(host1).family != 0 ? 0 : host1_check_leads(host1, error);
        if (r < 0)
                return r;
        if (host1->n_intakes >= INTAKE_MAX)
                return bus_error(error, "TooMany", "%d packages are being read already; try again",
                                 INTAKE_MAX);
        intake = os_intake_new();
        r = intake ? prepare(host1, message, intake, error) : -ENOMEM;
        if (r < 0)
                return r;
        import = calloc(1, sizeof(*import));
        if (!import)
                return -ENOMEM;
        import->host1 = host1;
        import->message = sd_bus_message_ref(message);
        intake->userdata = import;
        host1->n_intakes++;
        os_intake_start(TAKE_PTR(intake), host1->worker);
        return 1;
}

/* ---- the others */

static int ask(sd_bus_message *message, Host1 *host1, FabricRequestKind kind, sd_bus_error *error)
{
        const char *family, *version;
        ControllerRequest *request;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "ss", &family, &version);
        if (r < 0)
                return r;
        if (!str_is_name(family, RECORD_VERSION_MAX) || !str_is_name(version, RECORD_VERSION_MAX))
                return bus_error_invalid(error, "\"%s\" \"%s\" is not a family and a version",
                                         family, version);
        request = controller_request_new(kind);
        if (!request)
                return -ENOMEM;
        record_init(&request->record, RECORD_OS);
        snprintf(request->record.os.family, sizeof(RecordVersion), "%s", family);
        snprintf(request->record.os.version, sizeof(RecordVersion), "%s", version);
        return host1_request(host1, message, request, HOST1_REPLY_EMPTY, error);
}

int os_bus_remove(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return ask(message, userdata, FABRIC_UNREGISTER, error);
}

int os_bus_disable(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return ask(message, userdata, FABRIC_DISABLE_OS, error);
}

int os_bus_enable(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return ask(message, userdata, FABRIC_ENABLE_OS, error);
}

/* Instances that are wanted with a version. */
static uint32_t count_instances(Host1 *host1, const OsRecord *os)
{
        uint32_t n = 0;

        MAP_FOREACH (entry, store_records(host1->store, RECORD_INSTANCE)) {
                const InstanceRecord *instance = &((const Record *) entry->value)->instance;

                n += str_equal(instance->os_family, os->family) &&
                     str_equal(instance->os_version, os->version);
        }
        return n;
}

static int append_os(Host1 *host1, sd_bus_message *reply, const OsRecord *os)
{
        uint64_t bytes = 0;
        int r;

        for (size_t i = 0; i < os->n_files; i++)
                bytes += os->files[i].size_bytes;
        r = sd_bus_message_open_container(reply, 'r', "ssbbttuas");
        if (r >= 0)
                r = sd_bus_message_append(reply, "ssbbttu", os->family, os->version, os->disabled,
                                          os->imported, bytes, os->added_us,
                                          count_instances(host1, os));
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; i < os->n_holders && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", os->holders[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int os_bus_list(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Host1 *host1 = userdata;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_INSPECT, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssbbttuas)");
        MAP_FOREACH (entry, store_records(host1->store, RECORD_OS))
                if (r >= 0)
                        r = append_os(host1, reply, &((const Record *) entry->value)->os);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
