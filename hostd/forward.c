/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values are carried as JSON: texts, numbers and truth values as such (64-bit numbers as texts), a
 * dictionary as a list of pairs. Only calls on the objects of org.troupe.Host1 are made for others,
 * and only those in the list: none that is about one host itself. */

#include "hostd/forward.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-json.h>

#include "lib/base/str.h"
#include "lib/io/bus.h"

#define CALL_TIMEOUT_US (25 * USEC_PER_SEC)
#define DEPTH_MAX       4
#define VALUES_MAX      4096
#define INTERFACE       "org.troupe.Host1."

/* A call of a local caller that is under way to the leader, or whose answer waits for the store. */
typedef struct Call {
        Forward *forward;
        sd_bus_message *message;
        HttpRequest *request; /* NULL when it is answered */
        sd_bus_message *answer;
        int64_t revision;
        struct Call *next;
} Call;

/* A call of another host's that is made here. */
typedef struct Guest {
        Forward *forward;
        HttpsRequest *request; /* NULL when it is gone */
        sd_bus_slot *slot;
        struct Guest *next;
} Guest;

struct Forward {
        ForwardConfig config;
        sd_bus *bus;
        Call *calls;
        Guest *guests;
        unsigned n_calls, n_guests;
};

/* ---- values */

static int encode_all(sd_bus_message *message, unsigned depth, sd_json_variant **values);

static int encode_basic(sd_bus_message *message, char type, sd_json_variant **ret_value)
{
        union {
                const char *s;
                uint8_t y;
                uint16_t q;
                uint32_t u;
                int32_t i;
                uint64_t t;
                int b;
        } value;
        char text[32];
        int r;

        if (!strchr("soqutib", type))
                return -EOPNOTSUPP;
        r = sd_bus_message_read_basic(message, type, &value);
        if (r < 0)
                return r;
        switch (type) {
        case 's':
        case 'o':
                return sd_json_variant_new_string(ret_value, value.s);
        case 'q':
                return sd_json_variant_new_unsigned(ret_value, value.q);
        case 'u':
                return sd_json_variant_new_unsigned(ret_value, value.u);
        case 'i':
                return sd_json_variant_new_integer(ret_value, value.i);
        case 'b':
                return sd_json_variant_new_boolean(ret_value, value.b);
        default:
                snprintf(text, sizeof(text), "%" PRIu64, value.t);
                return sd_json_variant_new_string(ret_value, text);
        }
}

