/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* An HTTPS server with routes, and a client in the same loop, over loopback with real TLS. */

#include "lib/io/https-server.h"

#include <fcntl.h>
#include <stdbool.h>

#include "lib/base/clock.h"
#include "lib/io/http.h"
#include "tests/unit/lib/io/test-pki.h"
#include "tests/unit/loop.h"

#define FILE_BYTES (3 * MIB + 77)

typedef struct Fixture {
        TestPki pki;
        sd_event *event;
        HttpsServer *server;
        Http *http;
        HttpTls tls;
        int ended;
        HttpResult result;
        char body[8192];
        uint64_t received;
        bool refuse_peers;
        HttpsRequest *waiting;
        int n_gone;
        unsigned n_handled;
} Fixture;

/* ---- handlers */

static _unused_ void on_hello(void *userdata, HttpsRequest *request)
{
        Fixture *f = userdata;

        f->n_handled++;
        https_answer_text(request, 200, "%s %s rest=%s peer=%s digest=%zu q=%s body=%s",
                          request->method, request->path, request->rest, request->peer ?: "nobody",
                          request->peer_sha256 ? strlen(request->peer_sha256) : 0,
                          https_query(request, "q") ?: "none", request->body);
}

static _unused_ void on_gone(void *userdata, HttpsRequest *request)
{
        Fixture *f = userdata;

        assert_ptr_equal(request, f->waiting);
        f->waiting = NULL;
        f->n_gone++;
}

static _unused_ void on_later(void *userdata, HttpsRequest *request)
{
        Fixture *f = userdata;

        f->waiting = request;
        https_on_gone(request, on_gone, f);
}

static _unused_ void on_file(void *userdata, HttpsRequest *request)
{
        Fixture *f = userdata;
        int fd = open(test_pki_path(&f->pki, "file"), O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        https_answer_file(request, fd, FILE_BYTES);
}

static _unused_ bool on_peer_allowed(void *userdata, const char *peer, const char *peer_sha256)
{
        Fixture *f = userdata;

        assert_int_equal(strlen(peer_sha256), 64);
        return !f->refuse_peers && !str_equal(peer, "expelled");
}

/* ---- the client */

static _unused_ void on_done(void *userdata, const HttpResult *result)
{
        Fixture *f = userdata;

        f->ended++;
        f->result = *result;
        snprintf(f->body, sizeof(f->body), "%s", result->error ? result->message : result->body);
}

static _unused_ void run_until(Fixture *f, const int *counter, int value)
{
        RUN_UNTIL(f->event, *counter >= value);
}

static _unused_ char *url(Fixture *f, const char *path)
{
        static char text[256];

        snprintf(text, sizeof(text), "https://127.0.0.1:%u%s", https_server_port(f->server), path);
        return text;
}

static _unused_ void start(Fixture *f, const char *path, const char *body)
{
        f->ended = 0;
        assert_int_equal(http_start(f->http,
                                    &(HttpOptions) {.url = url(f, path),
                                                    .body = body,
                                                    .length = body ? strlen(body) : 0,
                                                    .tls = &f->tls,
                                                    .done = on_done,
                                                    .userdata = f},
                                    NULL),
                         0);
}

static _unused_ void ask(Fixture *f, const char *path, const char *body, unsigned status)
{
        start(f, path, body);
        run_until(f, &f->ended, 1);
        assert_int_equal(f->result.error, 0);
        assert_int_equal(f->result.status, status);
}

/* The next requests come from this host, over connections of their own. */
static _unused_ void be(Fixture *f, const char *file)
{
        char name[64];

        f->http = http_free(f->http);
        assert_int_equal(http_new(f->event, &f->http), 0);
        f->tls = (HttpTls) {.ca_path = test_pki_path(&f->pki, "ca.crt")};
        if (!file)
                return;
        snprintf(name, sizeof(name), "%s.crt", file);
        f->tls.certificate_path = test_pki_path(&f->pki, name);
        snprintf(name, sizeof(name), "%s.key", file);
        f->tls.key_path = test_pki_path(&f->pki, name);
}

/* ---- life */

static _unused_ HttpsServerConfig config_of(Fixture *f)
{
        HttpsServerConfig config = {
                .files = {.ca = test_pki_path(&f->pki, "ca.crt"),
                          .certificate = test_pki_path(&f->pki, "h1.crt"),
                          .key = test_pki_path(&f->pki, "h1.key")},
                .peer_allowed = on_peer_allowed,
                .userdata = f,
        };

        assert_int_equal(ip_parse("127.0.0.1", &config.address), 0);
        return config;
}

static _unused_ void add_routes(Fixture *f)
{
        const HttpsRoute routes[] = {
                {.method = "GET", .path = "/open", .handler = on_hello},
                {.method = "POST", .path = "/open", .body_max = 100, .handler = on_hello},
                {.method = "GET", .path = "/peers/", .needs_peer = true, .handler = on_hello},
                {.method = "GET", .path = "/peers/late", .needs_peer = true, .handler = on_later},
                {.method = "GET", .path = "/file", .needs_peer = true, .handler = on_file},
        };

        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                HttpsRoute route = routes[i];

                route.userdata = f;
                assert_int_equal(https_server_route(f->server, &route), 0);
                assert_int_equal(https_server_route(f->server, &route), -EEXIST);
        }
        assert_int_equal(https_server_route(
                                 f->server,
                                 &(HttpsRoute) {.method = "GET", .path = "x", .handler = on_hello}),
                         -EINVAL);
}

static _unused_ void serve(Fixture *f, const HttpsServerConfig *config)
{
        char message[HTTPS_MESSAGE_MAX] = "";

        f->server = https_server_free(f->server);
        if (https_server_new(f->event, config, message, &f->server) != 0)
                fail_msg("%s", message);
        add_routes(f);
}

static _unused_ int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));
        HttpsServerConfig config;

        *state = f;
        test_pki_init(&f->pki);
        test_pki_host(&f->pki, "h1");
        test_pki_host(&f->pki, "h2");
        sd_event_new(&f->event);
        config = config_of(f);
        serve(f, &config);
        be(f, "h2");
        return 0;
}

static _unused_ int tear_down(void **state)
{
        Fixture *f = *state;

        http_free(f->http);
        https_server_free(f->server);
        sd_event_unref(f->event);
        test_pki_deinit(&f->pki);
        free(f);
        return 0;
}
