/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The ways by which packets are handed to other hosts: rules, and tables of one route each.
 *
 * A host has a MAC on each of two devices that is made of its address: on tx0, the overlay between
 * hosts, which leads anywhere and carries how many hosts were asked; and on tx0d, which is on the
 * uplink itself and leads, where paths.c has seen that it does, to hosts on the same segment, for
 * less than half as much. Number N leads to a host by the mark:
 *
 *   49:  from all fwmark N<<16/0xffffffff lookup DIRECT+N       DIRECT+N: default via HOST dev tx0d
 *   50:  from all fwmark N<<16/0xffff0000 lookup FIRST+N        FIRST+N: default via HOST dev tx0
 *   100: from all lookup local                                  HOST is at lladdr on both; on tx0
 *                                                               lladdr is at HOST on the uplink
 *                                                               (fdb)
 *
 * Table FIRST itself has a blackhole route for each VIP that this host carries. Nothing is routed
 * by it: a BGP speaker reads from it what to announce (netd/bird.conf).
 *
 * Routes carry this program's protocol number, by which it finds them again. */

#include "netd/netlink-internal.h"

#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include "lib/base/array.h"
#include "netd/elements.h"
#include "netd/sysctl.h"

#define TABLE_FIRST     0x5400
#define TABLE_DIRECT    (TABLE_FIRST + PEER_NUMBERS)
#define ROUTE_PROTOCOL  119 /* one that nobody has in iproute2's rt_protos */
#define DIRECT_PRIORITY 49
#define RULE_PRIORITY   50
#define LOCAL_PRIORITY  100

struct nl_addr *links_ipv4(const IpAddress *address)
{
        return nl_addr_build(AF_INET, address->bytes, 4);
}

void links_host_mac(const IpAddress *host, bool direct, uint8_t mac[static 6])
{
        mac[0] = 0x02;
        mac[1] = direct ? 0x55 : 0x54;
        memcpy(mac + 2, host->bytes, 4);
}

