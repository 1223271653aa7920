/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libmicrohttpd calls https_on_access() once with the header, once for each piece of the body, once
 * at its end, and once more when the connection is resumed. What is refused is refused at the first
 * call, before any of the body is taken; the handler runs at the end of the body.
 *
 *   BODY ──► HANDLED ──► ANSWERED        the handler has answered before it returned
 *                └─► WAITING ──► ANSWERED        suspended in between */

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/io/http-range.h"
#include "lib/io/https-internal.h"

#define STATUS_PART          206
#define STATUS_UNSATISFIABLE 416

static HttpsExchange *exchange_of(const HttpsRequest *request)
{
        return CONTAINER_OF(request, HttpsExchange, view);
}

static void exchange_free(HttpsExchange *exchange)
{
        if (exchange->response)
                MHD_destroy_response(exchange->response);
        if (exchange->body.data)
                explicit_bzero(exchange->body.data, exchange->body.length);
        str_buffer_deinit(&exchange->body);
        free(exchange->path);
        free(exchange->method);
        free(exchange->range);
        free(exchange);
}

static void enter(HttpsExchange *exchange, HttpsStage stage)
{
        exchange->stage = stage;
        exchange->since_ns = clock_boottime_ns();
}

/* ---- answers */

/* Takes @response, which is NULL when memory is short: then the connection is closed. */
static void answer(HttpsExchange *exchange, unsigned status, struct MHD_Response *response)
{
        HttpsConnection *connection = exchange->connection;
        bool waiting = exchange->stage == HTTPS_WAITING;

        assert(exchange->stage == HTTPS_HANDLED || exchange->stage == HTTPS_WAITING);
        if (response && connection->engine->retired_ns > 0)
                MHD_add_response_header(response, "Connection", "close");
        exchange->status = status;
        exchange->response = response;
        exchange->gone = NULL;
        enter(exchange, HTTPS_ANSWERED);
        if (!waiting)
                return;
        MHD_resume_connection(connection->connection);
        https_engine_wake(connection->engine);
}

static struct MHD_Response *response_of(const char *type, const void *body, size_t length)
{
        struct MHD_Response *response = MHD_create_response_from_buffer_copy(length, body);

        if (response && MHD_add_response_header(response, "Content-Type", type) != MHD_YES) {
                MHD_destroy_response(response);
                return NULL;
        }
        return response;
}

void https_answer(HttpsRequest *request, unsigned status, const char *type, const void *body,
                  size_t length)
{
        answer(exchange_of(request), status, response_of(type, body, length));
}

void https_answer_text(HttpsRequest *request, unsigned status, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        struct MHD_Response *response = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        if (text)
                response = response_of("text/plain; charset=utf-8", text, strlen(text));
        answer(exchange_of(request), status, response);
}

static bool describe_file(struct MHD_Response *response, uint64_t size, uint64_t first,
                          uint64_t length, bool part)
{
        char range[96];

        snprintf(range, sizeof(range), "bytes %llu-%llu/%llu", (unsigned long long) first,
                 (unsigned long long) (first + length - 1), (unsigned long long) size);
        return MHD_add_response_header(response, "Content-Type", "application/octet-stream") ==
                       MHD_YES &&
               MHD_add_response_header(response, "Accept-Ranges", "bytes") == MHD_YES &&
               (!part || MHD_add_response_header(response, "Content-Range", range) == MHD_YES);
}

void https_answer_file(HttpsRequest *request, int fd, uint64_t size)
{
        HttpsExchange *exchange = exchange_of(request);
        struct MHD_Response *response;
        uint64_t first, length;
        int r;

        r = http_range_parse(exchange->range, size, &first, &length);
        if (r == HTTP_RANGE_UNSATISFIABLE) {
                fd_close(fd);
                https_answer_text(request, STATUS_UNSATISFIABLE, "there are only %llu bytes\n",
                                  (unsigned long long) size);
                return;
        }
        response = https_file_response(exchange->connection, fd, first, length);
        if (response && !describe_file(response, size, first, length, r == HTTP_RANGE_PART)) {
                MHD_destroy_response(response);
                response = NULL;
        }
        answer(exchange, r == HTTP_RANGE_PART ? STATUS_PART : 200, response);
}

void https_exchange_abandon(HttpsExchange *exchange, unsigned status, const char *why)
{
        if (exchange->gone)
                exchange->gone(exchange->gone_userdata, &exchange->view);
        https_answer_text(&exchange->view, status, "%s\n", why);
}

void https_on_gone(HttpsRequest *request, void (*gone)(void *userdata, HttpsRequest *request),
                   void *userdata)
{
        HttpsExchange *exchange = exchange_of(request);

        exchange->gone = gone;
        exchange->gone_userdata = userdata;
}

