/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call's way to the leader and back:
 *
 *   with files: each sent (file-sender.h) ─┐
 *   POST /1/call ──────────────────────────┴─ 200 ─→ wait for the store ─→ answer
 *                                             202 ─→ ask each ASK_US ─ 200 ─┘
 *
 * Whom to ask is settled at the start: if that host does not lead any more when it gets the call,
 * it carries it on to the one that does. */

#include "hostd/forward.h"

#include <stdio.h>
#include <string.h>

#include "hostd/file-sender.h"
#include "lib/base/str.h"
#include "lib/io/bus.h"

#define ASK_US (USEC_PER_SEC / 4)

/* A call of a local caller that is under way to the leader, or whose answer waits for the store. */
typedef struct Call {
        Forward *forward;
        sd_bus_message *message;
        IpAddress leader;
        FileSender *senders[FORWARD_FILES_MAX];
        ForwardFiles files; /* the message's */
        uint64_t limits[FORWARD_FILES_MAX];
        Worker *worker;
        unsigned n_sent;
        char *ask;              /* path to ask for the outcome at; NULL: it comes by itself */
        sd_event_source *timer; /* to ask again */
        HttpRequest *request;   /* NULL when it is answered */
        sd_bus_message *answer;
        int64_t revision;
        struct Call *next;
} Call;

struct Forward {
        ForwardConfig config;
        ForwardServer *server;
        Call *calls;
        unsigned n_calls, n_file_calls;
        void (*finished)(void *userdata); /* told when no call is under way; NULL: nobody waits */
        void *finished_userdata;
};

static void tell_finished(Forward *forward)
{
        if (forward->n_calls == 0 && forward->finished)
                forward->finished(forward->finished_userdata);
}

static void call_free(Call *call)
{
        Forward *forward = call->forward;

        for (Call **c = &forward->calls; *c; c = &(*c)->next)
                if (*c == call) {
                        *c = call->next;
                        forward->n_calls--;
                        forward->n_file_calls -= call->files.n_fds > 0;
                        break;
                }
        for (size_t i = 0; i < FORWARD_FILES_MAX; i++)
                file_sender_free(call->senders[i]);
        http_cancel(call->request);
        sd_event_source_disable_unref(call->timer);
        sd_bus_message_unref(call->message);
        sd_bus_message_unref(call->answer);
        free(call->ask);
        free(call);
        tell_finished(forward);
}

static void fail(Call *call, const char *name, const char *text)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        sd_bus_error_set(&error, name, text);
        sd_bus_reply_method_error(call->message, &error);
        call_free(call);
}

/* ---- the answer */

static int make_answer(Call *call, sd_json_variant *json)
{
        uint64_t revision;
        int r;

        if (str_to_u64(forward_text_of(json, "revision"), INT64_MAX, &revision) < 0)
                return -EBADMSG;
        call->revision = (int64_t) revision;
        r = sd_bus_message_new_method_return(call->message, &call->answer);
        return r < 0 ? r
                     : forward_decode(call->answer, forward_text_of(json, "signature"),
                                      sd_json_variant_by_key(json, "values"), NULL);
}

/* It may have been done, or not: with files only, as the leader has the call by then. */
static void lose(Call *call)
{
        if (call->ask)
                return fail(
                        call, BUS_ERROR_PREFIX "Unavailable",
                        "the leader was lost when it had the call; `troupectl status` says whether "
                        "it has begun");
        fail(call, BUS_ERROR_PREFIX "Unavailable", "the leader cannot be reached; try again");
}

static void ask_later(Call *call)
{
        sd_event_source_set_time_relative(call->timer, ASK_US);
        sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT);
}

/* The leader has the call; its outcome is asked for. */
static void begin_asking(Call *call, sd_json_variant *json)
{
        if (!call->ask)
                call->ask = str_printf(FORWARD_PATH "/%s", forward_text_of(json, "call"));
        if (!call->ask)
                return fail(call, BUS_ERROR_PREFIX "Internal", "out of memory");
        ask_later(call);
}