/* Who has an address is known for good: nobody is asked. */
int links_know_address(Links *links, const IpAddress *address, int index,
                       const uint8_t mac[static 6])
{
        struct rtnl_neigh *neigh = rtnl_neigh_alloc();
        struct nl_addr *to = links_ipv4(address);
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
int links_move_local_rule(Links *links)
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

/* The two ways to a host. */
typedef struct Way {
        const char *device;
        bool direct;
        uint32_t table; /* and the host's number */
        uint32_t priority;
        uint32_t mask; /* of the marks that it is for */
} Way;

static const Way overlay = {FABRIC_LINK, false, TABLE_FIRST, RULE_PRIORITY, MARK_HOST};
/* What is asked for a second time says so, and only the overlay can carry that. */
static const Way direct = {FABRIC_DIRECT, true, TABLE_DIRECT, DIRECT_PRIORITY,
                           MARK_HOST | MARK_HOP};

static struct rtnl_route *new_route(const Way *way, const LinkPeer *peer, int index)
{
        struct rtnl_route *route = rtnl_route_alloc();
        struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
        struct nl_addr *all = nl_addr_build(AF_INET, &(uint32_t) {0}, 4),
                       *via = links_ipv4(&peer->address);

        if (!route || !hop || !all || !via) {
                rtnl_route_put(route);
                rtnl_route_nh_free(hop);
                route = NULL;
        } else {
                nl_addr_set_prefixlen(all, 0);
                rtnl_route_set_family(route, AF_INET);
                rtnl_route_set_table(route, way->table + peer->number);
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

static struct rtnl_rule *new_mark_rule(const Way *way, uint16_t number)
{
        struct rtnl_rule *rule = new_rule(way->priority, way->table + number, ROUTE_PROTOCOL);

        if (rule) {
                rtnl_rule_set_mark(rule, (uint32_t) number << MARK_HOST_SHIFT);
                rtnl_rule_set_mask(rule, way->mask);
        }
        return rule;
}

static int add_way(Links *links, const Way *way, const LinkPeer *peer)
{
        int index = (int) if_nametoindex(way->device), r;
        struct rtnl_rule *rule = new_mark_rule(way, peer->number);
        struct rtnl_route *route = new_route(way, peer, index);
        char text[IP_TEXT_MAX];
        uint8_t mac[6];

        links_host_mac(&peer->address, way->direct, mac);
        r = rule && route ? 0 : -NLE_NOMEM;
        if (r == 0 && !way->direct)
                r = links_change_fdb(links, mac, index, &peer->address, false, true);
        if (r == 0)
                r = links_know_address(links, &peer->address, index, mac);
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

static void remove_way(Links *links, const Way *way, const LinkPeer *peer)
{
        int index = (int) if_nametoindex(way->device);
        struct rtnl_rule *rule = new_mark_rule(way, peer->number);
        struct rtnl_route *route = new_route(way, peer, index);
        uint8_t mac[6];

        links_host_mac(&peer->address, way->direct, mac);
        if (rule)
                rtnl_rule_delete(links->socket, rule, 0);
        if (route && index > 0)
                rtnl_route_delete(links->socket, route, 0);
        if (index > 0)
                links_forget_guest(links, &peer->address, way->device);
        if (index > 0 && !way->direct)
                links_change_fdb(links, mac, index, NULL, false, false);
        rtnl_rule_put(rule);
        rtnl_route_put(route);
}

int links_ensure_peer(Links *links, const LinkPeer *peer)
{
        return add_way(links, &overlay, peer);
}

void links_remove_peer(Links *links, const LinkPeer *peer)
{
        remove_way(links, &direct, peer);
        remove_way(links, &overlay, peer);
}

int links_lead_directly(Links *links, const LinkPeer *peer, bool directly)
{
        if (directly)
                return add_way(links, &direct, peer);
        remove_way(links, &direct, peer);
        return 0;
}

/* ---- the device that leads to hosts directly */

static bool is_same(struct rtnl_link *link, int uplink, const uint8_t mac[static 6])
{
        return rtnl_link_is_macvlan(link) && rtnl_link_get_link(link) == uplink &&
               links_has_mac(link, mac);
}

static int add_direct(Links *links, int uplink, const uint8_t mac[static 6])
{
        struct rtnl_link *link = rtnl_link_macvlan_alloc();
        int r;

        if (!link)
                return -ENOMEM;
        rtnl_link_set_name(link, FABRIC_DIRECT);
        rtnl_link_set_link(link, uplink);
        r = links_set_mac(link, mac);
        if (r == 0)
                r = rtnl_link_macvlan_set_mode(link, rtnl_link_macvlan_str2mode("private"));
        if (r == 0)
                r = rtnl_link_add(links->socket, link, NLM_F_CREATE | NLM_F_EXCL);
        rtnl_link_put(link);
        if (r < 0)
                return links_fail(links, r, "make", FABRIC_DIRECT);
        sysctl_for_fabric(FABRIC_DIRECT);
        sysctl_for_direct(FABRIC_DIRECT);
        return 0;
}

static int bring_up(Links *links, struct rtnl_link *link)
{
        struct rtnl_link *change;
        int r;

        if (rtnl_link_get_flags(link) & IFF_UP)
                return 0;
        change = rtnl_link_alloc();
        if (!change)
                return -ENOMEM;
        rtnl_link_set_flags(change, IFF_UP);
        r = rtnl_link_change(links->socket, link, change, 0);
        rtnl_link_put(change);
        return r < 0 ? links_fail(links, r, "bring up", FABRIC_DIRECT) : 0;
}

int links_ensure_direct(Links *links, const IpAddress *self, const char *uplink)
{
        int lower = (int) if_nametoindex(uplink), r;
        struct rtnl_link *link = NULL;
        uint8_t mac[6];

        if (lower == 0)
                return links_fail_errno(links, -ENODEV, "find the uplink", uplink);
        links_host_mac(self, true, mac);
        r = links_find(links, FABRIC_DIRECT, &link);
        if (r == 0 && link && !is_same(link, lower, mac)) {
                rtnl_link_put(link);
                link = NULL;
                r = links_remove(links, FABRIC_DIRECT);
        }
        if (r == 0 && !link) {
                r = add_direct(links, lower, mac);
                if (r == 0)
                        r = links_find(links, FABRIC_DIRECT, &link);
        }
        if (r == 0 && !link)
                r = links_fail_errno(links, -ENODEV, "make", FABRIC_DIRECT);
        if (r == 0)
                r = bring_up(links, link);
        rtnl_link_put(link);
        return r;
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
        struct nl_addr *to = links_ipv4(vip);

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
