/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The secret is sent only to a server whose certificate comes from the CA that the token names. The
 * answer may get lost when the token has been used up already: then the next attempt is refused,
 * and another token is needed. */

#include "hostd/join-client.h"

#include <stdio.h>
#include <systemd/sd-json.h>

#include "hostd/join-server.h"
#include "hostd/peers.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/http.h"

#define RETRY_FIRST_NS NSEC_PER_SEC
#define RETRY_MAX_NS   (15 * NSEC_PER_SEC)
#define TIMEOUT_NS     (20 * NSEC_PER_SEC)

struct JoinClient {
        Identity *identity;
        const Config *config;
        Token token;
        void (*handler)(void *userdata, const JoinResult *result);
        void *userdata;
        Http *http;
        sd_event_source *timer;
        uint64_t retry_ns;
};

static void tell(JoinClient *client, JoinOutcome outcome, const char *message)
{
        client->handler(client->userdata, &(JoinResult) {.outcome = outcome, .message = message});
}

static void again(JoinClient *client, JoinOutcome outcome, const char *message)
{
        sd_event_source_set_time_relative(client->timer, client->retry_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
        client->retry_ns = MIN(2 * client->retry_ns, RETRY_MAX_NS);
        tell(client, outcome, message);
}

static const char *text_of(sd_json_variant *json, const char *name)
{
        sd_json_variant *value = sd_json_variant_by_key(json, name);

        return sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
}

static int take_members(sd_json_variant *json, JoinResult *result)
{
        sd_json_variant *urls = sd_json_variant_by_key(json, "members");
        size_t n = urls ? sd_json_variant_elements(urls) : 0;

        for (size_t i = 0; i < n && result->n_members < ETCD_ENDPOINTS_MAX; i++) {
                sd_json_variant *url = sd_json_variant_by_index(urls, i);

                if (!sd_json_variant_is_string(url) ||
                    !str_after(sd_json_variant_string(url), "https://"))
                        return -EBADMSG;
                result->members[result->n_members++] = sd_json_variant_string(url);
        }
        return result->n_members > 0 ? 0 : -EBADMSG;
}

/* The CA must be the one that the token names, whoever answered. */
static int take_certificate(const JoinClient *client, sd_json_variant *json, JoinResult *result)
{
        PkiFacts facts;

        result->ca = text_of(json, "ca");
        result->certificate = text_of(json, "certificate");
        result->revoked = text_of(json, "revoked");
        if (!result->ca || !result->certificate || !result->revoked ||
            pki_examine(result->ca, &facts) != 0 ||
            !str_equal(facts.fingerprint, client->token.fingerprint) ||
            pki_examine(result->certificate, &facts) != 0 ||
            !str_equal(facts.name, client->config->host))
                return -EBADMSG;
        return 0;
}

static void on_admitted(JoinClient *client, const char *body)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        JoinResult result = {.outcome = JOIN_DONE, .message = ""};
        int r;

        r = sd_json_parse(body, 0, &json, NULL, NULL);
        if (r >= 0)
                r = take_members(json, &result);
        if (r >= 0)
                r = take_certificate(client, json, &result);
        if (r < 0)
                return tell(client, JOIN_REFUSED, "the answer is not that of a Troupe host");
        client->handler(client->userdata, &result);
}

static void on_answer(void *userdata, const HttpResult *result)
{
        JoinClient *client = userdata;
        _cleanup_free_ char *text = NULL;

        if (result->error != 0)
                return again(client, JOIN_LATER, result->message);
        if (result->status == 200)
                return on_admitted(client, result->body);
        text = strndup(result->body, MIN(result->length, (size_t) 300));
        if (text)
                text[strcspn(text, "\r\n")] = '\0';
        if (result->status == 400 || result->status == 403 || result->status == 409)
                return tell(client, JOIN_REFUSED, text ?: "");
        again(client, result->status == 503 ? JOIN_BUSY : JOIN_LATER, text ?: "");
}

static int make_body(JoinClient *client, char **ret_body)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        _cleanup_free_ char *request = NULL;
        char address[IP_TEXT_MAX];
        int r;

        r = identity_request(client->identity, &request);
        if (r < 0)
                return r;
        r = sd_json_buildo(
                &json, SD_JSON_BUILD_PAIR_STRING("id", client->token.id),
                SD_JSON_BUILD_PAIR_STRING("secret", client->token.secret),
                SD_JSON_BUILD_PAIR_STRING("host", client->config->host),
                SD_JSON_BUILD_PAIR_STRING("fault_domain", client->config->fault_domain),
                SD_JSON_BUILD_PAIR_STRING("address", ip_format(&client->config->address, address)),
                SD_JSON_BUILD_PAIR_STRING("request", request));
        if (r < 0)
                return r;
        sd_json_variant_sensitive(json);
        return sd_json_variant_format(json, 0, ret_body);
}

static int ask(JoinClient *client)
{
        _cleanup_free_ char *url = peers_url(&client->token.address, JOIN_PATH), *body = NULL;
        HttpTls tls = {.ca_sha256 = client->token.fingerprint};
        int r;

        if (!url)
                return -ENOMEM;
        r = make_body(client, &body);
        if (r < 0)
                return r;
        r = http_start(client->http,
                       &(HttpOptions) {
                               .url = url,
                               .body = body,
                               .length = strlen(body),
                               .tls = &tls,
                               .timeout_ns = TIMEOUT_NS,
                               .done = on_answer,
                               .userdata = client,
                       },
                       NULL);
        explicit_bzero(body, strlen(body));
        return r;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        JoinClient *client = userdata;
        int r = ask(client);

        if (r < 0)
                again(client, JOIN_LATER, strerror(-r));
        return 0;
}

int join_client_new(sd_event *event, Identity *identity, const Config *config, const Token *token,
                    void (*handler)(void *userdata, const JoinResult *result), void *userdata,
                    JoinClient **ret_client)
{
        _cleanup_(join_client_freep) JoinClient *client = calloc(1, sizeof(*client));
        int r;

        if (!client)
                return -ENOMEM;
        *client = (JoinClient) {
                .identity = identity,
                .config = config,
                .token = *token,
                .handler = handler,
                .userdata = userdata,
                .retry_ns = RETRY_FIRST_NS,
        };
        r = http_new(event, &client->http);
        if (r == 0)
                r = sd_event_add_time_relative(event, &client->timer, CLOCK_BOOTTIME, 0, 0,
                                               on_timer, client);
        if (r < 0)
                return r;
        *ret_client = TAKE_PTR(client);
        return 0;
}

JoinClient *join_client_free(JoinClient *client)
{
        if (!client)
                return NULL;
        http_free(client->http);
        sd_event_source_disable_unref(client->timer);
        explicit_bzero(&client->token, sizeof(client->token));
        free(client);
        return NULL;
}