static void on_answer(void *userdata, const HttpResult *result)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        Call *call = userdata;
        const char *error;

        call->request = NULL;
        if (result->error != 0)
                return lose(call);
        if (call->ask && result->status == 202)
                return ask_later(call);
        if (call->ask && result->status != 200)
                return lose(call);
        if ((result->status != 200 && result->status != 202) ||
            sd_json_parse(result->body, 0, &json, NULL, NULL) < 0)
                return fail(call, BUS_ERROR_PREFIX "Unavailable",
                            "the leader does not take the call now; try again");
        if (result->status == 202)
                return begin_asking(call, json);
        error = forward_text_of(json, "error");
        if (error[0])
                return fail(call,
                            sd_bus_interface_name_is_valid(error) > 0 ? error : SD_BUS_ERROR_FAILED,
                            forward_text_of(json, "message"));
        if (make_answer(call, json) < 0)
                return fail(call, BUS_ERROR_PREFIX "Internal",
                            "the leader's answer cannot be understood");
        forward_synced(call->forward);
}

void forward_synced(Forward *forward)
{
        Call *next;

        for (Call *call = forward->calls; call; call = next) {
                next = call->next;
                if (!call->answer || store_revision(forward->config.store) < call->revision)
                        continue;
                sd_bus_send(NULL, call->answer, NULL);
                call_free(call);
        }
}

static int on_ask(sd_event_source *source, uint64_t usec, void *userdata)
{
        Call *call = userdata;
        int r;

        r = peers_post(call->forward->config.peers, &call->leader, call->ask, NULL, 0, on_answer,
                       call, &call->request);
        if (r < 0)
                lose(call);
        return 0;
}

/* ---- the call */

static int describe_files(const Call *call, sd_json_variant **ret_list)
{
        int r = sd_json_variant_new_array(ret_list, NULL, 0);

        for (unsigned i = 0; i < call->files.n_fds && r >= 0; i++) {
                _cleanup_(sd_json_variant_unrefp) sd_json_variant *one = NULL;
                char size[32];

                snprintf(size, sizeof(size), "%llu",
                         (unsigned long long) file_sender_size(call->senders[i]));
                r = sd_json_buildo(
                        &one, SD_JSON_BUILD_PAIR_STRING("id", file_sender_id(call->senders[i])),
                        SD_JSON_BUILD_PAIR_STRING("size", size),
                        SD_JSON_BUILD_PAIR_STRING("sha256", file_sender_digest(call->senders[i])));
                if (r >= 0)
                        r = sd_json_variant_append_array(ret_list, one);
        }
        return r;
}

static int make_body(const Call *call, char **ret_body)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *values = NULL, *json = NULL,
                                                          *list = NULL;
        sd_bus_message *message = call->message;
        ForwardFiles files = {};
        int r;

        r = sd_bus_message_rewind(message, true);
        if (r >= 0)
                r = forward_encode(message, call->files.n_fds > 0 ? &files : NULL, &values);
        if (r >= 0)
                r = describe_files(call, &list);
        if (r >= 0)
                r = sd_json_buildo(
                        &json, SD_JSON_BUILD_PAIR_STRING("path", sd_bus_message_get_path(message)),
                        SD_JSON_BUILD_PAIR_STRING("interface",
                                                  sd_bus_message_get_interface(message)),
                        SD_JSON_BUILD_PAIR_STRING("member", sd_bus_message_get_member(message)),
                        SD_JSON_BUILD_PAIR_STRING("signature",
                                                  sd_bus_message_get_signature(message, true)),
                        SD_JSON_BUILD_PAIR_VARIANT("arguments", values),
                        SD_JSON_BUILD_PAIR_VARIANT("files", list));
        return r < 0 ? r : sd_json_variant_format(json, 0, ret_body);
}

static int post(Call *call)
{
        _cleanup_free_ char *body = NULL;
        int r;

        r = make_body(call, &body);
        if (r < 0)
                return r;
        return peers_post(call->forward->config.peers, &call->leader, FORWARD_PATH, body,
                          strlen(body), on_answer, call, &call->request);
}

static int send_next(Call *call);

