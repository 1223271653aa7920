/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libmicrohttpd without threads of its own: its epoll descriptor is a source of the loop, and a
 * timer wakes it when it wants to be. What it does not bound by itself (how long a client may take
 * for a handshake, a header or a body) is swept each second, as long as there are connections:
 * shutting a socket down is how a connection of libmicrohttpd's is ended.
 *
 * A reload makes a second daemon on the same listening socket and retires the first, which goes on
 * with the connections that it has.
 *
 * Source: systemd's src/journal-remote for the way that sd-event drives libmicrohttpd */

#include "lib/io/https-server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/io/https-internal.h"

#define SWEEP_NS         NSEC_PER_SEC
#define CONNECTS_PER_S   20U
#define ANONYMOUS_PER_S  5U
#define BURST_FACTOR     5U
#define REST_MAX_US      UINT64_C(5000)
#define BACKLOG          128
#define CONNECTION_BYTES (32 * KIB) /* libmicrohttpd's: header, and what is read and written */
#define PRIORITIES       "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* ---- addresses */

static IpAddress ip_of(const struct sockaddr *address)
{
        IpAddress ip = {};

        if (address->sa_family == AF_INET) {
                ip.family = 4;
                memcpy(ip.bytes, &((const struct sockaddr_in *) (const void *) address)->sin_addr,
                       4);
        } else if (address->sa_family == AF_INET6) {
                ip.family = 6;
                memcpy(ip.bytes, &((const struct sockaddr_in6 *) (const void *) address)->sin6_addr,
                       16);
        }
        return ip;
}

static socklen_t sockaddr_of(const IpAddress *ip, uint16_t port, struct sockaddr_storage *ret)
{
        struct sockaddr_in6 *in6 = (void *) ret;
        struct sockaddr_in *in = (void *) ret;

        *ret = (struct sockaddr_storage) {};
        if (ip->family == 4) {
                in->sin_family = AF_INET;
                in->sin_port = htons(port);
                memcpy(&in->sin_addr, ip->bytes, 4);
                return sizeof(*in);
        }
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, ip->bytes, 16); /* none is :: */
        return sizeof(*in6);
}

static int listen_at(const IpAddress *ip, uint16_t port, int *ret_fd)
{
        _cleanup_close_ int fd = -1;
        struct sockaddr_storage address;
        socklen_t length = sockaddr_of(ip, port, &address);
        int yes = 1, no = 0;

        fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        /* the address may come later than we do */
        setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes));
        if (ip->family == 0)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
        if (bind(fd, (struct sockaddr *) &address, length) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

uint16_t https_server_port(const HttpsServer *server)
{
        struct sockaddr_storage address = {};
        socklen_t length = sizeof(address);

        if (getsockname(server->listen_fd, (struct sockaddr *) &address, &length) < 0)
                return 0;
        return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *) &address)->sin_port
                                                  : ((struct sockaddr_in6 *) &address)->sin6_port);
}

unsigned https_server_connections(const HttpsServer *server)
{
        return server->n_connections;
}

/* ---- connections */

static enum MHD_Result on_accept(void *userdata, const struct sockaddr *address, socklen_t length)
{
        HttpsServer *server = ((HttpsEngine *) userdata)->server;
        IpAddress ip = ip_of(address);

        return rate_limit_take(&server->connects, &ip, clock_boottime_ns()) ? MHD_YES : MHD_NO;
}

static void sweep_later(HttpsServer *server)
{
        sd_event_source_set_time_relative(server->sweep, SWEEP_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(server->sweep, SD_EVENT_ONESHOT);
}

static void connection_add(HttpsEngine *engine, struct MHD_Connection *mhd, void **context)
{
        HttpsConnection *connection = calloc(1, sizeof(*connection));
        const union MHD_ConnectionInfo *info; /* the next call overwrites it */
        HttpsServer *server = engine->server;

        if (!connection)
                return; /* https_on_access() refuses */
        connection->engine = engine;
        connection->connection = mhd;
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        connection->fd = info ? info->connect_fd : -1;
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        if (info)
                connection->address = ip_of(info->client_addr);
        connection->since_ns = clock_boottime_ns();
        connection->next = server->connections;
        if (server->connections)
                server->connections->previous = connection;
        server->connections = connection;
        if (server->n_connections++ == 0)
                sweep_later(server);
        *context = connection;
}

static void connection_remove(HttpsServer *server, HttpsConnection *connection)
{
        if (!connection)
                return;
        if (connection->previous)
                connection->previous->next = connection->next;
        else
                server->connections = connection->next;
        if (connection->next)
                connection->next->previous = connection->previous;
        server->n_connections--;
        free(connection);
}

static void on_connection(void *userdata, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
        HttpsEngine *engine = userdata;

        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                connection_add(engine, mhd, context);
        } else {
                connection_remove(engine->server, *context);
                *context = NULL;
        }
}

/* ---- the daemon and the loop */

