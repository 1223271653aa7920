/* SPDX-License-Identifier: GPL-3.0-or-later */

/* VXLAN between hosts, all of whose entries are written here.
 *
 * A network's overlay is a port of its bridge. The bridge knows a remote instance's MAC on that
 * port, the port knows the host that the MAC is at, and the bridge answers the guests' ARP for it
 * from its neighbour entry (neigh_suppress): so nothing ever has to be flooded.
 *
 * The fabric's overlay is routed: netlink-hosts.c. */

#include "netd/netlink-internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/vxlan.h>
#include <netlink/route/neighbour.h>

#include "netd/elements.h"
#include "netd/sysctl.h"

#define FABRIC_VNI      1
#define ENCAPSULATION   50 /* bytes of IPv4, UDP, VXLAN and Ethernet around a packet */
#define ETHERNET_MTU    1500
#define PORT_ATTRIBUTES 5

typedef struct Tunnel {
        const char *name;
        uint32_t vni;
        uint16_t port;
        bool policy;
        IpAddress local;
        uint32_t mtu_bytes;
        int master;         /* 0: none */
        const uint8_t *mac; /* NULL: the kernel's choice */
} Tunnel;

void links_overlay_name(const Network *network, char name[static IFNAMSIZ])
{
        snprintf(name, IFNAMSIZ, "tx%06x", network->vni & 0xffffffU);
}

/* ---- devices */

static bool is_same(struct rtnl_link *link, const Tunnel *tunnel)
{
        struct nl_addr *local = NULL;
        uint32_t port = 0, vni = 0;
        bool same;

        if (!rtnl_link_is_vxlan(link) || rtnl_link_vxlan_get_local(link, &local) < 0)
                return false;
        same = nl_addr_get_len(local) == 4 &&
               memcmp(nl_addr_get_binary_addr(local), tunnel->local.bytes, 4) == 0 &&
               rtnl_link_vxlan_get_id(link, &vni) == 0 && vni == tunnel->vni &&
               rtnl_link_vxlan_get_port(link, &port) == 0 && port == tunnel->port;
        nl_addr_put(local);
        return same;
}

static int describe(struct rtnl_link *link, const Tunnel *tunnel)
{
        struct nl_addr *local = links_ipv4(&tunnel->local);
        int r;

        rtnl_link_set_name(link, tunnel->name);
        rtnl_link_set_mtu(link, tunnel->mtu_bytes);
        r = local ? rtnl_link_vxlan_set_local(link, local) : -NLE_NOMEM;
        nl_addr_put(local);
        if (r == 0)
                r = rtnl_link_vxlan_set_id(link, tunnel->vni);
        if (r == 0)
                r = rtnl_link_vxlan_set_port(link, tunnel->port);
        if (r == 0)
                r = rtnl_link_vxlan_set_learning(link, 0);
        if (r == 0) /* what is inside has checksums of its own; RFC 7348, section 5 */
                r = rtnl_link_vxlan_set_udp_csum(link, 0);
        if (r == 0 && tunnel->policy)
                r = rtnl_link_vxlan_set_flags(link, RTNL_LINK_VXLAN_F_GBP, 1);
        if (r == 0 && tunnel->mac)
                r = links_set_mac(link, tunnel->mac);
        return r;
}

static int add_tunnel(Links *links, const Tunnel *tunnel)
{
        struct rtnl_link *link = rtnl_link_vxlan_alloc();
        int r;

        if (!link)
                return -ENOMEM;
        r = describe(link, tunnel);
        if (r == 0)
                r = rtnl_link_add(links->socket, link, NLM_F_CREATE | NLM_F_EXCL);
        rtnl_link_put(link);
        if (r < 0)
                return links_fail(links, r, "make overlay", tunnel->name);
        sysctl_for_fabric(tunnel->name);
        return 0;
}

static int adjust_tunnel(Links *links, struct rtnl_link *link, const Tunnel *tunnel)
{
        struct rtnl_link *change;
        int r;

        if ((rtnl_link_get_flags(link) & IFF_UP) && rtnl_link_get_mtu(link) == tunnel->mtu_bytes &&
            rtnl_link_get_master(link) == tunnel->master)
                return 0;
        change = rtnl_link_alloc();
        if (!change)
                return -ENOMEM;
        rtnl_link_set_flags(change, IFF_UP);
        rtnl_link_set_mtu(change, tunnel->mtu_bytes);
        if (tunnel->master > 0)
                rtnl_link_set_master(change, tunnel->master);
        r = rtnl_link_change(links->socket, link, change, 0);
        rtnl_link_put(change);
        return r < 0 ? links_fail(links, r, "bring up", tunnel->name) : 0;
}

/* One that goes from another address or by another vni is made anew: neither can be changed. */
static int ensure_tunnel(Links *links, const Tunnel *tunnel)
{
        struct rtnl_link *link = NULL;
        int r;

        r = links_find(links, tunnel->name, &link);
        if (r == 0 && link && !is_same(link, tunnel)) {
                rtnl_link_put(link);
                link = NULL;
                r = links_remove(links, tunnel->name);
        }
        if (r == 0 && !link) {
                r = add_tunnel(links, tunnel);
                if (r == 0)
                        r = links_find(links, tunnel->name, &link);
        }
        if (r < 0)
                return r;
        if (!link)
                return links_fail_errno(links, -ENODEV, "make overlay", tunnel->name);
        r = adjust_tunnel(links, link, tunnel);
        rtnl_link_put(link);
        return r;
}

