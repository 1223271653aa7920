/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* HTTP requests that never block: libcurl's multi interface driven by an sd-event loop. Handlers
 * are called from the loop, never from within the call that started the request, and may start and
 * cancel any request, their own included. */

#include <systemd/sd-event.h>

#include "lib/base/macros.h"

/* An answer, or what of a stream has not been handed over yet, is at most this long. */
#define HTTP_BODY_MAX (32 * MIB)

typedef struct Http Http;
typedef struct HttpRequest HttpRequest;

typedef struct HttpResult {
        int error;           /* 0; -ECONNREFUSED: was surely not carried out; -ETIMEDOUT; -EFBIG;
                                -EKEYREJECTED: TLS; -ECONNRESET: anything else that broke it */
        const char *message; /* for people, "" when error is 0 */
        unsigned status;     /* HTTP status when error is 0 */
        const char *body;    /* whole answer, NUL behind it; of a stream only what was left */
        size_t length;
} HttpResult;

/** HttpDone - The request has ended; @result is valid during the call */
typedef void (*HttpDone)(void *userdata, const HttpResult *result);

/** HttpData - Bytes of a stream arrived; returns how many were consumed, the rest comes again with
 * the next ones, or at http_continue() */
typedef size_t (*HttpData)(void *userdata, const char *data, size_t length);

typedef struct HttpTls {
        const char *ca_path; /* PEM files; NULL: the system's, or none */
        const char *certificate_path;
        const char *key_path;
        /* Instead of @ca_path: 64 hexadecimal digits, the SHA-256 of a CA's certificate in DER. The
         * server must send that certificate along and have been certified by it; nothing of the
         * request is sent before that has been checked. */
        const char *ca_sha256;
} HttpTls;

typedef struct HttpOptions {
        const char *url;
        const char *body; /* sent with POST, copied; NULL: GET */
        size_t length;
        const char *header;          /* one more header line, or NULL */
        const HttpTls *tls;          /* borrowed for the call; NULL: none */
        uint64_t connect_timeout_ns; /* 0: 2 s */
        uint64_t timeout_ns;         /* of the whole request; 0: none, for a stream */
        HttpData data;               /* NULL: the body is gathered for done */
        size_t body_max;     /* a longer body ends the request with -EFBIG; 0: HTTP_BODY_MAX;
                                of a stream it is what was not consumed that counts */
        size_t window;       /* of a stream: not more than about this many bytes are taken
                                from the server and kept before they are consumed; 0: no
                                limit but HTTP_BODY_MAX, which ends the request */
        uint64_t stall_ns;   /* of a stream: ends with -ETIMEDOUT when for this long (at
                                least 1 s) less than a byte per second has come; 0: never */
        uint64_t first_byte; /* ask for the body from here on (Range); the answer is 206
                                when the server honours that, 200 when it sends all */
        HttpDone done;
        void *userdata;
} HttpOptions;

/**
 * http_new() - Make a client
 * @event:    loop; a reference is taken
 * @ret_http: client
 *
 * Return: 0; negative errno.
 */
int http_new(sd_event *event, Http **ret_http);

/** http_free() - Cancel every request and free the client; its handlers are not called */
Http *http_free(Http *http);
DEFINE_CLEANUP(Http *, http_free)

/**
 * http_start() - Start a request
 * @http:        client
 * @options:     what to ask; borrowed for the call
 * @ret_request: handle for http_cancel(), valid until the done handler returns; may be NULL
 *
 * Return: 0, and the done handler will be called once unless it is cancelled; -EINVAL; -ENOMEM.
 */
int http_start(Http *http, const HttpOptions *options, HttpRequest **ret_request);

/**
 * http_status() - The status of the answer, for use in a data handler
 * @request: request
 *
 * Return: status; 0 when none has come yet.
 */
unsigned http_status(const HttpRequest *request);

/**
 * http_continue() - Take more: what a data handler has left is handed to it again, soon
 * @request: request with a data handler; not ended
 */
void http_continue(HttpRequest *request);

/** http_cancel() - End a request without calling its handlers; NULL is fine. Returns NULL */
HttpRequest *http_cancel(HttpRequest *request);