static void engine_arm(HttpsEngine *engine, uint64_t in_us)
{
        sd_event_source_set_time_relative(engine->timer, in_us);
        sd_event_source_set_enabled(engine->timer, SD_EVENT_ONESHOT);
}

/* How long the daemon may be left alone. It wants to be called again at once both when there is
 * more to do, and when a client has not got its handshake out (it does not see that the socket has
 * nothing more): then it is called less and less often, as the socket will be heard of anyway. */
static void engine_rest(HttpsEngine *engine, uint64_t progress_before)
{
        int64_t timeout_ms = MHD_get_timeout64s(engine->daemon);

        if (timeout_ms < 0)
                sd_event_source_set_enabled(engine->timer, SD_EVENT_OFF);
        else if (timeout_ms > 0)
                engine_arm(engine, (uint64_t) timeout_ms * 1000);
        else if (engine->progress != progress_before)
                engine_arm(engine, engine->rest_us = 0);
        else
                engine_arm(engine, engine->rest_us = MIN(2 * engine->rest_us + 50, REST_MAX_US));
}

static void engine_run(HttpsEngine *engine)
{
        uint64_t progress = engine->progress;

        MHD_run(engine->daemon);
        engine_rest(engine, progress);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        HttpsEngine *engine = userdata;

        engine->rest_us = 0;
        engine_run(engine);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        engine_run(userdata);
        return 0;
}

void https_engine_wake(HttpsEngine *engine)
{
        engine_arm(engine, engine->rest_us = 0);
}

/* Ends the daemon and what connections it has. Handlers have been told. */
static HttpsEngine *engine_free(HttpsEngine *engine)
{
        if (!engine)
                return NULL;
        sd_event_source_disable_unref(engine->io);
        sd_event_source_disable_unref(engine->timer);
        if (engine->daemon)
                MHD_stop_daemon(engine->daemon);
        https_credentials_deinit(&engine->credentials);
        free(engine);
        return NULL;
}
DEFINE_CLEANUP(HttpsEngine *, engine_free)

static int engine_start(HttpsEngine *engine)
{
        _cleanup_close_ int fd = fcntl(engine->server->listen_fd, F_DUPFD_CLOEXEC, 3);

        if (fd < 0)
                return -errno;
        engine->daemon = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME, 0, on_accept, engine,
                https_on_access, engine, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_HTTPS_MEM_CERT,
                engine->credentials.chain, MHD_OPTION_HTTPS_MEM_KEY, engine->credentials.key,
                MHD_OPTION_HTTPS_MEM_TRUST, engine->credentials.ca, MHD_OPTION_HTTPS_PRIORITIES,
                PRIORITIES, MHD_OPTION_CONNECTION_LIMIT, HTTPS_CONNECTIONS_MAX,
                MHD_OPTION_PER_IP_CONNECTION_LIMIT, HTTPS_ADDRESS_CONNECTIONS_MAX,
                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) (HTTPS_SEND_TIMEOUT_NS / NSEC_PER_SEC),
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_BYTES,
                MHD_OPTION_NOTIFY_CONNECTION, on_connection, engine, MHD_OPTION_NOTIFY_COMPLETED,
                https_on_completed, engine, MHD_OPTION_END);
        if (!engine->daemon)
                return errno > 0 ? -errno : -EIO;
        TAKE_FD(fd); /* the daemon's now */
        return 0;
}

static int engine_attach(HttpsEngine *engine)
{
        const union MHD_DaemonInfo *info =
                MHD_get_daemon_info(engine->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        sd_event *event = engine->server->event;
        int r;

        if (!info || info->epoll_fd < 0)
                return -EIO;
        r = sd_event_add_io(event, &engine->io, info->epoll_fd, EPOLLIN, on_io, engine);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &engine->timer, CLOCK_MONOTONIC, 0, 1,
                                               on_timer, engine);
        return r < 0 ? r : 0;
}

static int engine_new(HttpsServer *server, char message[static HTTPS_MESSAGE_MAX],
                      HttpsEngine **ret_engine)
{
        HttpsFiles files = {server->ca_path, server->certificate_path, server->key_path};
        _cleanup_(engine_freep) HttpsEngine *engine = calloc(1, sizeof(*engine));
        int r;

        if (!engine)
                return -ENOMEM;
        engine->server = server;
        r = https_credentials_load(&files, &engine->credentials, message);
        if (r != 0)
                return r;
        r = engine_start(engine);
        if (r == 0)
                r = engine_attach(engine);
        if (r < 0)
                return r;
        *ret_engine = TAKE_PTR(engine);
        return 0;
}

/* ---- the sweep */

static bool is_late(const HttpsConnection *connection, uint64_t now_ns)
{
        const HttpsExchange *exchange = connection->exchange;

        if (!exchange)
                return now_ns - connection->since_ns > HTTPS_HEADER_TIMEOUT_NS;
        return exchange->stage == HTTPS_BODY && now_ns - exchange->since_ns > HTTPS_BODY_TIMEOUT_NS;
}

