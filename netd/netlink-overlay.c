/* SPDX-License-Identifier: GPL-3.0-or-later */

/* VXLAN between hosts, all of whose entries are written here.
 *
 * A network's overlay is a port of its bridge. The bridge knows a remote instance's MAC on that
 * port, the port knows the host that the MAC is at, and the bridge answers the guests' ARP for it
 * from its neighbour entry (neigh_suppress): so nothing ever has to be flooded.
 *
 * The fabric's overlay is routed. A host has a MAC there that is made of its address; number N
 * leads to it through a rule for N's mark and a table with one route, whose gateway is the host's
 * address:
 *
 *   50:  from all fwmark N<<16/0xffff0000 lookup FIRST+N        FIRST+N: default via HOST dev tx0
 *   100: from all lookup local                                  HOST is at lladdr on tx0; lladdr is
 *                                                               at HOST on the uplink (fdb)
 *
 * Table FIRST itself has a blackhole route for each VIP that this host carries. Nothing is routed
 * by it: a BGP speaker reads from it what to announce (netd/bird.conf).
 *
 * Routes carry this program's protocol number, by which it finds them again. */

#include "netd/netlink-internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/vxlan.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include "lib/base/array.h"
#include "netd/elements.h"
#include "netd/sysctl.h"

#define FABRIC_VNI      1
#define ENCAPSULATION   50 /* bytes of IPv4, UDP, VXLAN and Ethernet around a packet */
#define ETHERNET_MTU    1500
#define TABLE_FIRST     0x5400
#define ROUTE_PROTOCOL  119 /* one that nobody has in iproute2's rt_protos */
#define RULE_PRIORITY   50
#define LOCAL_PRIORITY  100
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

static struct nl_addr *ipv4(const IpAddress *address)
{
        return nl_addr_build(AF_INET, address->bytes, 4);
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
        struct nl_addr *local = ipv4(&tunnel->local);
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

/* An FDB entry: of the bridge it says which port has the MAC, of the overlay which host has it. */
static int change_fdb(Links *links, const uint8_t mac[static 6], int index, const IpAddress *host,
                      bool master, bool add)
{
        struct rtnl_neigh *fdb = rtnl_neigh_alloc();
        struct nl_addr *to = host ? ipv4(host) : NULL, *lladdr = nl_addr_build(AF_LLC, mac, 6);
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

/* Who has an address is known for good: nobody is asked. */
static int know_address(Links *links, const IpAddress *address, int index,
                        const uint8_t mac[static 6])
{
        struct rtnl_neigh *neigh = rtnl_neigh_alloc();
        struct nl_addr *to = ipv4(address);
        int r = -NLE_NOMEM;

        if (neigh && to) {
                rtnl_neigh_set_family(neigh, AF_INET);
                rtnl_neigh_set_state(neigh, NUD_PERMANENT);
                rtnl_neigh_set_dst(neigh, to);
                r = links_add_neighbour(links, neigh, index, mac);
        }
        nl_addr_put(to);
        rtnl_neigh_put(neigh);
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
        r = change_fdb(links, remote->mac, port, host, true, true);
        if (r == 0)
                r = know_address(links, &remote->address, bridge, remote->mac);
        return r < 0 ? links_fail(links, r, "tell the overlay of", remote->object.key) : 0;
}

void links_forget_remote(Links *links, const Remote *remote, const Network *network)
{
        char name[IFNAMSIZ];
        int port;

        links_overlay_name(network, name);
        port = (int) if_nametoindex(name);
        if (port > 0)
                change_fdb(links, remote->mac, port, NULL, true, false);
        links_forget_guest(links, &remote->address, network->bridge);
}

/* ---- hosts */

static void host_mac(const IpAddress *host, uint8_t mac[static 6])
{
        mac[0] = 0x02;
        mac[1] = 0x54;
        memcpy(mac + 2, host->bytes, 4);
}

static struct rtnl_rule *new_rule(uint32_t priority, uint32_t table, uint8_t protocol)
{
        struct rtnl_rule *rule = rtnl_rule_alloc();

        if (!rule)
                return NULL;
        rtnl_rule_set_family(rule, AF_INET);
        rtnl_rule_set_action(rule, FR_ACT_TO_TBL);
        rtnl_rule_set_prio(rule, priority);
        rtnl_rule_set_table(rule, table);
        rtnl_rule_set_protocol(rule, protocol);
        return rule;
}

/* It keeps the kernel's protocol, for it is the kernel's rule: who tidies others' rules up leaves
 * it where it is. */
static int move_local_rule(Links *links)
{
        struct rtnl_rule *new = new_rule(LOCAL_PRIORITY, RT_TABLE_LOCAL, RTPROT_KERNEL);
        struct rtnl_rule *old = new_rule(0, RT_TABLE_LOCAL, RTPROT_KERNEL);
        int r = -NLE_NOMEM;

        if (new && old) {
                r = rtnl_rule_add(links->socket, new, NLM_F_CREATE | NLM_F_EXCL);
                r = r == -NLE_EXIST ? 0 : r;
        }
        if (r == 0) {
                r = rtnl_rule_delete(links->socket, old, 0);
                r = r == -NLE_OBJ_NOTFOUND ? 0 : r;
        }
        rtnl_rule_put(new);
        rtnl_rule_put(old);
        return r < 0 ? links_fail(links, r, "move", "the rule for local addresses") : 0;
}

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

        host_mac(self, mac);
        if (uplink[0])
                sysctl_for_uplink(uplink);
        r = ensure_tunnel(links, &tunnel);
        return r < 0 ? r : move_local_rule(links);
}

static struct rtnl_route *new_route(const LinkPeer *peer, int index)
{
        struct rtnl_route *route = rtnl_route_alloc();
        struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
        struct nl_addr *all = nl_addr_build(AF_INET, &(uint32_t) {0}, 4),
                       *via = ipv4(&peer->address);

