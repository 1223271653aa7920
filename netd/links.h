/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Interfaces and addresses in the kernel: deployments' bridges (tb*), guests' taps (tv*), overlays
 * to other hosts (tx*), VIPs on the uplink, and the routes by which packets are handed to hosts.
 * Every ensure function looks first and changes only what differs, so that repeating it costs
 * nothing on the wire. */

#include "netd/state.h"

#define LINKS_WHY_MAX 160

/* UDP ports of the overlays: deployments' (the registered one), and that between hosts, which has
 * group policy and so needs a port of its own. */
#define LINKS_OVERLAY_PORT 4789
#define LINKS_FABRIC_PORT  8472

/* A host's number, as the routes tell it. */
typedef struct LinkPeer {
        uint16_t number;
        IpAddress address;
} LinkPeer;

typedef struct LinkPeers {
        LinkPeer *peers;
        size_t n_peers;
} LinkPeers;

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

/** links_list() - Names of all interfaces that begin with tb, tv or tx; free() ret_names->names.
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
void links_forget_guest(Links *links, const IpAddress *guest, const char *bridge);

/** links_uplink() - The interface of the default route; "" when there is none. Return: 0; -errno */
int links_uplink(Links *links, char ret_name[static IFNAMSIZ]);

/** links_device_of() - The interface that has an address; "" when none has, or the loopback.
 * Return: 0; -errno */
int links_device_of(Links *links, const IpAddress *address, char ret_name[static IFNAMSIZ]);

/** links_ensure_vip() - Put a VIP on an interface as a single address. Return: 0; -errno */
int links_ensure_vip(Links *links, const char *uplink, const IpAddress *vip);

/** links_remove_vip() - Take a VIP off an interface; not there is no error. Return: 0; -errno */
int links_remove_vip(Links *links, const char *uplink, const IpAddress *vip);

/* ---- netlink-overlay.c */

/** links_overlay_name() - The name of a network's overlay: tx and its vni */
void links_overlay_name(const Network *network, char name[static IFNAMSIZ]);

/**
 * links_ensure_overlay() - Join a network's bridge to those of other hosts
 * @links:   connection
 * @network: its bridge exists
 * @self:    this host's address, IPv4
 *
 * Nothing is learned and nothing flooded: it leads to the remotes that links_know_remote() was told
 * of, for whom the bridge answers ARP. Return: 0; -errno.
 */
int links_ensure_overlay(Links *links, const Network *network, const IpAddress *self);

/** links_know_remote() - Lead to an instance on another host. @host: its IPv4 address. Return: 0;
 * -errno */
int links_know_remote(Links *links, const Remote *remote, const Network *network,
                      const IpAddress *host);

/** links_forget_remote() - Lead there no more; nothing that is gone already is an error */
void links_forget_remote(Links *links, const Remote *remote, const Network *network);

/**
 * links_ensure_fabric() - Make the overlay between hosts, and have routing by mark come first
 * @links:  connection
 * @self:   this host's address, IPv4
 * @uplink: what it goes over, for its MTU; "" for that of an Ethernet
 *
 * The rule for local addresses moves behind the marks': a VIP is a local address of its owner, and
 * packets for it are handed over all the same. Return: 0; -errno.
 */
int links_ensure_fabric(Links *links, const IpAddress *self, const char *uplink);

/* ---- netlink-hosts.c */

/** links_ensure_peer() - Have the mark of a host's number lead to it. Return: 0; -errno */
int links_ensure_peer(Links *links, const LinkPeer *peer);

/** links_remove_peer() - Take that back, and links_lead_directly(); nothing that is gone already is
 * an error */
void links_remove_peer(Links *links, const LinkPeer *peer);

/**
 * links_ensure_direct() - Make the device that leads to hosts on the uplink's segment
 * @links:  connection
 * @self:   this host's address, IPv4, which its MAC is made of
 * @uplink: Ethernet
 *
 * Nothing leads over it but what links_lead_directly() says, and it answers no ARP. Return: 0;
 * -errno: this network or kernel has no such thing, and all goes by the overlay.
 */
int links_ensure_direct(Links *links, const IpAddress *self, const char *uplink);

/**
 * links_lead_directly() - Have what nobody was asked about yet go to a host over its segment
 * @links:    connection
 * @peer:     links_ensure_peer() was told of it, and it was seen to get frames
 * @directly: false: over the overlay, as all the rest
 *
 * Return: 0; -errno.
 */
int links_lead_directly(Links *links, const LinkPeer *peer, bool directly);

/** links_host_mac() - A host's MAC on the overlay between hosts, or on what leads to it directly */
void links_host_mac(const IpAddress *host, bool direct, uint8_t mac[static 6]);

/** links_peers() - Which numbers lead where; free() ret_peers->peers. Return: 0; -errno */
int links_peers(Links *links, LinkPeers *ret_peers);

/**
 * links_ensure_carried() - Say that this host carries a VIP, whoever owns it
 *
 * Written as a blackhole route in a table of its own, which no rule leads to: for a routing daemon
 * to read. Return: 0; -errno.
 */
int links_ensure_carried(Links *links, const IpAddress *vip);

/** links_remove_carried() - Take that back; nothing that is gone already is an error */
void links_remove_carried(Links *links, const IpAddress *vip);

/** links_carried() - Which VIPs are carried; free() ret_vips->peers, whose numbers are 0. Return:
 * 0; -errno */
int links_carried(Links *links, LinkPeers *ret_vips);
