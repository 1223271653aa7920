/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* An HTTPS server on an sd-event loop: routes, handlers, and answers that may come later.
 *
 *   static void on_hello(void *userdata, HttpsRequest *request)
 *   {
 *           https_answer_text(request, 200, "hello, %s\n", request->peer);
 *   }
 *
 *   https_server_new(event, &(HttpsServerConfig) {.address = address, .port = 7400, .files =
 * files}, message, &server); https_server_route(server, &(HttpsRoute) {.method = "GET", .path =
 * "/1/hello", .needs_peer = true, .handler = on_hello});
 *
 * TLS 1.3 only. Every client is asked for a certificate; one that shows none, or one that the CA
 * has not signed for use by a client, still gets a connection, for the sake of those who come to
 * join, but has no name (HttpsRequest.peer is NULL) and gets 403 on every route that needs_peer.
 * The server sends its certificate with the CA's behind it, so that a client that knows the CA's
 * fingerprint can check it before it says anything (HttpTls.ca_sha256 in http.h).
 *
 * Everything is called on the loop. Nobody who connects can make the server hold more than
 * HTTPS_CONNECTIONS_MAX connections, HTTPS_ADDRESS_CONNECTIONS_MAX of an address, a body longer
 * than the route's body_max, or a connection longer than HTTPS_HEADER_TIMEOUT_NS that does not get
 * its request out. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "lib/base/ip.h"
#include "lib/base/macros.h"

#define HTTPS_CONNECTIONS_MAX         256U
#define HTTPS_ADDRESS_CONNECTIONS_MAX 32U
#define HTTPS_ROUTES_MAX              32U
#define HTTPS_BODY_MAX                MIB
#define HTTPS_MESSAGE_MAX             512U
#define HTTPS_PEER_MAX                64U                 /* characters of a peer's name at most */
#define HTTPS_HEADER_TIMEOUT_NS       (10 * NSEC_PER_SEC) /* handshake and header; idle between two */
#define HTTPS_BODY_TIMEOUT_NS         (30 * NSEC_PER_SEC) /* header's end to body's end */
#define HTTPS_ANSWER_TIMEOUT_NS       (30 * NSEC_PER_SEC) /* handler called to answer given */
#define HTTPS_SEND_TIMEOUT_NS         (30 * NSEC_PER_SEC) /* without a byte taken by the client */

typedef struct HttpsServer HttpsServer;

enum {
        HTTPS_BAD_FILES = 1, /* the certificate, key or CA cannot be used; the message says why */
};

/* A request, as its handler sees it. It is the handler's until it is answered, or until it is told
 * that it is gone; texts and bytes are valid as long. */
typedef struct HttpsRequest {
        const char *method;
        const char *path; /* decoded; begins with '/'; else anything may be in it */
        const char *rest; /* what follows the route's path in it; "" when it is the same */
        const char *peer; /* CN of the client's verified certificate; NULL: none was shown */
        const char
                *peer_sha256; /* fingerprint of that certificate, 64 hexadecimal digits; or NULL */
        IpAddress address;    /* the client's */
        const char *body;     /* with a NUL behind it; "" for none */
        size_t length;
} HttpsRequest;

/** HttpsHandler - Answer a request, now or later (https_answer() and its kin); each exactly once */
typedef void (*HttpsHandler)(void *userdata, HttpsRequest *request);

typedef struct HttpsRoute {
        const char *method; /* "GET" (which answers HEAD as well), "POST", "PUT", "DELETE" */
        const char *path;   /* ends in '/': all paths that begin so; else this path alone */
        bool needs_peer;    /* else anybody may ask, at HttpsServerConfig.anonymous_per_s */
        size_t body_max;    /* bytes; 0: no body; at most HTTPS_BODY_MAX */
        HttpsHandler handler;
        void *userdata;
} HttpsRoute;

/* PEM files. They are read at https_server_new() and https_server_reload(), at no other time. */
typedef struct HttpsFiles {
        const char *ca;          /* one certificate or several */
        const char *certificate; /* the server's own */
        const char *key;
} HttpsFiles;

