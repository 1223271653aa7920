/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Interfaces and addresses in the kernel: deployments' bridges (tb*), guests' taps (tv*), VIPs on
 * the uplink. Every ensure function looks first and changes only what differs, so that repeating it
 * costs nothing on the wire. */

#include "netd/state.h"

#define LINKS_WHY_MAX 160

typedef struct Links Links;

/* A list of names of interfaces. */
typedef struct LinkNames {
        char (*names)[IFNAMSIZ];
        size_t n_names;
} LinkNames;

/**
 * links_new() - Connect to the kernel
 * @ret_links: owned
 *
 * Return: 0; -ENOMEM; the errno of netlink.
 */
int links_new(Links **ret_links);

/** links_free() - Disconnect; the interfaces stay */
void links_free(Links *links);
DEFINE_CLEANUP(Links *, links_free)

/** links_why() - What the last failed call failed at */
const char *links_why(const Links *links);

/** links_list() - Names of all interfaces that begin with tb or tv; free() ret_names->names.
 * Return: 0; -errno */
int links_list(Links *links, LinkNames *ret_names);

/** links_ensure_bridge() - Make a network's bridge what it should be. Return: 0; -errno */
int links_ensure_bridge(Links *links, const Network *network);

/** links_ensure_tap() - Make an instance's tap, not yet in any bridge; an interface of that name
 * that exists is taken as it is. Return: 0; -errno */
int links_ensure_tap(Links *links, const Instance *instance);

/**
 * links_ensure_port() - Put a tap into its bridge, up, with the guest's MAC and address known
 * @links:    connection
 * @instance: its tap exists and the filter for it is in place
 * @network:  its bridge exists
 *
 * Nothing is learned from the guest and nothing unknown is flooded to it. Return: 0; -errno.
 */
int links_ensure_port(Links *links, const Instance *instance, const Network *network);

/** links_remove() - Delete a bridge or a tap; another kind of interface is only taken out of its
 * bridge. One that is not there is no error. Return: 0; -errno */
int links_remove(Links *links, const char *name);

/** links_forget_guest() - Drop the neighbour entry of an instance that is gone from a bridge that
 * stays */
void links_forget_guest(Links *links, const Instance *instance, const char *bridge);

/** links_uplink() - The interface of the default route; "" when there is none. Return: 0; -errno */
int links_uplink(Links *links, char ret_name[static IFNAMSIZ]);

/** links_ensure_vip() - Put a VIP on an interface as a single address. Return: 0; -errno */
int links_ensure_vip(Links *links, const char *uplink, const IpAddress *vip);

/** links_remove_vip() - Take a VIP off an interface; not there is no error. Return: 0; -errno */
int links_remove_vip(Links *links, const char *uplink, const IpAddress *vip);