const char *https_query(const HttpsRequest *request, const char *name)
{
        struct MHD_Connection *connection = exchange_of(request)->connection->connection;
        const char *value = NULL;

        if (MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, name, strlen(name),
                                          &value, NULL) != MHD_YES)
                return NULL;
        return value ?: "";
}

/* ---- routes */

static bool matches(const HttpsOwnRoute *route, const char *path)
{
        return route->prefix ? str_after(path, route->path) != NULL : str_equal(path, route->path);
}

static bool method_is(const HttpsOwnRoute *route, const char *method)
{
        return str_equal(route->method, method) ||
               (str_equal(method, "HEAD") && str_equal(route->method, "GET"));
}

/* The longest path wins; of the same path the method decides. */
static HttpsOwnRoute *route_for(HttpsServer *server, const char *path, const char *method,
                                bool *ret_path_known)
{
        HttpsOwnRoute *best = NULL;
        size_t longest = 0;

        *ret_path_known = false;
        for (size_t i = 0; i < server->n_routes; i++) {
                HttpsOwnRoute *route = server->routes[i];
                size_t length = strlen(route->path);

                if (!matches(route, path) || length < longest)
                        continue;
                if (length > longest)
                        best = NULL;
                longest = length;
                *ret_path_known = true;
                if (method_is(route, method))
                        best = route;
        }
        return best;
}

static void own_route_free(HttpsOwnRoute *route)
{
        free(route->method);
        free(route->path);
        free(route);
}
DEFINE_CLEANUP(HttpsOwnRoute *, own_route_free)

int https_server_route(HttpsServer *server, const HttpsRoute *route)
{
        _cleanup_(own_route_freep) HttpsOwnRoute *own = NULL;

        if (str_empty(route->method) || str_empty(route->path) || route->path[0] != '/' ||
            !route->handler || route->body_max > HTTPS_BODY_MAX)
                return -EINVAL;
        for (size_t i = 0; i < server->n_routes; i++)
                if (str_equal(server->routes[i]->method, route->method) &&
                    str_equal(server->routes[i]->path, route->path))
                        return -EEXIST;
        if (server->n_routes == HTTPS_ROUTES_MAX)
                return -ENOSPC;
        own = calloc(1, sizeof(*own));
        if (!own || str_set(&own->method, route->method) < 0 ||
            str_set(&own->path, route->path) < 0)
                return -ENOMEM;
        own->route = *route;
        own->prefix = str_ends_with(route->path, "/");
        server->routes[server->n_routes++] = TAKE_PTR(own);
        return 0;
}

/* ---- a request comes in */

/* Refuses in place of a handler. */
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why)
{
        struct MHD_Response *response = response_of("text/plain; charset=utf-8", why, strlen(why));
        enum MHD_Result result;

        if (!response)
                return MHD_NO;
        result = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
        return result;
}

static void identify(HttpsConnection *connection)
{
        const union MHD_ConnectionInfo *info;

        if (connection->peer_known)
                return;
        info = MHD_get_connection_info(connection->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (info)
                https_identify(info->tls_session, connection->peer, connection->peer_sha256);
        connection->peer_known = true;
}

static bool is_peer(const HttpsServer *server, const HttpsConnection *connection)
{
        if (!connection->peer[0])
                return false;
        return !server->config.peer_allowed ||
               server->config.peer_allowed(server->config.userdata, connection->peer,
                                           connection->peer_sha256);
}

/* The announced length of the body; UINT64_MAX when it is no number. */
static uint64_t announced(struct MHD_Connection *connection)
{
        const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                       MHD_HTTP_HEADER_CONTENT_LENGTH);
        uint64_t length = 0;

        if (text && str_to_u64(text, UINT64_MAX - 1, &length) < 0)
                return UINT64_MAX;
        return length;
}

/* 0: it may come; else the status to refuse it with. */
static unsigned check(HttpsConnection *connection, const char *path, const char *method,
                      HttpsOwnRoute **ret_route, const char **ret_why)
{
        HttpsServer *server = connection->engine->server;
        HttpsOwnRoute *route;
        bool path_known;

        identify(connection);
        if (!connection->peer[0] &&
            !rate_limit_take(&server->anonymous, &connection->address, clock_boottime_ns())) {
                *ret_why = "too many requests; ask again in a while\n";
                return MHD_HTTP_TOO_MANY_REQUESTS;
        }
        route = route_for(server, path, method, &path_known);
        if (!route && !path_known) {
                *ret_why = "there is nothing here\n";
                return MHD_HTTP_NOT_FOUND;
        }
        if (!route) {
                *ret_why = "not with this method\n";
                return MHD_HTTP_METHOD_NOT_ALLOWED;
        }
        if (route->route.needs_peer && !is_peer(server, connection)) {
                *ret_why = "only for hosts of the cluster\n";
                return MHD_HTTP_FORBIDDEN;
        }
        if (announced(connection->connection) > route->route.body_max) {
                *ret_why = "too long\n";
                return MHD_HTTP_CONTENT_TOO_LARGE;
        }
        *ret_route = route;
        return 0;
}

