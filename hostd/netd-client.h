/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* netd over the bus. One declared state is the wanted one; it is brought to netd by one call at a
 * time: by Replace when it is not known what netd has (it or the bus was restarted, an Update was
 * refused), else by one Update that has everything that changed. A state that is declared while a
 * call is under way goes with the next call. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "hostd/net-plan.h"

#define NETD_RETRY_NS   NSEC_PER_SEC
#define NETD_TIMEOUT_NS (10 * NSEC_PER_SEC)

typedef struct NetdClient NetdClient;

typedef struct NetdSink {
        void *userdata;
        /* netd_client_carried_out() or _problem() says something new */
        void (*changed)(void *userdata);
        /* a backend entered or left rotation */
        void (*rotation)(void *userdata, const char *endpoint, const char *instance,
                         bool in_rotation);
        /* the answer to netd_client_ask_connections() */
        void (*connections)(void *userdata, const char *instance, uint32_t count);
} NetdSink;

/**
 * netd_client_new() - Make the client; nothing is sent before it has a bus and a state
 *
 * Return: 0; a negative errno.
 */
int netd_client_new(sd_event *event, const NetdSink *sink, NetdClient **ret_client);

/**
 * netd_client_free() - Free it; netd goes on with what it has
 *
 * Return: NULL.
 */
NetdClient *netd_client_free(NetdClient *client);
DEFINE_CLEANUP(NetdClient *, netd_client_free)

/**
 * netd_client_set_bus() - Tell over which connection netd is reached
 * @client: client
 * @bus:    referenced; NULL when it is lost
 *
 * Return: 0; a negative errno of sd-bus.
 */
int netd_client_set_bus(NetdClient *client, sd_bus *bus);

/**
 * netd_client_declare() - The network is to be so
 * @client: client
 * @plan:   taken over
 *
 * Return: the number of this declaration, growing.
 */
uint64_t netd_client_declare(NetdClient *client, NetPlan *plan);

/** netd_client_carried_out() - The number of the last declaration that netd has carried out; 0 for
 * none */
uint64_t netd_client_carried_out(const NetdClient *client);

/** netd_client_problem() - Why the last call failed, for people; NULL when it did not */
const char *netd_client_problem(const NetdClient *client);

/** netd_client_ask_connections() - Ask how many connections an instance has; the sink is told, or
 * nothing is */
void netd_client_ask_connections(NetdClient *client, const char *instance);

/** netd_client_cut() - Have the connections ended that an instance still has: their clients meet a
 * reset instead of a silence. What netd says to it is logged; an instance that netd does not know
 * has none */
void netd_client_cut(NetdClient *client, const char *instance);
