/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A host that has a token asks to be let into a cluster (join-server.h), until it is told yes or
 * no.
 */

#include "hostd/config.h"
#include "hostd/identity.h"
#include "hostd/token.h"
#include "lib/io/etcd.h"

/* How an attempt to join has ended. */
typedef enum JoinOutcome {
        JOIN_DONE,    /* there is a certificate, to be taken with identity_accept() */
        JOIN_REFUSED, /* the cluster does not take this host, or not with this token */
        JOIN_BUSY,    /* the cluster says that it cannot now: it is asked again by itself */
        JOIN_LATER,   /* nobody of the cluster could be asked: it is tried again by itself */
} JoinOutcome;

typedef struct JoinResult {
        JoinOutcome outcome;
        const char *message;                     /* for people; "" when it is done */
        const char *ca, *certificate, *revoked;  /* PEM texts of JOIN_DONE: the CA is the token's */
        const char *members[ETCD_ENDPOINTS_MAX]; /* client URLs of etcd's members; of JOIN_DONE */
        size_t n_members;
} JoinResult;

typedef struct JoinClient JoinClient;

/**
 * join_client_new() - Begin to join
 * @event:      loop
 * @identity:   borrowed; its key is what it asks for a certificate for
 * @config:     borrowed: what this host is called and where it is
 * @token:      copied
 * @handler:    called with each result; after JOIN_DONE and JOIN_REFUSED nothing more happens. Must
 *              not free the client
 * @userdata:   for @handler
 * @ret_client: owned
 *
 * Return: 0; negative errno.
 */
int join_client_new(sd_event *event, Identity *identity, const Config *config, const Token *token,
                    void (*handler)(void *userdata, const JoinResult *result), void *userdata,
                    JoinClient **ret_client);

/** join_client_free() - Give up joining */
JoinClient *join_client_free(JoinClient *client);
DEFINE_CLEANUP(JoinClient *, join_client_free)