static int encode_one(sd_bus_message *message, unsigned depth, char type, const char *contents,
                      sd_json_variant **ret_value)
{
        int r;

        if (type != 'a' && type != 'e')
                return encode_basic(message, type, ret_value);
        r = sd_bus_message_enter_container(message, type, contents);
        if (r >= 0)
                r = encode_all(message, depth + 1, ret_value);
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int encode_all(sd_bus_message *message, unsigned depth, sd_json_variant **values)
{
        const char *contents;
        char type;
        int r;

        if (depth > DEPTH_MAX)
                return -EOPNOTSUPP;
        r = sd_json_variant_new_array(values, NULL, 0);
        while (r >= 0 && (r = sd_bus_message_peek_type(message, &type, &contents)) > 0) {
                _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;

                if (sd_json_variant_elements(*values) >= VALUES_MAX)
                        return -E2BIG;
                r = encode_one(message, depth, type, contents, &value);
                if (r >= 0)
                        r = sd_json_variant_append_array(values, value);
        }
        return r;
}

int forward_encode(sd_bus_message *message, sd_json_variant **ret_values)
{
        return encode_all(message, 0, ret_values);
}

static int decode_number(sd_bus_message *message, char type, sd_json_variant *value)
{
        uint64_t number, max = type == 'q' ? UINT16_MAX : type == 'u' ? UINT32_MAX : UINT64_MAX;
        int32_t whole;

        if (type == 'i') {
                if (!sd_json_variant_is_integer(value))
                        return -EBADMSG;
                whole = (int32_t) sd_json_variant_integer(value);
                return sd_bus_message_append(message, "i", whole);
        }
        if (type == 't') {
                if (!sd_json_variant_is_string(value) ||
                    str_to_u64(sd_json_variant_string(value), max, &number) < 0)
                        return -EBADMSG;
                return sd_bus_message_append(message, "t", number);
        }
        if (!sd_json_variant_is_unsigned(value) || sd_json_variant_unsigned(value) > max)
                return -EBADMSG;
        number = sd_json_variant_unsigned(value);
        return type == 'q' ? sd_bus_message_append(message, "q", (uint16_t) number)
                           : sd_bus_message_append(message, "u", (uint32_t) number);
}

static int decode_basic(sd_bus_message *message, char type, sd_json_variant *value)
{
        switch (type) {
        case 's':
        case 'o':
                if (!sd_json_variant_is_string(value))
                        return -EBADMSG;
                return sd_bus_message_append_basic(message, type, sd_json_variant_string(value));
        case 'b':
                if (!sd_json_variant_is_boolean(value))
                        return -EBADMSG;
                return sd_bus_message_append(message, "b", (int) sd_json_variant_boolean(value));
        case 'q':
        case 'u':
        case 'i':
        case 't':
                return decode_number(message, type, value);
        default:
                return -EOPNOTSUPP;
        }
}

/* The only container that calls and their answers have: `a{su}` and its like. */
static int decode_pairs(sd_bus_message *message, const char types[static 2], sd_json_variant *list)
{
        char pair[] = {types[0], types[1], '\0'}, entry[] = {'{', types[0], types[1], '}', '\0'};
        int r;

        if (!sd_json_variant_is_array(list))
                return -EBADMSG;
        r = sd_bus_message_open_container(message, 'a', entry);
        for (size_t i = 0; i < sd_json_variant_elements(list) && r >= 0; i++) {
                sd_json_variant *one = sd_json_variant_by_index(list, i);

                if (!sd_json_variant_is_array(one) || sd_json_variant_elements(one) != 2)
                        return -EBADMSG;
                r = sd_bus_message_open_container(message, 'e', pair);
                for (size_t k = 0; k < 2 && r >= 0; k++)
                        r = decode_basic(message, types[k], sd_json_variant_by_index(one, k));
                if (r >= 0)
                        r = sd_bus_message_close_container(message);
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}

int forward_decode(sd_bus_message *message, const char *signature, sd_json_variant *values)
{
        size_t index = 0;
        int r = 0;

        if (!sd_json_variant_is_array(values))
                return -EBADMSG;
        while (*signature && r >= 0) {
                sd_json_variant *value = index < sd_json_variant_elements(values)
                                                 ? sd_json_variant_by_index(values, index++)
                                                 : NULL;

                if (!value)
                        return -EBADMSG;
                if (signature[0] == 'a') {
                        if (signature[1] != '{' || strlen(signature) < 5 || signature[4] != '}')
                                return -EOPNOTSUPP;
                        r = decode_pairs(message, signature + 2, value);
                        signature += 5;
                } else {
                        r = decode_basic(message, *signature++, value);
                }
        }
        return r < 0 ? r : index == sd_json_variant_elements(values) ? 0 : -EBADMSG;
}

/* ---- a call of ours */

static void call_free(Call *call)
{
        for (Call **c = &call->forward->calls; *c; c = &(*c)->next)
                if (*c == call) {
                        *c = call->next;
                        call->forward->n_calls--;
                        break;
                }
        http_cancel(call->request);
        sd_bus_message_unref(call->message);
        sd_bus_message_unref(call->answer);
        free(call);
}

static const char *text_of(sd_json_variant *json, const char *name)
{
        sd_json_variant *value = sd_json_variant_by_key(json, name);

        return sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
}

static void fail(Call *call, const char *name, const char *text)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        sd_bus_error_set(&error, name, text);
        sd_bus_reply_method_error(call->message, &error);
        call_free(call);
}

static int make_answer(Call *call, sd_json_variant *json)
{
        uint64_t revision;
        int r;

        if (str_to_u64(text_of(json, "revision"), INT64_MAX, &revision) < 0)
                return -EBADMSG;
        call->revision = (int64_t) revision;
        r = sd_bus_message_new_method_return(call->message, &call->answer);
        return r < 0 ? r
                     : forward_decode(call->answer, text_of(json, "signature"),
                                      sd_json_variant_by_key(json, "values"));
}

static void on_answer(void *userdata, const HttpResult *result)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        Call *call = userdata;
        const char *error;

        call->request = NULL;
        if (result->error != 0)
                return fail(call, BUS_ERROR_PREFIX "Unavailable",
                            "the leader cannot be reached; try again");
        if (result->status != 200 || sd_json_parse(result->body, 0, &json, NULL, NULL) < 0)
                return fail(call, BUS_ERROR_PREFIX "Unavailable",
                            "the leader does not take the call now; try again");
        error = text_of(json, "error");
        if (error[0])
                return fail(call,
                            sd_bus_interface_name_is_valid(error) > 0 ? error : SD_BUS_ERROR_FAILED,
                            text_of(json, "message"));
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

static int make_body(sd_bus_message *message, char **ret_body)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *values = NULL, *json = NULL;
        int r;

        r = sd_bus_message_rewind(message, true);
        if (r >= 0)
                r = forward_encode(message, &values);
        if (r >= 0)
                r = sd_json_buildo(
                        &json, SD_JSON_BUILD_PAIR_STRING("path", sd_bus_message_get_path(message)),
                        SD_JSON_BUILD_PAIR_STRING("interface",
                                                  sd_bus_message_get_interface(message)),
                        SD_JSON_BUILD_PAIR_STRING("member", sd_bus_message_get_member(message)),
                        SD_JSON_BUILD_PAIR_STRING("signature",
                                                  sd_bus_message_get_signature(message, true)),
                        SD_JSON_BUILD_PAIR_VARIANT("arguments", values));
        return r < 0 ? r : sd_json_variant_format(json, 0, ret_body);
}