        if (!route || !hop || !all || !via) {
                rtnl_route_put(route);
                rtnl_route_nh_free(hop);
                route = NULL;
        } else {
                nl_addr_set_prefixlen(all, 0);
                rtnl_route_set_family(route, AF_INET);
                rtnl_route_set_table(route, TABLE_FIRST + peer->number);
                rtnl_route_set_protocol(route, ROUTE_PROTOCOL);
                rtnl_route_set_dst(route, all);
                rtnl_route_nh_set_ifindex(hop, index);
                rtnl_route_nh_set_gateway(hop, via);
                rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
                rtnl_route_add_nexthop(route, hop);
        }
        nl_addr_put(all);
        nl_addr_put(via);
        return route;
}

static struct rtnl_rule *new_mark_rule(uint16_t number)
{
        struct rtnl_rule *rule = new_rule(RULE_PRIORITY, TABLE_FIRST + number, ROUTE_PROTOCOL);

        if (rule) {
                rtnl_rule_set_mark(rule, (uint32_t) number << MARK_HOST_SHIFT);
                rtnl_rule_set_mask(rule, MARK_HOST);
        }
        return rule;
}

int links_ensure_peer(Links *links, const LinkPeer *peer)
{
        int index = (int) if_nametoindex(FABRIC_LINK), r;
        struct rtnl_rule *rule = new_mark_rule(peer->number);
        struct rtnl_route *route = new_route(peer, index);
        char text[IP_TEXT_MAX];
        uint8_t mac[6];

        host_mac(&peer->address, mac);
        r = rule && route ? change_fdb(links, mac, index, &peer->address, false, true) : -NLE_NOMEM;
        if (r == 0)
                r = know_address(links, &peer->address, index, mac);
        if (r == 0)
                r = rtnl_route_add(links->socket, route, NLM_F_CREATE | NLM_F_REPLACE);
        if (r == 0) {
                r = rtnl_rule_add(links->socket, rule, NLM_F_CREATE | NLM_F_EXCL);
                r = r == -NLE_EXIST ? 0 : r;
        }
        rtnl_rule_put(rule);
        rtnl_route_put(route);
        return r < 0 ? links_fail(links, r, "lead to host", ip_format(&peer->address, text)) : 0;
}

void links_remove_peer(Links *links, const LinkPeer *peer)
{
        int index = (int) if_nametoindex(FABRIC_LINK);
        struct rtnl_rule *rule = new_mark_rule(peer->number);
        struct rtnl_route *route = new_route(peer, index);
        uint8_t mac[6];

        host_mac(&peer->address, mac);
        if (rule)
                rtnl_rule_delete(links->socket, rule, 0);
        if (route && index > 0)
                rtnl_route_delete(links->socket, route, 0);
        if (index > 0) {
                links_forget_guest(links, &peer->address, FABRIC_LINK);
                change_fdb(links, mac, index, NULL, false, false);
        }
        rtnl_rule_put(rule);
        rtnl_route_put(route);
}

/* ---- routes that are read back */

static int list_routes(Links *links, void (*each)(struct nl_object *object, void *userdata),
                       LinkPeers *ret_peers)
{
        LinkPeers peers = {};
        struct nl_cache *cache;
        int r;

        r = rtnl_route_alloc_cache(links->socket, AF_INET, 0, &cache);
        if (r < 0)
                return links_fail(links, r, "list", "routes");
        nl_cache_foreach(cache, each, &peers);
        nl_cache_free(cache);
        *ret_peers = peers;
        return 0;
}

/* What there is no memory to list is as if it were not there: it gets another number, or stays. */
static void note(LinkPeers *peers, uint16_t number, struct nl_addr *address)
{
        LinkPeer peer = {.number = number, .address.family = 4};

        if (!address || nl_addr_get_len(address) != 4)
                return;
        memcpy(peer.address.bytes, nl_addr_get_binary_addr(address), 4);
        ARRAY_APPEND(peers->peers, peers->n_peers, peer);
}

static void on_route(struct nl_object *object, void *userdata)
{
        struct rtnl_route *route = (struct rtnl_route *) object;
        uint32_t table = rtnl_route_get_table(route);
        struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);