static void on_file_sent(void *userdata, const char *error, const char *message)
{
        Call *call = userdata;
        _cleanup_free_ char *name = error ? str_printf(BUS_ERROR_PREFIX "%s", error) : NULL;
        int r;

        if (error)
                return fail(call, name ?: SD_BUS_ERROR_NO_MEMORY, message);
        call->n_sent++;
        r = send_next(call);
        if (r < 0)
                fail(call, BUS_ERROR_PREFIX "Internal", strerror(-r));
}

/* The next file, or the call when there is none any more. */
static int send_next(Call *call)
{
        unsigned i = call->n_sent;
        FileSenderConfig config = {
                .peers = call->forward->config.peers,
                .worker = call->worker,
                .address = call->leader,
                .done = on_file_sent,
                .userdata = call,
        };

        if (i == call->files.n_fds)
                return post(call);
        config.fd = call->files.fds[i];
        config.limit = call->limits[i] + 1;
        return file_sender_new(&config, &call->senders[i]);
}

bool forward_wanted(const Forward *forward)
{
        return forward && peers_leader_address(forward->config.peers).family != 0;
}

static Call *call_new(Forward *forward, sd_bus_message *message)
{
        Call *call = calloc(1, sizeof(*call));

        if (!call)
                return NULL;
        call->forward = forward;
        call->leader = peers_leader_address(forward->config.peers);
        call->message = sd_bus_message_ref(message);
        call->next = forward->calls;
        forward->calls = call;
        forward->n_calls++;
        return call;
}

int forward_call(Forward *forward, sd_bus_message *message, sd_bus_error *error)
{
        Call *call;
        int r;

        if (forward->n_calls >= FORWARD_CALLS_MAX)
                return bus_error(error, "TooMany", "%d calls are being carried to the leader",
                                 FORWARD_CALLS_MAX);
        call = call_new(forward, message);
        if (!call)
                return -ENOMEM;
        r = post(call);
        if (r < 0) {
                call_free(call);
                return r;
        }
        return 1;
}

static int begin_files(Call *call)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *values = NULL;
        int r;

        r = sd_bus_message_rewind(call->message, true);
        if (r >= 0)
                r = forward_encode(call->message, &call->files, &values);
        call->forward->n_file_calls += call->files.n_fds > 0;
        if (r >= 0)
                r = sd_event_add_time(call->forward->config.event, &call->timer, CLOCK_BOOTTIME, 0,
                                      0, on_ask, call);
        if (r >= 0)
                r = sd_event_source_set_enabled(call->timer, SD_EVENT_OFF);
        return r < 0 ? r : send_next(call);
}

int forward_call_with_files(Forward *forward, sd_bus_message *message, Worker *worker,
                            const uint64_t limits[FORWARD_FILES_MAX], sd_bus_error *error)
{
        Call *call;
        int r;

        if (forward->n_file_calls >= FORWARD_FILE_CALLS_MAX)
                return bus_error(error, "TooMany",
                                 "%d calls with files are being carried to the leader; try again",
                                 FORWARD_FILE_CALLS_MAX);
        call = call_new(forward, message);
        if (!call)
                return -ENOMEM;
        call->worker = worker;
        memcpy(call->limits, limits, sizeof(call->limits));
        r = begin_files(call);
        if (r < 0) {
                call_free(call);
                return r;
        }
        return 1;
}

/* ---- life */

int forward_new(const ForwardConfig *config, Forward **ret_forward)
{
        _cleanup_(forward_freep) Forward *forward = calloc(1, sizeof(*forward));
        int r;

        if (!forward)
                return -ENOMEM;
        forward->config = *config;
        r = forward_server_new(
                &(ForwardServerConfig) {config->event, config->peers, config->store, config->dir},
                &forward->server);
        if (r < 0)
                return r;
        *ret_forward = TAKE_PTR(forward);
        return 0;
}

Forward *forward_free(Forward *forward)
{
        if (!forward)
                return NULL;
        forward->finished = NULL;
        while (forward->calls)
                call_free(forward->calls);
        forward_server_free(forward->server);
        free(forward);
        return NULL;
}

void forward_set_bus(Forward *forward, sd_bus *bus)
{
        forward_server_set_bus(forward->server, bus);
}

void forward_finish(Forward *forward, void (*finished)(void *userdata), void *userdata)
{
        forward->finished = finished;
        forward->finished_userdata = userdata;
        tell_finished(forward);
}