static void sweep_connections(HttpsServer *server, uint64_t now_ns)
{
        for (HttpsConnection *c = server->connections; c; c = c->next) {
                bool retired = c->engine->retired_ns > 0;

                if (c->exchange && c->exchange->stage == HTTPS_WAITING) {
                        if (now_ns - c->exchange->since_ns > HTTPS_ANSWER_TIMEOUT_NS)
                                https_exchange_abandon(c->exchange, MHD_HTTP_GATEWAY_TIMEOUT,
                                                       "no answer in time");
                        continue;
                }
                if (is_late(c, now_ns) || (retired && !c->exchange) ||
                    (retired && now_ns - c->engine->retired_ns > HTTPS_RELOAD_GRACE_NS))
                        shutdown(c->fd, SHUT_RDWR);
        }
}

/* Frees retired daemons whose last connection has ended. */
static void sweep_engines(HttpsServer *server)
{
        for (HttpsEngine **at = &server->engines; *at;) {
                HttpsEngine *engine = *at;
                const union MHD_DaemonInfo *info =
                        MHD_get_daemon_info(engine->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

                if (engine->retired_ns == 0 || !info || info->num_connections > 0) {
                        at = &engine->next;
                        continue;
                }
                *at = engine->next;
                engine_free(engine);
        }
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
        HttpsServer *server = userdata;

        sweep_connections(server, clock_boottime_ns());
        sweep_engines(server);
        if (server->connections || (server->engines && server->engines->next))
                sweep_later(server);
        return 0;
}

/* ---- life */

static int set_up(HttpsServer *server, sd_event *event, const HttpsServerConfig *config)
{
        int r;

        server->event = sd_event_ref(event);
        server->config = *config;
        server->config.files = (HttpsFiles) {};
        server->connects.per_s = config->connects_per_s ?: CONNECTS_PER_S;
        server->anonymous.per_s = config->anonymous_per_s ?: ANONYMOUS_PER_S;
        server->connects.burst = server->connects.per_s * BURST_FACTOR;
        server->anonymous.burst = server->anonymous.per_s * BURST_FACTOR;
        if (getrandom(&server->connects.seed, sizeof(server->connects.seed), 0) < 0)
                return -errno;
        server->anonymous.seed = server->connects.seed;
        r = str_set(&server->ca_path, config->files.ca);
        if (r == 0)
                r = str_set(&server->certificate_path, config->files.certificate);
        if (r == 0)
                r = str_set(&server->key_path, config->files.key);
        if (r == 0)
                r = sd_event_add_time(event, &server->sweep, CLOCK_MONOTONIC, 0, 0, on_sweep,
                                      server);
        if (r >= 0)
                r = sd_event_source_set_enabled(server->sweep, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

int https_server_new(sd_event *event, const HttpsServerConfig *config,
                     char ret_message[static HTTPS_MESSAGE_MAX], HttpsServer **ret_server)
{
        _cleanup_(https_server_freep) HttpsServer *server = calloc(1, sizeof(*server));
        int r;

        if (!server)
                return -ENOMEM;
        server->listen_fd = -1;
        r = set_up(server, event, config);
        if (r == 0)
                r = listen_at(&config->address, config->port, &server->listen_fd);
        if (r == 0)
                r = engine_new(server, ret_message, &server->engines);
        if (r != 0)
                return r;
        *ret_server = TAKE_PTR(server);
        return 0;
}

int https_server_reload(HttpsServer *server, char ret_message[static HTTPS_MESSAGE_MAX])
{
        HttpsEngine *engine, *old = server->engines;
        int r;

        r = engine_new(server, ret_message, &engine);
        if (r != 0)
                return r;
        fd_close(MHD_quiesce_daemon(old->daemon));
        old->retired_ns = clock_boottime_ns();
        engine->next = old;
        server->engines = engine;
        sweep_later(server);
        return 0;
}

/* Answers what waits, as no daemon may be stopped with a connection suspended. */
static void abandon_all(HttpsServer *server)
{
        for (HttpsConnection *c = server->connections; c; c = c->next)
                if (c->exchange && c->exchange->stage == HTTPS_WAITING)
                        https_exchange_abandon(c->exchange, MHD_HTTP_SERVICE_UNAVAILABLE,
                                               "the server ends");
        for (HttpsEngine *engine = server->engines; engine; engine = engine->next)
                MHD_run(engine->daemon);
}

HttpsServer *https_server_free(HttpsServer *server)
{
        HttpsEngine *engine;

        if (!server)
                return NULL;
        server->ending = true;
        https_reader_stop(server);
        abandon_all(server);
        while ((engine = server->engines)) {
                server->engines = engine->next;
                engine_free(engine);
        }
        for (size_t i = 0; i < server->n_routes; i++) {
                free(server->routes[i]->method);
                free(server->routes[i]->path);
                free(server->routes[i]);
        }
        sd_event_source_disable_unref(server->sweep);
        sd_event_unref(server->event);
        fd_close(server->listen_fd);
        free(server->ca_path);
        free(server->certificate_path);
        free(server->key_path);
        free(server);
        return NULL;
}
