/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The bytes of packages and guest operating systems that this host has, and those it is to have:
 * fetched from the hosts that hold them, for its own instances and so that there are copies enough
 * (fabric/holders.h), and said to the leader.
 *
 * Packages are blobs of the blob store. A guest OS is a directory FAMILY/VERSION: one that came
 * with the host image, or one below STATE/os that was imported here or fetched. Its files travel as
 * blobs and are put together when all of them are there. */

#include <stdbool.h>

#include "hostd/blob.h"
#include "hostd/store.h"
#include "lib/io/http.h"

#define CONTENT_DETAIL_MAX 256U
/* A guest OS below the state directory is kept for so long without a record of it. */
#define CONTENT_STALE_NS (60 * NSEC_PER_SEC)

typedef struct Content Content;

typedef struct ContentConfig {
        sd_event *event;
        const char *host;      /* this one's name; copied, as the next two */
        const char *os_dir;    /* guest images that came with the host image; read only */
        const char *state_dir; /* has os/ in it */
        Store *store;          /* borrowed */
        BlobStore *blobs;      /* borrowed */
        uint16_t port;         /* of other hosts' servers */
        void *userdata;
        /* How to speak to them; borrowed until the loop goes on. false: not yet */
        bool (*tls)(void *userdata, HttpTls *ret_tls);
        /* The leader is to know that this host has (or has not) the bytes of a record. May be asked
         * again and again until the record says so */
        void (*tell)(void *userdata, const Record *record, bool holds);
        /* Something is here that was not: what waited for it may go on */
        void (*arrived)(void *userdata);
        /* A guest OS is here that was not: it is to be registered */
        void (*os_arrived)(void *userdata);
} ContentConfig;

/**
 * content_new() - Make it; nothing is done before content_look()
 * @config:      copied
 * @ret_content: owned
 *
 * Return: 0; a negative errno.
 */
int content_new(const ContentConfig *config, Content **ret_content);

/** content_free() - Give up what is being fetched; the next hostd goes on with it */
Content *content_free(Content *content);
DEFINE_CLEANUP(Content *, content_free)

/** content_look() - Records have changed: look, soon, what is to be fetched, told and thrown out.
 * The store has to be complete */
void content_look(Content *content);

/** content_rescan() - A guest OS was put below the state directory: look at once; NULL is fine */
void content_rescan(Content *content);

/**
 * content_ready() - Whether what an instance is made of is here
 * @content:    content
 * @instance:   placed on this host
 * @ret_detail: when it is not: what is being waited for, for people
 */
bool content_ready(const Content *content, const InstanceRecord *instance,
                   char ret_detail[static CONTENT_DETAIL_MAX]);

/**
 * content_open() - Open a blob that this host has, to send it to another one
 * @content:  content
 * @digest:   from outside
 * @ret_fd:   owned
 * @ret_size: bytes
 *
 * Return: 0; -ENOENT; another negative errno.
 */
int content_open(const Content *content, const char *digest, int *ret_fd, uint64_t *ret_size);