static int exchange_new(HttpsConnection *connection, HttpsOwnRoute *route, const char *path,
                        const char *method, HttpsExchange **ret_exchange)
{
        const char *range = MHD_lookup_connection_value(connection->connection, MHD_HEADER_KIND,
                                                        MHD_HTTP_HEADER_RANGE);
        HttpsExchange *exchange = calloc(1, sizeof(*exchange));

        if (!exchange)
                return -ENOMEM;
        if (str_set(&exchange->path, path) < 0 || str_set(&exchange->method, method) < 0 ||
            str_set(&exchange->range, range) < 0) {
                exchange_free(exchange);
                return -ENOMEM;
        }
        exchange->connection = connection;
        exchange->route = route;
        exchange->view = (HttpsRequest) {
                .method = exchange->method,
                .path = exchange->path,
                .rest = exchange->path + strlen(route->path),
                .peer = connection->peer[0] ? connection->peer : NULL,
                .peer_sha256 = connection->peer[0] ? connection->peer_sha256 : NULL,
                .address = connection->address,
                .body = "",
        };
        connection->exchange = exchange;
        enter(exchange, HTTPS_BODY);
        *ret_exchange = exchange;
        return 0;
}

static enum MHD_Result begin(HttpsConnection *connection, const char *path, const char *method,
                             void **ret_exchange)
{
        HttpsExchange *exchange;
        HttpsOwnRoute *route;
        const char *why;
        unsigned status;

        status = check(connection, path, method, &route, &why);
        if (status != 0) {
                connection->since_ns = clock_boottime_ns();
                return refuse(connection->connection, status, why);
        }
        if (exchange_new(connection, route, path, method, &exchange) < 0)
                return MHD_NO;
        *ret_exchange = exchange;
        return MHD_YES;
}

static enum MHD_Result take_body(HttpsExchange *exchange, const char *data, size_t *size)
{
        if (exchange->body.length + *size > exchange->route->route.body_max)
                return MHD_NO; /* it had not announced so much */
        str_buffer_append(&exchange->body, data, *size);
        *size = 0;
        return exchange->body.failed ? MHD_NO : MHD_YES;
}

static enum MHD_Result send_answer(HttpsExchange *exchange)
{
        enum MHD_Result result;

        if (!exchange->response)
                return MHD_NO;
        result = MHD_queue_response(exchange->connection->connection, exchange->status,
                                    exchange->response);
        MHD_destroy_response(exchange->response);
        exchange->response = NULL;
        return result;
}

static enum MHD_Result handle(HttpsExchange *exchange)
{
        const HttpsRoute *route = &exchange->route->route;

        if (exchange->connection->engine->server->ending)
                return MHD_NO;
        if (exchange->body.length > 0) {
                exchange->view.body = exchange->body.data;
                exchange->view.length = exchange->body.length;
        }
        enter(exchange, HTTPS_HANDLED);
        route->handler(route->userdata, &exchange->view);
        if (exchange->stage == HTTPS_ANSWERED)
                return send_answer(exchange);
        assert(exchange->gone);
        enter(exchange, HTTPS_WAITING);
        MHD_suspend_connection(exchange->connection->connection);
        return MHD_YES;
}

enum MHD_Result https_on_access(void *userdata, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *size, void **exchange)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        HttpsExchange *own = *exchange;

        if (!info || !info->socket_context)
                return MHD_NO; /* there was no memory for it */
        ((HttpsEngine *) userdata)->progress++;
        if (!own)
                return begin(info->socket_context, url, method, exchange);
        if (*size > 0)
                return take_body(own, data, size);
        if (own->stage == HTTPS_BODY)
                return handle(own);
        return own->stage == HTTPS_ANSWERED ? send_answer(own) : MHD_NO;
}

void https_on_completed(void *userdata, struct MHD_Connection *connection, void **exchange,
                        enum MHD_RequestTerminationCode code)
{
        HttpsExchange *own = *exchange;

        if (!own)
                return;
        own->connection->exchange = NULL;
        own->connection->since_ns = clock_boottime_ns();
        exchange_free(own);
        *exchange = NULL;
}