typedef struct HttpsServerConfig {
        IpAddress address; /* to listen at; need not be on an interface yet; none: all */
        uint16_t port;     /* 0: any that is free */
        HttpsFiles files;  /* copied */
        /* Whether a peer that the CA has signed for is still one of us; NULL: always. Called for
         * each request of a route that needs_peer; false gives 403. */
        bool (*peer_allowed)(void *userdata, const char *peer, const char *peer_sha256);
        void *userdata;
        uint32_t connects_per_s;  /* new connections of an address; 0: 20. Five times as many in a
                                     burst */
        uint32_t anonymous_per_s; /* requests of an address without a certificate; 0: 5, and five
                                     times as many in a burst; above that the answer is 429 */
} HttpsServerConfig;

/**
 * https_server_new() - Listen and serve
 * @event:       loop; a reference is taken
 * @config:      copied
 * @ret_message: on HTTPS_BAD_FILES which file, and why
 * @ret_server:  owned
 *
 * Return: 0; HTTPS_BAD_FILES; -EADDRINUSE; another negative errno.
 */
int https_server_new(sd_event *event, const HttpsServerConfig *config,
                     char ret_message[static HTTPS_MESSAGE_MAX], HttpsServer **ret_server);

/**
 * https_server_free() - Stop listening, tell handlers that their requests are gone, close all
 * connections
 * @server: server, or NULL; not to be called from a handler
 *
 * Return: NULL.
 */
HttpsServer *https_server_free(HttpsServer *server);
DEFINE_CLEANUP(HttpsServer *, https_server_free)

/** https_server_port() - The port that it listens at */
uint16_t https_server_port(const HttpsServer *server);

/** https_server_connections() - How many connections there are */
unsigned https_server_connections(const HttpsServer *server);

/**
 * https_server_reload() - Read the files again and use them for new connections
 * @server:      server; not to be called from a handler
 * @ret_message: on HTTPS_BAD_FILES which file, and why
 *
 * Connections that are there end with the answer they are busy with, under the old files, and no
 * later than HTTPS_RELOAD_GRACE_NS.
 *
 * Return: 0; HTTPS_BAD_FILES or a negative errno, and then it goes on with the old files.
 */
int https_server_reload(HttpsServer *server, char ret_message[static HTTPS_MESSAGE_MAX]);

#define HTTPS_RELOAD_GRACE_NS (600 * NSEC_PER_SEC)

/**
 * https_server_route() - Add a route
 * @server: server
 * @route:  copied; of several that match a path the one with the longest path is taken
 *
 * Return: 0; -EINVAL for what is no route; -EEXIST; -ENOSPC; -ENOMEM.
 */
int https_server_route(HttpsServer *server, const HttpsRoute *route);

/**
 * https_query() - A parameter of the request, from behind the '?'
 * @request: request
 * @name:    parameter
 *
 * Return: its value, decoded, "" when it has none; NULL when it is not there. Of several the first.
 */
const char *https_query(const HttpsRequest *request, const char *name);

/**
 * https_on_gone() - Be told when a request ends before it is answered
 * @request:  request, in its handler
 * @gone:     called at most once, instead of anything that could be answered: after
 *            HTTPS_ANSWER_TIMEOUT_NS, on which the client is told 504, or when the server is freed
 * @userdata: for @gone
 *
 * A handler that does not answer at once must set this: @request is freed after the call.
 */
void https_on_gone(HttpsRequest *request, void (*gone)(void *userdata, HttpsRequest *request),
                   void *userdata);

/**
 * https_answer() - Answer a request with bytes, which are copied
 * @request: taken
 * @status:  200 to 599
 * @type:    content type, e.g. "application/json"
 * @body:    bytes
 * @length:  how many
 */
void https_answer(HttpsRequest *request, unsigned status, const char *type, const void *body,
                  size_t length);

/** https_answer_text() - Answer a request with text; @request is taken */
void https_answer_text(HttpsRequest *request, unsigned status, const char *format, ...)
        _printf_(3, 4);

/**
 * https_answer_file() - Answer a request with a file's bytes, or the part that its Range asks for
 * @request: taken
 * @fd:      taken; a regular file, which must not shrink
 * @size:    bytes of it
 *
 * The status is 200, or 206, or 416 for a part that is not there.
 */
void https_answer_file(HttpsRequest *request, int fd, uint64_t size);
