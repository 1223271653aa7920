/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the files of the HTTPS server share, and nobody else includes: these are the only files that
 * see libmicrohttpd and GnuTLS.
 *
 *   https-server.c   listening, the loop, connections and their time limits
 *   https-request.c  a request from its header to its answer
 *   https-file.c     answers that are files
 *   https-reader.c   the thread that reads what is not in memory
 *   https-tls.c      PEM files, and who a client is */

#include <gnutls/gnutls.h>
#include <microhttpd.h>

#include "lib/base/str.h"
#include "lib/io/https-server.h"
#include "lib/io/rate-limit.h"

typedef struct HttpsEngine HttpsEngine;
typedef struct HttpsConnection HttpsConnection;
typedef struct HttpsExchange HttpsExchange;

/* What the PEM files hold. */
typedef struct HttpsCredentials {
        char *ca;
        char *chain; /* the certificate with the CA's behind it */
        char *key;
} HttpsCredentials;

/* A daemon of libmicrohttpd: the one that listens, or one that the last reload has retired. */
struct HttpsEngine {
        HttpsServer *server;
        struct MHD_Daemon *daemon;
        HttpsCredentials credentials; /* the daemon's for its life */
        sd_event_source *io, *timer;
        uint64_t progress;   /* counts what clients got done */
        uint64_t rest_us;    /* how long it was left alone last */
        uint64_t retired_ns; /* 0: it listens */
        HttpsEngine *next;
};

struct HttpsConnection {
        HttpsEngine *engine;
        struct MHD_Connection *connection;
        int fd; /* libmicrohttpd's */
        IpAddress address;
        uint64_t since_ns; /* when it was made, or became idle */
        HttpsExchange *exchange;
        bool peer_known; /* the next two are right */
        char peer[HTTPS_PEER_MAX + 1];
        char peer_sha256[64 + 1];
        HttpsConnection *previous, *next;
};

#define HTTPS_PIECE_BYTES (64 * KIB)

typedef enum HttpsStage {
        HTTPS_BODY,     /* its body comes in */
        HTTPS_HANDLED,  /* its handler has been called */
        HTTPS_WAITING,  /* likewise, and the connection is suspended */
        HTTPS_ANSWERED, /* there is an answer, or none because memory is short */
} HttpsStage;

/* A request and its answer. */
struct HttpsExchange {
        HttpsRequest view; /* what the handler sees */
        HttpsConnection *connection;
        struct HttpsOwnRoute *route;
        HttpsStage stage;
        uint64_t since_ns; /* when the stage was begun */
        char *path, *method, *range;
        StrBuffer body;
        unsigned status;
        struct MHD_Response *response;
        void (*gone)(void *userdata, HttpsRequest *request);
        void *gone_userdata;
};

/* A piece of a file that is not in memory. Its connection is suspended while it is read. */
typedef struct HttpsRead {
        HttpsEngine *engine;
        struct MHD_Connection *connection;
        int fd;
        uint64_t offset;
        ssize_t result; /* bytes, or a negative errno; 0: the file ends here */
        bool ready;     /* it has been read, and not been sent yet */
        struct HttpsRead *next;
        char bytes[HTTPS_PIECE_BYTES];
} HttpsRead;

typedef struct HttpsReader HttpsReader;

typedef struct HttpsOwnRoute {
        char *method, *path;
        bool prefix;
        HttpsRoute route;
} HttpsOwnRoute;

struct HttpsServer {
        sd_event *event;
        HttpsServerConfig config;
        char *ca_path, *certificate_path, *key_path;
        int listen_fd;
        HttpsEngine *engines; /* the first one listens */
        HttpsConnection *connections;
        unsigned n_connections;
        sd_event_source *sweep;
        HttpsOwnRoute *routes[HTTPS_ROUTES_MAX];
        size_t n_routes;
        RateLimit connects, anonymous;
        HttpsReader *reader; /* NULL until something had to be read */
        bool ending;
};

/* ---- https-tls.c */

/** https_credentials_load() - Read and check the files: 0, HTTPS_BAD_FILES or a negative errno */
int https_credentials_load(const HttpsFiles *files, HttpsCredentials *ret,
                           char ret_message[static HTTPS_MESSAGE_MAX]);

/** https_credentials_deinit() - Wipe and free them */
void https_credentials_deinit(HttpsCredentials *credentials);

/** https_identify() - Who a client is: name and fingerprint, or "" */
void https_identify(gnutls_session_t session, char peer[static HTTPS_PEER_MAX + 1],
                    char peer_sha256[static 64 + 1]);

/* ---- https-file.c */

/**
 * https_file_response() - Answer with bytes of a file
 * @connection: that it goes out on
 * @fd:         taken
 * @first:      first byte
 * @length:     bytes
 *
 * Return: owned; NULL when memory is short.
 */
struct MHD_Response *https_file_response(HttpsConnection *connection, int fd, uint64_t first,
                                         uint64_t length);

/* ---- https-reader.c */

/** https_reader_submit() - Have a piece read; its connection, which the caller suspends, is resumed
 * when it is ready: 0 or a negative errno */
int https_reader_submit(HttpsServer *server, HttpsRead *read);

/** https_reader_stop() - End the thread and resume all connections; what was not read has failed */
void https_reader_stop(HttpsServer *server);

/** https_reader_count() - How many pieces have been read so far */
uint64_t https_reader_count(const HttpsServer *server);

/* ---- https-request.c */

/** https_on_access() - For libmicrohttpd: MHD_AccessHandlerCallback, its userdata is the engine */
enum MHD_Result https_on_access(void *userdata, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *size, void **exchange);

/** https_on_completed() - For libmicrohttpd: MHD_RequestCompletedCallback */
void https_on_completed(void *userdata, struct MHD_Connection *connection, void **exchange,
                        enum MHD_RequestTerminationCode code);

/** https_exchange_abandon() - A handler's time is over: tell it, and answer in its place */
void https_exchange_abandon(HttpsExchange *exchange, unsigned status, const char *why);

/* ---- https-server.c */

/** https_engine_wake() - Let the daemon look at what has changed, soon */
void https_engine_wake(HttpsEngine *engine);