bool forward_wanted(const Forward *forward)
{
        return forward && peers_leader_address(forward->config.peers).family != 0;
}

int forward_call(Forward *forward, sd_bus_message *message, sd_bus_error *error)
{
        IpAddress leader = peers_leader_address(forward->config.peers);
        _cleanup_free_ char *body = NULL;
        Call *call;
        int r;

        if (forward->n_calls >= FORWARD_CALLS_MAX)
                return bus_error(error, "TooMany", "%d calls are being carried to the leader",
                                 FORWARD_CALLS_MAX);
        r = make_body(message, &body);
        if (r < 0)
                return r;
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->forward = forward;
        call->message = sd_bus_message_ref(message);
        call->next = forward->calls;
        forward->calls = call;
        forward->n_calls++;
        r = peers_post(forward->config.peers, &leader, FORWARD_PATH, body, strlen(body), on_answer,
                       call, &call->request);
        if (r < 0) {
                call_free(call);
                return r;
        }
        return 1;
}

/* ---- a call of another host's */

static void guest_free(Guest *guest)
{
        for (Guest **g = &guest->forward->guests; *g; g = &(*g)->next)
                if (*g == guest) {
                        *g = guest->next;
                        guest->forward->n_guests--;
                        break;
                }
        sd_bus_slot_unref(guest->slot);
        free(guest);
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
                 store_revision(guest->forward->config.store));
        r = forward_encode(reply, &values);
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
        Guest *guest = userdata;
        _cleanup_free_ char *text = NULL;

        if (guest->request && encode_reply(guest, reply, &text) >= 0)
                https_answer(guest->request, 200, "application/json", text, strlen(text));
        else if (guest->request)
                https_answer_text(guest->request, 500, "the answer cannot be carried\n");
        guest_free(guest);
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
                "RemoveHost",
                "ReleaseBrake",
                "RemoveCertificate",
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

static int make_call(Guest *guest, sd_json_variant *json)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        const char *unique;
        int r;

        r = sd_bus_get_unique_name(guest->forward->bus, &unique);
        if (r >= 0)
                r = sd_bus_message_new_method_call(
                        guest->forward->bus, &call, unique, text_of(json, "path"),
                        text_of(json, "interface"), text_of(json, "member"));
        if (r >= 0)
                r = forward_decode(call, text_of(json, "signature"),
                                   sd_json_variant_by_key(json, "arguments"));
        if (r >= 0)
                r = sd_bus_call_async(guest->forward->bus, &guest->slot, call, on_reply, guest,
                                      CALL_TIMEOUT_US);
        return r;
}

static void on_gone(void *userdata, HttpsRequest *request)
{
        ((Guest *) userdata)->request = NULL;
}

static void on_call(void *userdata, HttpsRequest *request)
{
        Forward *forward = userdata;
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        Guest *guest;

        if (!forward->bus || forward->n_guests >= FORWARD_CALLS_MAX)
                return https_answer_text(request, 503, "not now\n");
        if (sd_json_parse(request->body, 0, &json, NULL, NULL) < 0 ||
            !may_call(text_of(json, "interface"), text_of(json, "member")))
                return https_answer_text(request, 400, "this is not a call for the leader\n");
        guest = calloc(1, sizeof(*guest));
        if (!guest)
                return https_answer_text(request, 503, "memory is short\n");
        guest->forward = forward;
        guest->request = request;
        guest->next = forward->guests;
        forward->guests = guest;
        forward->n_guests++;
        if (make_call(guest, json) < 0) {
                guest_free(guest);
                return https_answer_text(request, 400, "this call cannot be made\n");
        }
        https_on_gone(request, on_gone, guest);
}

int forward_new(const ForwardConfig *config, Forward **ret_forward)
{
        _cleanup_(forward_freep) Forward *forward = calloc(1, sizeof(*forward));
        int r;

        if (!forward)
                return -ENOMEM;
        forward->config = *config;
        r = peers_route(config->peers, &(HttpsRoute) {.method = "POST",
                                                      .path = FORWARD_PATH,
                                                      .needs_peer = true,
                                                      .body_max = FORWARD_BODY_MAX,
                                                      .handler = on_call,
                                                      .userdata = forward});
        if (r < 0)
                return r;
        *ret_forward = TAKE_PTR(forward);
        return 0;
}

Forward *forward_free(Forward *forward)
{
        if (!forward)
                return NULL;
        while (forward->calls)
                call_free(forward->calls);
        while (forward->guests)
                guest_free(forward->guests);
        free(forward);
        return NULL;
}

void forward_set_bus(Forward *forward, sd_bus *bus)
{
        Guest *next;

        forward->bus = bus;
        for (Guest *guest = forward->guests; guest; guest = next) {
                next = guest->next;
                guest->slot = sd_bus_slot_unref(guest->slot);
                if (guest->request)
                        https_answer_text(guest->request, 503, "the bus went away\n");
                guest_free(guest);
        }
}