        if (rtnl_route_get_protocol(route) == ROUTE_PROTOCOL && table > TABLE_FIRST &&
            table < TABLE_FIRST + PEER_NUMBERS && hop)
                note(userdata, (uint16_t) (table - TABLE_FIRST), rtnl_route_nh_get_gateway(hop));
}

int links_peers(Links *links, LinkPeers *ret_peers)
{
        return list_routes(links, on_route, ret_peers);
}

static void on_carried(struct nl_object *object, void *userdata)
{
        struct rtnl_route *route = (struct rtnl_route *) object;

        if (rtnl_route_get_protocol(route) == ROUTE_PROTOCOL &&
            rtnl_route_get_table(route) == TABLE_FIRST)
                note(userdata, 0, rtnl_route_get_dst(route));
}

int links_carried(Links *links, LinkPeers *ret_vips)
{
        return list_routes(links, on_carried, ret_vips);
}

static struct rtnl_route *new_carried(const IpAddress *vip)
{
        struct rtnl_route *route = rtnl_route_alloc();
        struct nl_addr *to = ipv4(vip);

        if (route && to) {
                rtnl_route_set_family(route, AF_INET);
                rtnl_route_set_table(route, TABLE_FIRST);
                rtnl_route_set_protocol(route, ROUTE_PROTOCOL);
                rtnl_route_set_type(route, RTN_BLACKHOLE);
                rtnl_route_set_scope(route, RT_SCOPE_UNIVERSE);
                rtnl_route_set_dst(route, to);
        }
        nl_addr_put(to);
        return route;
}

int links_ensure_carried(Links *links, const IpAddress *vip)
{
        struct rtnl_route *route = new_carried(vip);
        char text[IP_TEXT_MAX];
        int r;

        r = route ? rtnl_route_add(links->socket, route, NLM_F_CREATE | NLM_F_REPLACE) : -NLE_NOMEM;
        rtnl_route_put(route);
        return r < 0 ? links_fail(links, r, "make a route for", ip_format(vip, text)) : 0;
}

void links_remove_carried(Links *links, const IpAddress *vip)
{
        struct rtnl_route *route = new_carried(vip);

        if (route)
                rtnl_route_delete(links->socket, route, 0);
        rtnl_route_put(route);
}