/* libnl has no names for two of these. */
static int quiet_port(Links *links, const char *name)
{
        static const struct {
                int attribute;
                uint8_t value;
        } settings[PORT_ATTRIBUTES] = {
                {IFLA_BRPORT_LEARNING, 0},       {IFLA_BRPORT_UNICAST_FLOOD, 0},
                {IFLA_BRPORT_MCAST_FLOOD, 0},    {IFLA_BRPORT_BCAST_FLOOD, 0},
                {IFLA_BRPORT_NEIGH_SUPPRESS, 1},
        };
        struct ifinfomsg header = {.ifi_family = AF_BRIDGE,
                                   .ifi_index = (int) if_nametoindex(name)};
        struct nl_msg *message = nlmsg_alloc_simple(RTM_SETLINK, 0);
        struct nlattr *nest;
        int r = -NLE_NOMEM;

        if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) == 0 &&
            (nest = nla_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED))) {
                r = 0;
                for (size_t i = 0; r == 0 && i < ARRAY_SIZE(settings); i++)
                        r = nla_put_u8(message, settings[i].attribute, settings[i].value);
                nla_nest_end(message, nest);
        }
        if (r == 0) {
                r = nl_send_sync(links->socket, message); /* frees it */
                message = NULL;
        }
        nlmsg_free(message);
        return r < 0 ? links_fail(links, r, "quieten port", name) : 0;
}

int links_ensure_overlay(Links *links, const Network *network, const IpAddress *self)
{
        char name[IFNAMSIZ];
        Tunnel tunnel = {
                .name = name,
                .vni = network->vni,
                .port = LINKS_OVERLAY_PORT,
                .local = *self,
                .mtu_bytes = network->mtu_bytes,
                .master = (int) if_nametoindex(network->bridge),
        };
        int r;

        links_overlay_name(network, name);
        if (tunnel.master == 0)
                return links_fail_errno(links, -errno, "find bridge", network->bridge);
        r = ensure_tunnel(links, &tunnel);
        return r < 0 ? r : quiet_port(links, name);
}

/* ---- instances on other hosts */

/* Of the bridge it says which port has the MAC, of the overlay which host has it. */
int links_change_fdb(Links *links, const uint8_t mac[static 6], int index, const IpAddress *host,
                     bool master, bool add)
{
        struct rtnl_neigh *fdb = rtnl_neigh_alloc();
        struct nl_addr *to = host ? links_ipv4(host) : NULL,
                       *lladdr = nl_addr_build(AF_LLC, mac, 6);
        int r = -NLE_NOMEM;

        if (fdb && lladdr && (to || !host)) {
                if (to)
                        rtnl_neigh_set_dst(fdb,
                                           to); /* before the family: libnl wants them the same */
                rtnl_neigh_set_family(fdb, AF_BRIDGE);
                rtnl_neigh_set_ifindex(fdb, index);
                rtnl_neigh_set_flags(fdb, NTF_SELF | (master ? NTF_MASTER : 0));
                rtnl_neigh_set_state(fdb, NUD_NOARP | NUD_REACHABLE);
                rtnl_neigh_set_lladdr(fdb, lladdr);
                r = add ? rtnl_neigh_add(links->socket, fdb, NLM_F_CREATE | NLM_F_REPLACE)
                        : rtnl_neigh_delete(links->socket, fdb, 0);
        }
        nl_addr_put(to);
        nl_addr_put(lladdr);
        rtnl_neigh_put(fdb);
        return r;
}

int links_know_remote(Links *links, const Remote *remote, const Network *network,
                      const IpAddress *host)
{
        char name[IFNAMSIZ];
        int port, bridge = (int) if_nametoindex(network->bridge), r;

        links_overlay_name(network, name);
        port = (int) if_nametoindex(name);
        if (port == 0 || bridge == 0)
                return links_fail_errno(links, -ENODEV, "find overlay", name);
        r = links_change_fdb(links, remote->mac, port, host, true, true);
        if (r == 0)
                r = links_know_address(links, &remote->address, bridge, remote->mac);
        return r < 0 ? links_fail(links, r, "tell the overlay of", remote->object.key) : 0;
}

void links_forget_remote(Links *links, const Remote *remote, const Network *network)
{
        char name[IFNAMSIZ];
        int port;

        links_overlay_name(network, name);
        port = (int) if_nametoindex(name);
        if (port > 0)
                links_change_fdb(links, remote->mac, port, NULL, true, false);
        links_forget_guest(links, &remote->address, network->bridge);
}

/* ---- between hosts */

static uint32_t mtu_over(Links *links, const char *uplink)
{
        struct rtnl_link *link = NULL;
        uint32_t mtu = ETHERNET_MTU;

        if (uplink[0] && links_find(links, uplink, &link) == 0 && link) {
                mtu = rtnl_link_get_mtu(link);
                rtnl_link_put(link);
        }
        return MAX(mtu, 576U + ENCAPSULATION) - ENCAPSULATION;
}

int links_ensure_fabric(Links *links, const IpAddress *self, const char *uplink)
{
        uint8_t mac[6];
        const Tunnel tunnel = {
                .name = FABRIC_LINK,
                .vni = FABRIC_VNI,
                .port = LINKS_FABRIC_PORT,
                .policy = true,
                .local = *self,
                .mtu_bytes = mtu_over(links, uplink),
                .mac = mac,
        };
        int r;

        links_host_mac(self, false, mac);
        if (uplink[0])
                sysctl_for_uplink(uplink);
        r = ensure_tunnel(links, &tunnel);
        return r < 0 ? r : links_move_local_rule(links);
}
