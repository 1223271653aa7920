/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Only calls on the objects of org.troupe.Host1 are made for others, and only those in the list:
 * what the leader decides, nothing that is about one host itself.
 *
 * A guest is such a call. One without files answers the request that brought it; one with files
 * keeps its outcome until the host that brought it asks. */

#include "hostd/forward-server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/str.h"

#define INTERFACE            "org.troupe.Host1."
#define CALL_TIMEOUT_US      (25 * USEC_PER_SEC)
#define FILE_CALL_TIMEOUT_US (600 * USEC_PER_SEC) /* a package is read, and written */
#define CALL_ID_LENGTH       32

typedef struct Guest {
        ForwardServer *server;
        HttpsRequest *request; /* to answer; NULL when it is gone, or there never was one to wait */
        sd_bus_slot *slot;     /* NULL when there is an outcome */
        char id[CALL_ID_LENGTH + 1]; /* "" without files */
        char peer[HTTPS_PEER_MAX + 1];
        sd_event_source *idle; /* with files */
        unsigned status;
        char *outcome;
        struct Guest *next;
} Guest;

struct ForwardServer {
        ForwardServerConfig config;
        FileReceiver *files;
        sd_bus *bus;
        Guest *guests;
        unsigned n_guests;
};

static void guest_free(Guest *guest)
{
        for (Guest **g = &guest->server->guests; *g; g = &(*g)->next)
                if (*g == guest) {
                        *g = guest->next;
                        guest->server->n_guests--;
                        break;
                }
        sd_bus_slot_unref(guest->slot);
        sd_event_source_disable_unref(guest->idle);
        free(guest->outcome);
        free(guest);
}

/* Takes @text. */
static void conclude(Guest *guest, unsigned status, char *text)
{
        guest->slot = sd_bus_slot_unref(guest->slot);
        if (guest->id[0]) {
                guest->status = status;
                guest->outcome = text;
                return;
        }
        if (guest->request)
                https_answer(guest->request, status, "application/json", text ?: "",
                             strlen(text ?: ""));
        free(text);
        guest_free(guest);
}

static int encode_reply(const Guest *guest, sd_bus_message *reply, char **ret_text)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL, *values = NULL;
        char revision[32];
        int r;

        if (error) {
                r = sd_json_buildo(&json, SD_JSON_BUILD_PAIR_STRING("error", error->name),
                                   SD_JSON_BUILD_PAIR_STRING("message", error->message ?: ""));
                return r < 0 ? r : sd_json_variant_format(json, 0, ret_text);
        }
        snprintf(revision, sizeof(revision), "%" PRId64,
                 store_revision(guest->server->config.store));
        r = forward_encode(reply, NULL, &values);
        if (r >= 0)
                r = sd_json_buildo(&json,
                                   SD_JSON_BUILD_PAIR_STRING(
                                           "signature", sd_bus_message_get_signature(reply, true)),
                                   SD_JSON_BUILD_PAIR_VARIANT("values", values),
                                   SD_JSON_BUILD_PAIR_STRING("revision", revision));
        return r < 0 ? r : sd_json_variant_format(json, 0, ret_text);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
        char *text = NULL;

        if (encode_reply(userdata, reply, &text) >= 0)
                conclude(userdata, 200, text);
        else
                conclude(userdata, 500, NULL);
        return 1;
}

/* What may be asked for others: what the leader decides, on objects that all hosts have. */
static bool may_call(const char *interface, const char *member)
{
        static const char *const members[] = {
                "Scale",
                "Swap",
                "DeleteDeployment",
                "DeleteService",
                "Reboot",
                "Reimage",
                "Rebuild",
                "CordonHost",
                "UncordonHost",
                "DrainHost",
                "UpdateHosts",
                "RemoveHost",
                "ReleaseBrake",
                "RemoveCertificate",
                "Deploy",
                "Configure",
                "AddCertificate",
                "RemoveGuestOs",
                "DisableGuestOs",
                "EnableGuestOs",
        };

        if (!str_after(interface, INTERFACE))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (str_equal(members[i], member))
                        return true;
        return false;
}

static void close_files(ForwardFiles *files)
{
        while (files->n_fds > 0)
                fd_close(files->fds[--files->n_fds]);
}

/* The files that the call names, if they are what was sent. What it took is in @files, also on
 * failure. */
static int take_files(ForwardServer *server, const char *peer, sd_json_variant *list,
                      ForwardFiles *files)
{
        size_t n = list ? sd_json_variant_elements(list) : 0;
        int r = 0;

        if (n > FORWARD_FILES_MAX)
                return -E2BIG;
        for (size_t i = 0; i < n && r == 0; i++) {
                sd_json_variant *one = sd_json_variant_by_index(list, i);
                uint64_t size;

                if (str_to_u64(forward_text_of(one, "size"), FILE_LIMIT_MAX, &size) < 0)
                        return -EBADMSG;
                r = file_receiver_take(server->files, peer, forward_text_of(one, "id"), size,
                                       forward_text_of(one, "sha256"), &files->fds[i]);
                if (r == 0)
                        files->n_fds++;
        }
        return r > 0 ? -EBADMSG : r;
}

