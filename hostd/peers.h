/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The other hosts of the cluster: serving them (HTTPS, mutual TLS, port 7400), and asking them. */

#include "hostd/identity.h"
#include "hostd/store.h"
#include "lib/io/http.h"
#include "lib/io/https-server.h"

#define PEERS_PORT       7400
#define PEERS_TIMEOUT_NS (10 * NSEC_PER_SEC)

typedef struct Peers Peers;

/**
 * peers_new() - Make the client; nobody is served yet
 * @event:     loop
 * @identity:  borrowed; its files are used for each connection
 * @store:     borrowed: who is a host of the cluster
 * @ret_peers: owned
 *
 * Return: 0; negative errno.
 */
int peers_new(sd_event *event, const Identity *identity, const Store *store, Peers **ret_peers);

/** peers_free() - Stop serving, cancel what is asked */
Peers *peers_free(Peers *peers);
DEFINE_CLEANUP(Peers *, peers_free)

/**
 * peers_serve() - Begin to serve the others
 * @peers:   peers
 * @address: to listen at; none: this host is not reachable for others, and nobody is served
 *
 * Routes are added with peers_route() after this. A peer is whoever has a certificate of the
 * cluster's CA that was not revoked, and is registered as a host.
 *
 * Return: 0; negative errno, logged.
 */
int peers_serve(Peers *peers, const IpAddress *address);

/** peers_route() - As https_server_route(); nothing happens when nobody is served */
int peers_route(Peers *peers, const HttpsRoute *route);

/** peers_reload() - The identity's files have changed */
void peers_reload(Peers *peers);

/**
 * peers_post() - Ask another host
 * @peers:       peers
 * @address:     where it is
 * @path:        `/1/register`
 * @body:        copied; NULL for a GET
 * @length:      of it
 * @done:        gets the answer, unless the request is cancelled with http_cancel()
 * @userdata:    for @done
 * @ret_request: may be NULL
 *
 * Return: 0; negative errno.
 */
int peers_post(Peers *peers, const IpAddress *address, const char *path, const void *body,
               size_t length, HttpDone done, void *userdata, HttpRequest **ret_request);

/** peers_leader_address() - Where the leader is; none when there is none or it is this host */
IpAddress peers_leader_address(const Peers *peers);

/** peers_url() - `https://192.0.2.1:7400/1/register`, owned; NULL when memory is short */
char *peers_url(const IpAddress *address, const char *path);
