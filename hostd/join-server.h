/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Letting hosts in: `POST /1/join` is answered with a certificate for a token that is good.
 *
 *   {"id":…,"secret":…,"host":…,"address":…,"fault_domain":…,"request":PEM}
 *   200 {"ca":PEM,"certificate":PEM,"revoked":PEM,"members":[URL...]}
 *   403 the token is not good: always the same answer
 *   409 the token is good, but this host cannot join: the answer says why
 *   503 not now: the cluster's state cannot be written, or this host is not ready for another one
 *
 * Besides, `POST /1/renew` with a PEM request gives a host of the cluster its next certificate. */

#include "hostd/config.h"
#include "hostd/peers.h"
#include "lib/io/etcd.h"

#define JOIN_PATH     "/1/join"
#define JOIN_BODY_MAX (16 * KIB)
#define RENEW_PATH    "/1/renew"

typedef struct JoinServer JoinServer;

/**
 * join_server_new() - Let others in
 * @peers:      borrowed: where the routes are added
 * @etcd:       borrowed
 * @store:      borrowed: CA, members, hosts
 * @config:     borrowed: how long certificates are good
 * @ret_server: owned; freed after @peers
 *
 * Return: 0; negative errno.
 */
int join_server_new(Peers *peers, Etcd *etcd, const Store *store, const Config *config,
                    JoinServer **ret_server);

/**
 * join_server_set_gate() - What must hold before another host is given a certificate
 * @server:   server
 * @open:     asked for each good token; while it says false the joiner is told to ask again
 * @userdata: for @open
 */
void join_server_set_gate(JoinServer *server, bool (*open)(void *userdata), void *userdata);

/** join_server_free() - Free it */
JoinServer *join_server_free(JoinServer *server);
DEFINE_CLEANUP(JoinServer *, join_server_free)
