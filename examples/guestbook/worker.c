/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The guestbook's worker role: takes entries off the queue, works on them, stores the result.
 *
 * The queue is a stream with a consumer group. An entry that was given to a worker stays pending
 * until the worker acknowledges it in the same transaction that stores the result; what a dead
 * worker left pending is claimed by another after CLAIM_IDLE_MS. A result is stored under the
 * entry's own id, so that working on an entry twice leaves one result. So whichever instance dies,
 * whenever, no entry is lost and none is doubled.
 *
 * Environment: INSTANCE, VALKEY (HOST:PORT), WORK_MS (how long the work on one entry takes, default
 * 50). */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "examples/guestbook/resp.h"

#define QUEUE         "guestbook:queue"
#define GROUP         "workers"
#define BLOCK_MS      "2000"
#define CLAIM_IDLE_MS "5000"
#define REPLY_S       5
#define RETRY_S       1

static const char *instance;
static unsigned work_ms = 50;

/* One command; a server error is logged and becomes -EREMOTEIO. */
static int call(Resp *resp, RespReply *reply, const char *const *args)
{
        int r = resp_call(resp, REPLY_S, reply, args);

        if (r < 0) {
                fprintf(stderr, "%s on %s: %s\n", args[0], resp->address, strerror(-r));
                return r;
        }
        if (reply->kind == RESP_ERROR && strncmp(reply->text, "BUSYGROUP", 9) != 0) {
                fprintf(stderr, "%s: %s\n", args[0], reply->text);
                resp_reply_free(reply);
                return -EREMOTEIO;
        }
        return 0;
}

static int command(Resp *resp, const char *const *args)
{
        RespReply reply;
        int r = call(resp, &reply, args);

        if (r >= 0)
                resp_reply_free(&reply);
        return r;
}

/* The work: count words and let the message speak louder. Stands for whatever takes time. */
static unsigned work(const char *message, char *loud, size_t size)
{
        struct timespec pause = {.tv_sec = work_ms / 1000,
                                 .tv_nsec = (long) (work_ms % 1000) * 1000000L};
        unsigned words = 0;
        bool inside = false;
        size_t i = 0;

        for (; message[i] && i + 1 < size; i++) {
                bool blank = strchr(" \t\r\n", message[i]) != NULL;

                words += !blank && !inside;
                inside = !blank;
                loud[i] = message[i] >= 'a' && message[i] <= 'z' ? (char) (message[i] - 32)
                                                                 : message[i];
        }
        loud[i] = '\0';
        nanosleep(&pause, NULL);
        return words;
}

static int store(Resp *resp, const char *stream_id, const RespReply *fields)
{
        const char *id = resp_pair(fields, "id"), *at = resp_pair(fields, "at");
        const char *name = resp_pair(fields, "name"), *message = resp_pair(fields, "message");
        const char *by = resp_pair(fields, "by");
        char key[128], words[16], loud[4096];
        int r = 0;

        if (id && at && name && message && by) {
                snprintf(key, sizeof(key), "guestbook:entry:%s", id);
                snprintf(words, sizeof(words), "%u", work(message, loud, sizeof(loud)));
                r = command(resp, (const char *[]) {"MULTI", NULL});
                if (r >= 0)
                        r = command(resp,
                                    (const char *[]) {"HSET", key, "name", name, "message", message,
                                                      "loud", loud, "words", words, "at", at,
                                                      "taken_by", by, "worked_by", instance, NULL});
                if (r >= 0)
                        r = command(resp,
                                    (const char *[]) {"ZADD", "guestbook:done", at, id, NULL});
        } else {
                fprintf(stderr, "entry %s is not one of ours, dropped\n", stream_id);
                r = command(resp, (const char *[]) {"MULTI", NULL});
        }
        if (r >= 0)
                r = command(resp, (const char *[]) {"XACK", QUEUE, GROUP, stream_id, NULL});
        if (r >= 0)
                r = command(resp, (const char *[]) {"XDEL", QUEUE, stream_id, NULL});
        if (r >= 0)
                r = command(resp, (const char *[]) {"EXEC", NULL});
        /* a transaction half sent must not wait on this connection */
        if (r < 0)
                resp_close(resp);
        return r;
}

/* @entries: [[id, [name, value, ...]], ...] */
static int work_on(Resp *resp, const RespReply *entries)
{
        for (size_t i = 0; entries->kind == RESP_ARRAY && i < entries->n_items; i++) {
                const RespReply *entry = &entries->items[i];
                int r;

                if (entry->kind != RESP_ARRAY || entry->n_items != 2 ||
                    entry->items[0].kind != RESP_STRING)
                        continue;
                r = store(resp, entry->items[0].text, &entry->items[1]);
                if (r < 0)
                        return r;
                printf("worked on %s\n", entry->items[0].text);
        }
        return 0;
}

static int claim(Resp *resp)
{
        RespReply reply;
        int r = call(resp, &reply,
                     (const char *[]) {"XAUTOCLAIM", QUEUE, GROUP, instance, CLAIM_IDLE_MS, "0-0",
                                       "COUNT", "10", NULL});

        if (r < 0)
                return r;
        if (reply.kind == RESP_ARRAY && reply.n_items >= 2)
                r = work_on(resp, &reply.items[1]);
        resp_reply_free(&reply);
        return r;
}

static int take(Resp *resp)
{
        RespReply reply;
        int r = call(resp, &reply,
                     (const char *[]) {"XREADGROUP", "GROUP", GROUP, instance, "COUNT", "1",
                                       "BLOCK", BLOCK_MS, "STREAMS", QUEUE, ">", NULL});

        if (r < 0)
                return r;
        if (reply.kind == RESP_ARRAY && reply.n_items == 1 && reply.items[0].kind == RESP_ARRAY &&
            reply.items[0].n_items == 2)
                r = work_on(resp, &reply.items[0].items[1]);
        resp_reply_free(&reply);
        return r;
}

int main(void)
{
        const char *pace = getenv("WORK_MS");
        Resp resp;

        setvbuf(stdout, NULL, _IOLBF, 0);
        instance = getenv("INSTANCE");
        if (pace)
                work_ms = (unsigned) strtoul(pace, NULL, 10);
        if (!instance || resp_init(&resp, getenv("VALKEY")) < 0) {
                fprintf(stderr, "guestbook-worker: INSTANCE and VALKEY=HOST:PORT must be set\n");
                return 2;
        }
        for (;;) {
                int r = 0;

                /* the group must be there again if the store has lost it */
                if (resp.fd < 0)
                        r = command(&resp, (const char *[]) {"XGROUP", "CREATE", QUEUE, GROUP, "0",
                                                             "MKSTREAM", NULL});
                if (r >= 0)
                        r = claim(&resp);
                if (r >= 0)
                        r = take(&resp);
                if (r < 0) {
                        resp_close(&resp);
                        sleep(RETRY_S);
                }
        }
}
