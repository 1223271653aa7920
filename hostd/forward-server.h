/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Calls of other hosts, made here on this host's own bus by its own hostd (forward.h).
 *
 *   POST /1/call     {"path":…,"interface":…,"member":…,"signature":…,"arguments":[…]}
 *   200              {"signature":…,"values":[…],"revision":N} or {"error":NAME,"message":…}
 *
 * A call with files names them, "files":[{"id":…,"size":"N","sha256":…}], when file-receiver.h has
 * them. It takes longer than a request may, so it is told later:
 *
 *   202              {"call":ID}
 *   GET /1/call/ID   202 not yet; 200 as above, and then it is forgotten; 404 no such call
 *
 * It is forgotten as well when nobody asks for FORWARD_IDLE_NS. */

#include "hostd/file-receiver.h"
#include "hostd/forward-values.h"
#include "hostd/store.h"

#define FORWARD_PATH      "/1/call"
#define FORWARD_BODY_MAX  (64 * KIB)
#define FORWARD_CALLS_MAX 64 /* under way at once, on either side */
#define FORWARD_IDLE_NS   (30 * NSEC_PER_SEC)

typedef struct ForwardServer ForwardServer;

typedef struct ForwardServerConfig {
        sd_event *event;
        Peers *peers; /* borrowed, like the store; freed before the server */
        const Store *store;
        const char *dir; /* for large files on their way */
} ForwardServerConfig;

/**
 * forward_server_new() - Take calls from others
 * @config:     copied
 * @ret_server: owned
 *
 * Return: 0; a negative errno.
 */
int forward_server_new(const ForwardServerConfig *config, ForwardServer **ret_server);

/** forward_server_free() - Forget all calls; what they have begun goes on */
ForwardServer *forward_server_free(ForwardServer *server);
DEFINE_CLEANUP(ForwardServer *, forward_server_free)

/** forward_server_set_bus() - The bus that calls are made on, or NULL; those under way are refused
 */
void forward_server_set_bus(ForwardServer *server, sd_bus *bus);
