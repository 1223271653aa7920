/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the parts of the etcd client (etcd.c, etcd-watch.c, etcd-lease.c) share. */

#include "lib/io/etcd-message.h"
#include "lib/io/etcd.h"
#include "lib/io/http.h"

/* A stream that is moved to another member when its own does not do what it should. */
typedef struct EtcdMovable EtcdMovable;
struct EtcdMovable {
        size_t endpoint;
        void (*move)(EtcdMovable *movable); /* may not call its owner's handlers */
        EtcdMovable *next;
};

typedef struct EtcdHttp {
        const char *path;
        const char *body;
        const char *header;
        uint64_t timeout_ns;
        HttpData data;
        HttpDone done;
        void *userdata;
} EtcdHttp;

/** EtcdAnswer - As EtcdHandler, with the whole message */
typedef void (*EtcdAnswer)(void *userdata, const EtcdReply *reply, const EtcdMessage *message);

/** etcd_http() - POST to the present member */
int etcd_http(Etcd *etcd, const EtcdHttp *what, HttpRequest **ret_request);

/** etcd_ask() - A request by path and body (owned, consumed), tried at each member */
int etcd_ask(Etcd *etcd, const char *path, char *body, EtcdAnswer answer, void *userdata,
             EtcdRequest **ret_request);

/** etcd_post() - As etcd_ask(), with a handler that does not need the whole message */
int etcd_post(Etcd *etcd, const char *path, char *body, EtcdHandler handler, void *userdata,
              EtcdRequest **ret_request);

/** etcd_endpoint() - Number of the present member */
size_t etcd_endpoint(const Etcd *etcd);

/** etcd_endpoints() - How many members are known */
size_t etcd_endpoints(const Etcd *etcd);

/** etcd_endpoint_failed() - A member did not do what it should: requests and streams leave it */
void etcd_endpoint_failed(Etcd *etcd, size_t endpoint);

/** etcd_movable_add() - Tell of a stream */
void etcd_movable_add(Etcd *etcd, EtcdMovable *movable);

/** etcd_movable_remove() - Forget a stream */
void etcd_movable_remove(Etcd *etcd, EtcdMovable *movable);
