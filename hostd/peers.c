/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is revoked is looked up by the fingerprint's certificate name and by the records: a host that
 * was removed has no host record any more, and so is nobody, whatever its certificate says. */

#include "hostd/peers.h"

#include <stdio.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

struct Peers {
        sd_event *event;
        const Identity *identity;
        const Store *store;
        Http *http;
        HttpsServer *server; /* NULL: nobody is served */
};

int peers_new(sd_event *event, const Identity *identity, const Store *store, Peers **ret_peers)
{
        _cleanup_(peers_freep) Peers *peers = calloc(1, sizeof(*peers));
        int r;

        if (!peers)
                return -ENOMEM;
        peers->event = sd_event_ref(event);
        peers->identity = identity;
        peers->store = store;
        r = http_new(event, &peers->http);
        if (r < 0)
                return r;
        *ret_peers = TAKE_PTR(peers);
        return 0;
}

Peers *peers_free(Peers *peers)
{
        if (!peers)
                return NULL;
        https_server_free(peers->server);
        http_free(peers->http);
        sd_event_unref(peers->event);
        free(peers);
        return NULL;
}

static bool peer_allowed(void *userdata, const char *peer, const char *sha256)
{
        const Peers *peers = userdata;

        return store_named(peers->store, RECORD_HOST, peer) != NULL;
}

int peers_serve(Peers *peers, const IpAddress *address)
{
        char message[HTTPS_MESSAGE_MAX] = "";
        HttpsServerConfig config = {
                .address = *address,
                .port = PEERS_PORT,
                .files = {peers->identity->ca_path, peers->identity->certificate_path,
                          peers->identity->key_path},
                .peer_allowed = peer_allowed,
                .userdata = peers,
        };
        int r;

        if (address->family == 0)
                return 0;
        r = https_server_new(peers->event, &config, message, &peers->server);
        if (r == HTTPS_BAD_FILES)
                r = -EBADMSG;
        if (r < 0)
                return log_error_errno(r, "cannot serve the other hosts at port %d%s%s", PEERS_PORT,
                                       message[0] ? ": " : "", message);
        return 0;
}

int peers_route(Peers *peers, const HttpsRoute *route)
{
        return peers->server ? https_server_route(peers->server, route) : 0;
}

void peers_reload(Peers *peers)
{
        char message[HTTPS_MESSAGE_MAX] = "";
        int r;

        if (!peers->server)
                return;
        r = https_server_reload(peers->server, message);
        if (r != 0)
                log_error("cannot serve the other hosts with the new certificate: %s",
                          message[0] ? message : strerror(-r));
}

char *peers_url(const IpAddress *address, const char *path)
{
        char text[IP_TEXT_MAX];
        bool six = address->family == 6;

        return str_printf("https://%s%s%s:%d%s", six ? "[" : "", ip_format(address, text),
                          six ? "]" : "", PEERS_PORT, path);
}

int peers_post(Peers *peers, const IpAddress *address, const char *path, const void *body,
               size_t length, HttpDone done, void *userdata, HttpRequest **ret_request)
{
        _cleanup_free_ char *url = peers_url(address, path);
        HttpTls tls = {
                .ca_path = peers->identity->ca_path,
                .certificate_path = peers->identity->certificate_path,
                .key_path = peers->identity->key_path,
        };

        if (!url)
                return -ENOMEM;
        return http_start(peers->http,
                          &(HttpOptions) {
                                  .url = url,
                                  .body = body,
                                  .length = length,
                                  .tls = &tls,
                                  .timeout_ns = PEERS_TIMEOUT_NS,
                                  .done = done,
                                  .userdata = userdata,
                          },
                          ret_request);
}

IpAddress peers_leader_address(const Peers *peers)
{
        const char *leader = store_leader(peers->store);
        const Record *host = leader ? store_named(peers->store, RECORD_HOST, leader) : NULL;

        if (!host || str_equal(leader, peers->identity->facts.name))
                return (IpAddress) {};
        return host->host.address;
}
