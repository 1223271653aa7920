/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A small blocking client of the Redis serialisation protocol, version 2: enough for the guestbook.
 * Source: Valkey documentation, "RESP protocol" */

#include <stddef.h>
#include <stdint.h>

#define RESP_TEXT_MAX  (64 * 1024) /* of one string in a reply */
#define RESP_ITEMS_MAX 4096        /* of one array in a reply */
#define RESP_DEPTH_MAX 8

typedef enum RespKind { RESP_NIL, RESP_STRING, RESP_ERROR, RESP_INTEGER, RESP_ARRAY } RespKind;

typedef struct RespReply {
        RespKind kind;
        int64_t integer;
        char *text; /* RESP_STRING, RESP_ERROR: with a NUL behind it */
        struct RespReply *items;
        size_t n_items;
} RespReply;

/* A connection that is made when it is needed and made again after it broke. */
typedef struct Resp {
        char address[64]; /* HOST:PORT, numeric or a name */
        int fd;           /* -1: not connected */
        char buffer[16 * 1024];
        size_t start, end;
} Resp;

/** resp_init() - Name a server as HOST:PORT; -EINVAL when it is not of that form */
int resp_init(Resp *resp, const char *address);

/** resp_close() - Drop the connection; the next call makes a new one */
void resp_close(Resp *resp);

/**
 * resp_call() - Send a command, wait for its reply
 * @resp:      connection
 * @timeout_s: how long to wait, on top of what the command itself blocks
 * @ret_reply: owned: free it with resp_reply_free()
 * @args:      words of the command, NULL at the end
 *
 * A command may have been carried out when this fails: repeat only what may be repeated.
 *
 * Return: 0, also when the server answers with an error (RESP_ERROR); negative errno, and then the
 * connection is closed.
 */
int resp_call(Resp *resp, unsigned timeout_s, RespReply *ret_reply, const char *const *args);

/** resp_reply_free() - Free what a reply holds */
void resp_reply_free(RespReply *reply);

/** resp_pair() - The value behind @name in a flat array of names and values; NULL if it is not
 * there */
const char *resp_pair(const RespReply *reply, const char *name);