static int make_call(Guest *guest, sd_json_variant *json, const ForwardFiles *files)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        sd_bus *bus = guest->server->bus;
        const char *unique;
        int r;

        r = sd_bus_get_unique_name(bus, &unique);
        if (r >= 0)
                r = sd_bus_message_new_method_call(
                        bus, &call, unique, forward_text_of(json, "path"),
                        forward_text_of(json, "interface"), forward_text_of(json, "member"));
        if (r >= 0)
                r = forward_decode(call, forward_text_of(json, "signature"),
                                   sd_json_variant_by_key(json, "arguments"), files);
        if (r >= 0)
                r = sd_bus_call_async(bus, &guest->slot, call, on_reply, guest,
                                      files->n_fds > 0 ? FILE_CALL_TIMEOUT_US : CALL_TIMEOUT_US);
        return r;
}

static void on_gone(void *userdata, HttpsRequest *request)
{
        ((Guest *) userdata)->request = NULL;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
        guest_free(userdata);
        return 0;
}

/* It has been asked for: it stays a while. */
static void keep(Guest *guest)
{
        sd_event_source_set_time_relative(guest->idle, FORWARD_IDLE_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(guest->idle, SD_EVENT_ONESHOT);
}

/* The call will be asked about: gives it a name, and answers with that. */
static int answer_later(Guest *guest, HttpsRequest *request)
{
        _cleanup_free_ char *text = NULL;
        uint8_t bytes[CALL_ID_LENGTH / 2];
        int r;

        r = sd_event_add_time_relative(guest->server->config.event, &guest->idle, CLOCK_BOOTTIME,
                                       FORWARD_IDLE_NS / NSEC_PER_USEC, 0, on_idle, guest);
        if (r < 0)
                return r;
        while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                ;
        str_hex(bytes, sizeof(bytes), guest->id);
        text = str_printf("{\"call\":\"%s\"}", guest->id);
        if (!text)
                return -ENOMEM;
        guest->request = NULL;
        https_answer(request, 202, "application/json", text, strlen(text));
        return 0;
}

static Guest *guest_new(ForwardServer *server, HttpsRequest *request)
{
        Guest *guest = calloc(1, sizeof(*guest));

        if (!guest)
                return NULL;
        guest->server = server;
        guest->request = request;
        snprintf(guest->peer, sizeof(guest->peer), "%s", request->peer);
        guest->next = server->guests;
        server->guests = guest;
        server->n_guests++;
        return guest;
}

static void on_call(void *userdata, HttpsRequest *request)
{
        ForwardServer *server = userdata;
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        ForwardFiles files = {};
        Guest *guest;
        int r;

        if (!server->bus || server->n_guests >= FORWARD_CALLS_MAX)
                return https_answer_text(request, 503, "not now\n");
        if (sd_json_parse(request->body, 0, &json, NULL, NULL) < 0 ||
            !may_call(forward_text_of(json, "interface"), forward_text_of(json, "member")))
                return https_answer_text(request, 400, "this is not a call for the leader\n");
        guest = guest_new(server, request);
        if (!guest)
                return https_answer_text(request, 503, "memory is short\n");
        r = take_files(server, request->peer, sd_json_variant_by_key(json, "files"), &files);
        if (r == 0)
                r = make_call(guest, json, &files);
        if (r >= 0 && files.n_fds > 0)
                r = answer_later(guest, request);
        else if (r >= 0)
                https_on_gone(request, on_gone, guest);
        close_files(&files);
        if (r >= 0)
                return;
        guest_free(guest);
        https_answer_text(request, 400, "this call cannot be made\n");
}

static void on_ask(void *userdata, HttpsRequest *request)
{
        ForwardServer *server = userdata;
        Guest *guest = server->guests;

        while (guest && (!guest->id[0] || !str_equal(guest->id, request->rest) ||
                         !str_equal(guest->peer, request->peer)))
                guest = guest->next;
        if (!guest)
                return https_answer_text(request, 404, "there is no such call\n");
        if (guest->slot) {
                keep(guest);
                return https_answer_text(request, 202, "not yet\n");
        }
        https_answer(request, guest->status, "application/json", guest->outcome ?: "",
                     strlen(guest->outcome ?: ""));
        guest_free(guest);
}

int forward_server_new(const ForwardServerConfig *config, ForwardServer **ret_server)
{
        _cleanup_(forward_server_freep) ForwardServer *server = calloc(1, sizeof(*server));
        HttpsRoute route = {.method = "POST",
                            .path = FORWARD_PATH,
                            .needs_peer = true,
                            .body_max = FORWARD_BODY_MAX,
                            .handler = on_call,
                            .userdata = server};
        HttpsRoute ask = {.method = "GET",
                          .path = FORWARD_PATH "/",
                          .needs_peer = true,
                          .handler = on_ask,
                          .userdata = server};
        int r;

        if (!server)
                return -ENOMEM;
        server->config = *config;
        r = file_receiver_new(config->event, config->peers, config->dir, &server->files);
        if (r == 0)
                r = peers_route(config->peers, &route);
        if (r == 0)
                r = peers_route(config->peers, &ask);
        if (r < 0)
                return r;
        *ret_server = TAKE_PTR(server);
        return 0;
}

ForwardServer *forward_server_free(ForwardServer *server)
{
        if (!server)
                return NULL;
        while (server->guests)
                guest_free(server->guests);
        file_receiver_free(server->files);
        free(server);
        return NULL;
}

void forward_server_set_bus(ForwardServer *server, sd_bus *bus)
{
        Guest *next;

        server->bus = bus;
        for (Guest *guest = server->guests; guest; guest = next) {
                next = guest->next;
                if (guest->slot)
                        conclude(guest, 503, NULL);
        }
}
