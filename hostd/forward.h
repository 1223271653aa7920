/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What only the leader can do may be asked of any host: the call is carried to the leader, made
 * there on its own bus by its own hostd, and the answer carried back (forward-server.h has the
 * way). Files that a call hands over go first (file-receiver.h).
 *
 * polkit has been asked on the host where the call came in; hosts of a cluster trust each other. */

#include <systemd/sd-bus.h>

#include "hostd/forward-server.h"
#include "hostd/worker.h"

#define FORWARD_FILE_CALLS_MAX 4 /* calls with files under way at once */

typedef struct Forward Forward;

typedef struct ForwardConfig {
        sd_event *event;
        Peers *peers; /* borrowed, like the store */
        const Store *store;
        const char *dir; /* for large files on their way */
} ForwardConfig;

/**
 * forward_new() - Carry calls, and take them from others
 * @config:      copied
 * @ret_forward: owned; freed after the peers
 *
 * Return: 0; negative errno.
 */
int forward_new(const ForwardConfig *config, Forward **ret_forward);

/** forward_free() - Calls that wait stay unanswered */
Forward *forward_free(Forward *forward);
DEFINE_CLEANUP(Forward *, forward_free)

/** forward_set_bus() - The bus that calls of others are made on, or NULL */
void forward_set_bus(Forward *forward, sd_bus *bus);

/** forward_synced() - The store has come further: answers that waited for that are given */
void forward_synced(Forward *forward);

/**
 * forward_finish() - Wait until no call of this host is under way to the leader
 * @forward:  forward
 * @finished: called once there is none, at once if so; each takes PEERS_TIMEOUT_NS at most, or as
 *            long as the leader needs for its files. It may not free the forward
 * @userdata: passed to it
 */
void forward_finish(Forward *forward, void (*finished)(void *userdata), void *userdata);

/** forward_wanted() - Whether another host leads that can be asked */
bool forward_wanted(const Forward *forward);

/**
 * forward_call() - Carry a call to the leader and answer it with what the leader says
 * @forward: forward
 * @message: method call, authorised; it may have been read already
 * @error:   set on failure
 *
 * It is answered when this host's copy of the state is as new as what the leader answered from, so
 * that objects in the answer can be looked at here.
 *
 * Return: 1, for a method's handler to return; negative errno.
 */
int forward_call(Forward *forward, sd_bus_message *message, sd_bus_error *error);

/**
 * forward_call_with_files() - As forward_call(), for a call that hands over files
 * @forward: forward
 * @message: as there
 * @worker:  reads the files; ends before the forward does
 * @limits:  of each descriptor of the call, in order, how many bytes the leader takes of it. One
 *           more is sent, so that the leader refuses a longer one by its own words
 * @error:   set on failure
 *
 * If the leader is lost in the middle the call fails with Unavailable.
 *
 * Return: 1; negative errno.
 */
int forward_call_with_files(Forward *forward, sd_bus_message *message, Worker *worker,
                            const uint64_t limits[FORWARD_FILES_MAX], sd_bus_error *error);
