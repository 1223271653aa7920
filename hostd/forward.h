/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What only the leader can do may be asked of any host: the call is carried to the leader, made
 * there on its own bus by its own hostd, and the answer carried back.
 *
 *   POST /1/call  {"path":…,"interface":…,"member":…,"signature":…,"arguments":[…]}
 *   200           {"signature":…,"values":[…],"revision":N} or {"error":NAME,"message":…}
 *
 * polkit has been asked on the host where the call came in; hosts of a cluster trust each other.
 * Calls that hand over files are not carried: for them the leader is named. */

#include <systemd/sd-bus.h>
#include <systemd/sd-json.h>

#include "hostd/peers.h"

#define FORWARD_PATH      "/1/call"
#define FORWARD_BODY_MAX  (64 * KIB)
#define FORWARD_CALLS_MAX 64 /* under way at once, on either side */

typedef struct Forward Forward;

typedef struct ForwardConfig {
        sd_event *event;
        Peers *peers; /* borrowed, like the store */
        const Store *store;
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

/** forward_encode() - A message's arguments, from where it stands, as JSON. 0; negative errno */
int forward_encode(sd_bus_message *message, sd_json_variant **ret_values);

/** forward_decode() - Append JSON values of a signature to a message. 0; negative errno */
int forward_decode(sd_bus_message *message, const char *signature, sd_json_variant *values);
