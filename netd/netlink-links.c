/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Interfaces through libnl; taps, which netlink cannot make, through /dev/net/tun. */

#include "netd/netlink-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>

#include "lib/base/array.h"
#include "lib/base/str.h"
#include "netd/sysctl.h"

#define PORT_FLAGS (RTNL_BRIDGE_LEARNING | RTNL_BRIDGE_UNICAST_FLOOD)

int links_new(Links **ret_links)
{
        _cleanup_(links_freep) Links *links = calloc(1, sizeof(*links));

        if (!links)
                return -ENOMEM;
        links->socket = nl_socket_alloc();
        if (!links->socket)
                return -ENOMEM;
        if (nl_connect(links->socket, NETLINK_ROUTE) < 0)
                return -EIO;
        *ret_links = TAKE_PTR(links);
        return 0;
}

void links_free(Links *links)
{
        if (!links)
                return;
        nl_socket_free(links->socket);
        free(links);
}

const char *links_why(const Links *links)
{
        return links->why;
}

/* libnl's errors are its own numbers; the ones that matter here have an errno. */
int links_fail(Links *links, int error, const char *what, const char *name)
{
        snprintf(links->why, sizeof(links->why), "%s %s: %s", what, name, nl_geterror(error));
        switch (-error) {
        case NLE_NOMEM:
                return -ENOMEM;
        case NLE_EXIST:
                return -EEXIST;
        case NLE_PERM:
                return -EPERM;
        case NLE_NODEV:
        case NLE_OBJ_NOTFOUND:
                return -ENODEV;
        default:
                return -EIO;
        }
}

int links_fail_errno(Links *links, int error, const char *what, const char *name)
{
        snprintf(links->why, sizeof(links->why), "%s %s: %s", what, name, strerror(-error));
        return error;
}

/* The link of this name; NULL when there is none. */
int links_find(Links *links, const char *name, struct rtnl_link **ret_link)
{
        int r = rtnl_link_get_kernel(links->socket, 0, name, ret_link);

        if (r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND) {
                *ret_link = NULL;
                return 0;
        }
        return r < 0 ? links_fail(links, r, "look for", name) : 0;
}

static void on_listed(struct nl_object *object, void *userdata)
{
        const char *name = rtnl_link_get_name((struct rtnl_link *) object);
        LinkNames *names = userdata;
        void *grown;

        if (!name || (!str_after(name, "tb") && !str_after(name, "tv") && !str_after(name, "tx")))
                return;
        grown = array_grow(names->names, names->n_names, IFNAMSIZ);
        if (!grown)
                return;
        names->names = grown;
        snprintf(names->names[names->n_names++], IFNAMSIZ, "%s", name);
}

int links_list(Links *links, LinkNames *ret_names)
{
        LinkNames names = {};
        struct nl_cache *cache;
        int r;

        r = rtnl_link_alloc_cache(links->socket, AF_UNSPEC, &cache);
        if (r < 0)
                return links_fail(links, r, "list", "interfaces");
        nl_cache_foreach(cache, on_listed, &names);
        nl_cache_free(cache);
        *ret_names = names;
        return 0;
}

/* The gateway has the same MAC on every host, so that a guest that moves finds it again. */
static void gateway_mac(uint32_t vni, uint8_t mac[static 6])
{
        const uint8_t bytes[] = {0x02,          0x54, (uint8_t) (vni >> 16), (uint8_t) (vni >> 8),
                                 (uint8_t) vni, 0x01};

        memcpy(mac, bytes, sizeof(bytes));
}

int links_set_mac(struct rtnl_link *link, const uint8_t mac[static 6])
{
        struct nl_addr *address = nl_addr_build(AF_LLC, mac, 6);

        if (!address)
                return -NLE_NOMEM;
        rtnl_link_set_addr(link, address);
        nl_addr_put(address);
        return 0;
}

bool links_has_mac(struct rtnl_link *link, const uint8_t mac[static 6])
{
        const struct nl_addr *address = rtnl_link_get_addr(link);

        return address && nl_addr_get_len(address) == 6 &&
               memcmp(nl_addr_get_binary_addr(address), mac, 6) == 0;
}

static int add_bridge(Links *links, const Network *network, const uint8_t mac[static 6])
{
        struct rtnl_link *link = rtnl_link_bridge_alloc();
        int r;

        if (!link)
                return -ENOMEM;
        rtnl_link_set_name(link, network->bridge);
        rtnl_link_set_mtu(link, network->mtu_bytes);
        r = links_set_mac(link, mac);
        if (r == 0)
                r = rtnl_link_add(links->socket, link, NLM_F_CREATE | NLM_F_EXCL);
        rtnl_link_put(link);
        return r < 0 ? links_fail(links, r, "make bridge", network->bridge) : 0;
}

/* Brings a bridge up with its MTU and MAC, if it is not so already. */
static int adjust_bridge(Links *links, struct rtnl_link *link, const Network *network,
                         const uint8_t mac[static 6])
{
        struct rtnl_link *change;
        int r;

        if ((rtnl_link_get_flags(link) & IFF_UP) && links_has_mac(link, mac) &&
            rtnl_link_get_mtu(link) == network->mtu_bytes)
                return 0;
        change = rtnl_link_alloc();
        if (!change)
                return -ENOMEM;
        rtnl_link_set_flags(change, IFF_UP);
        rtnl_link_set_mtu(change, network->mtu_bytes);
        r = links_set_mac(change, mac);
        if (r == 0)
                r = rtnl_link_change(links->socket, link, change, 0);
        rtnl_link_put(change);
        return r < 0 ? links_fail(links, r, "bring up", network->bridge) : 0;
}

static int new_address(int index, const IpAddress *address, unsigned prefix,
                       struct rtnl_addr **ret_addr)
{
        struct nl_addr *local = nl_addr_build(address->family == 4 ? AF_INET : AF_INET6,
                                              address->bytes, address->family == 4 ? 4 : 16);
        struct rtnl_addr *addr = rtnl_addr_alloc();
        int r = -NLE_NOMEM;

        if (local && addr) {
                nl_addr_set_prefixlen(local, (int) prefix);
                rtnl_addr_set_ifindex(addr, index);
                r = rtnl_addr_set_local(addr, local);
        }
        nl_addr_put(local);
        if (r < 0) {
                rtnl_addr_put(addr);
                return r;
        }
        *ret_addr = addr;
        return 0;
}

static int ensure_address(Links *links, const char *name, const IpAddress *address, unsigned prefix)
{
        int index = (int) if_nametoindex(name), r;
        struct rtnl_addr *addr = NULL;

        if (index == 0)
                return links_fail_errno(links, -errno, "find interface", name);
        r = new_address(index, address, prefix, &addr);
        if (r < 0)
                return links_fail(links, r, "give an address to", name);
        r = rtnl_addr_add(links->socket, addr, NLM_F_EXCL);
        rtnl_addr_put(addr);
        return r < 0 && r != -NLE_EXIST ? links_fail(links, r, "give an address to", name) : 0;
}

static int remove_address(Links *links, const char *name, const IpAddress *address, unsigned prefix)
{
        int index = (int) if_nametoindex(name), r;
        struct rtnl_addr *addr = NULL;

        if (index == 0)
                return 0;
        r = new_address(index, address, prefix, &addr);
        if (r < 0)
                return links_fail(links, r, "take an address from", name);
        r = rtnl_addr_delete(links->socket, addr, 0);
        rtnl_addr_put(addr);
        return r < 0 && r != -NLE_NOADDR ? links_fail(links, r, "take an address from", name) : 0;
}

typedef struct Stale {
        Links *links;
        const Network *network;
        int index;
        int r;
} Stale;

/* An IPv4 address of a bridge that is not its network's gateway: an older declaration's. */
static void on_address(struct nl_object *object, void *userdata)
{
        struct rtnl_addr *addr = (struct rtnl_addr *) object;
        const struct nl_addr *local = rtnl_addr_get_local(addr);
        Stale *stale = userdata;

        if (rtnl_addr_get_ifindex(addr) != stale->index || !local ||
            nl_addr_get_family(local) != AF_INET)
                return;
        if (memcmp(nl_addr_get_binary_addr(local), stale->network->gateway.bytes, 4) == 0 &&
            rtnl_addr_get_prefixlen(addr) == (int) stale->network->prefix)
                return;
        stale->r = rtnl_addr_delete(stale->links->socket, addr, 0);
}

static int drop_stale_addresses(Links *links, const Network *network, int index)
{
        Stale stale = {links, network, index, 0};
        struct nl_cache *cache;
        int r;

        r = rtnl_addr_alloc_cache(links->socket, &cache);
        if (r < 0)
                return links_fail(links, r, "list addresses of", network->bridge);
        nl_cache_foreach(cache, on_address, &stale);
        nl_cache_free(cache);
        return stale.r < 0 ? links_fail(links, stale.r, "take an address from", network->bridge)
                           : 0;
}

int links_ensure_bridge(Links *links, const Network *network)
{
        struct rtnl_link *link = NULL;
        uint8_t mac[6];
        int r;

        gateway_mac(network->vni, mac);
        r = links_find(links, network->bridge, &link);
        if (r == 0 && !link) {
                r = add_bridge(links, network, mac);
                if (r == 0)
                        sysctl_for_bridge(network->bridge);
                if (r == 0)
                        r = links_find(links, network->bridge, &link);
        }
        if (r < 0)
                return r;
        if (!link)
                return links_fail_errno(links, -ENODEV, "make bridge", network->bridge);
        r = adjust_bridge(links, link, network, mac);
        if (r == 0)
                r = drop_stale_addresses(links, network, rtnl_link_get_ifindex(link));
        if (r == 0)
                r = ensure_address(links, network->bridge, &network->gateway, network->prefix);
        rtnl_link_put(link);
        return r;
}

static int make_tap(const Instance *instance)
{
        struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", instance->tap);
        if (ioctl(fd, TUNSETIFF, &request) < 0)
                return -errno;
        if (instance->owner != NET1_OWNER_NONE &&
            ioctl(fd, TUNSETOWNER, (unsigned long) instance->owner) < 0)
                return -errno;
        if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
                return -errno;
        return 0;
}

int links_ensure_tap(Links *links, const Instance *instance)
{
        struct rtnl_link *link = NULL;
        int r;

        r = links_find(links, instance->tap, &link);
        if (r < 0)
                return r;
        if (link) {
                rtnl_link_put(link);
                return 0;
        }
        r = make_tap(instance);
        if (r < 0)
                return links_fail_errno(links, r, "make tap", instance->tap);
        sysctl_for_tap(instance->tap);
        return 0;
}

int links_add_neighbour(Links *links, struct rtnl_neigh *neigh, int index,
                        const uint8_t mac[static 6])
{
        struct nl_addr *lladdr = nl_addr_build(AF_LLC, mac, 6);
        int r;

        if (!lladdr)
                return -NLE_NOMEM;
        rtnl_neigh_set_ifindex(neigh, index);
        rtnl_neigh_set_lladdr(neigh, lladdr);
        r = rtnl_neigh_add(links->socket, neigh, NLM_F_CREATE | NLM_F_REPLACE);
        nl_addr_put(lladdr);
        return r;
}

/* The bridge knows the guest's MAC on its port, and the host the guest's MAC by its address. */
static int know_guest(Links *links, const Instance *instance, int port, int bridge)
{
        struct rtnl_neigh *fdb = rtnl_neigh_alloc(), *neigh = rtnl_neigh_alloc();
        struct nl_addr *address = nl_addr_build(AF_INET, instance->address.bytes, 4);
        int r = -NLE_NOMEM;

        if (fdb && neigh && address) {
                rtnl_neigh_set_family(fdb, AF_BRIDGE);
                rtnl_neigh_set_flags(fdb, NTF_MASTER);
                rtnl_neigh_set_state(fdb, NUD_NOARP);
                r = links_add_neighbour(links, fdb, port, instance->mac);
        }
        if (r == 0) {
                rtnl_neigh_set_family(neigh, AF_INET);
                rtnl_neigh_set_state(neigh, NUD_PERMANENT);
                rtnl_neigh_set_dst(neigh, address);
                r = links_add_neighbour(links, neigh, bridge, instance->mac);
        }
        nl_addr_put(address);
        rtnl_neigh_put(fdb);
        rtnl_neigh_put(neigh);
        return r < 0 ? links_fail(links, r, "tell the bridge of", instance->object.key) : 0;
}

void links_forget_guest(Links *links, const IpAddress *guest, const char *bridge)
{
        struct rtnl_neigh *neigh = rtnl_neigh_alloc();
        struct nl_addr *address = nl_addr_build(AF_INET, guest->bytes, 4);
        int index = (int) if_nametoindex(bridge);

        if (neigh && address && index > 0) {
                rtnl_neigh_set_ifindex(neigh, index);
                rtnl_neigh_set_family(neigh, AF_INET);
                rtnl_neigh_set_dst(neigh, address);
                rtnl_neigh_delete(links->socket, neigh, 0); /* gone already is as good */
        }
        nl_addr_put(address);
        rtnl_neigh_put(neigh);
}

/* Learning and flooding are a port's, and libnl sends them with AF_BRIDGE only. */
static int quiet_port(Links *links, struct rtnl_link *link, const char *name)
{
        struct rtnl_link *port = rtnl_link_alloc(), *change = rtnl_link_alloc();
        int r = -NLE_NOMEM;

        if (port && change) {
                rtnl_link_set_family(port, AF_BRIDGE);
                rtnl_link_set_family(change, AF_BRIDGE);
                rtnl_link_set_ifindex(port, rtnl_link_get_ifindex(link));
                r = rtnl_link_bridge_unset_flags(change, PORT_FLAGS);
        }
        if (r == 0)
                r = rtnl_link_change(links->socket, port, change, 0);
        rtnl_link_put(port);
        rtnl_link_put(change);
        return r < 0 ? links_fail(links, r, "quieten port", name) : 0;
}

int links_ensure_port(Links *links, const Instance *instance, const Network *network)
{
        int bridge = (int) if_nametoindex(network->bridge), r;
        struct rtnl_link *link = NULL, *change;

        if (bridge == 0)
                return links_fail_errno(links, -errno, "find bridge", network->bridge);
        r = links_find(links, instance->tap, &link);
        if (r < 0)
                return r;
        if (!link)
                return links_fail_errno(links, -ENODEV, "find tap", instance->tap);
        if (rtnl_link_get_master(link) != bridge || !(rtnl_link_get_flags(link) & IFF_UP) ||
            rtnl_link_get_mtu(link) != network->mtu_bytes) {
                change = rtnl_link_alloc();
                if (change) {
                        rtnl_link_set_master(change, bridge);
                        rtnl_link_set_mtu(change, network->mtu_bytes);
                        rtnl_link_set_flags(change, IFF_UP);
                        r = rtnl_link_change(links->socket, link, change, 0);
                        rtnl_link_put(change);
                        r = r < 0 ? links_fail(links, r, "put into its bridge", instance->tap) : 0;
                } else
                        r = -ENOMEM;
        }
        if (r == 0)
                r = quiet_port(links, link, instance->tap);
        if (r == 0)
                r = know_guest(links, instance, rtnl_link_get_ifindex(link), bridge);
        rtnl_link_put(link);
        return r;
}

int links_remove(Links *links, const char *name)
{
        struct rtnl_link *link = NULL, *change;
        const char *kind;
        int r;

        r = links_find(links, name, &link);
        if (r < 0 || !link)
                return r;
        kind = rtnl_link_get_type(link);
        if (kind && (strcmp(kind, "tun") == 0 || strcmp(kind, "bridge") == 0 ||
                     strcmp(kind, "vxlan") == 0 || strcmp(kind, "macvlan") == 0))
                r = rtnl_link_delete(links->socket, link);
        else if (rtnl_link_get_master(link) > 0) {
                change = rtnl_link_alloc();
                if (change) {
                        rtnl_link_set_master(change, 0);
                        r = rtnl_link_change(links->socket, link, change, 0);
                        rtnl_link_put(change);
                } else
                        r = -NLE_NOMEM;
        }
        rtnl_link_put(link);
        return r < 0 && r != -NLE_NODEV ? links_fail(links, r, "remove", name) : 0;
}

typedef struct Uplink {
        int index;
        uint32_t metric;
} Uplink;

static void on_route(struct nl_object *object, void *userdata)
{
        struct rtnl_route *route = (struct rtnl_route *) object;
        struct nl_addr *to = rtnl_route_get_dst(route);
        struct rtnl_nexthop *hop;
        Uplink *uplink = userdata;

        if (!to || nl_addr_get_prefixlen(to) != 0 || rtnl_route_get_table(route) != RT_TABLE_MAIN ||
            rtnl_route_get_type(route) != RTN_UNICAST)
                return;
        hop = rtnl_route_nexthop_n(route, 0);
        if (hop && (uplink->index == 0 || rtnl_route_get_priority(route) < uplink->metric)) {
                uplink->index = rtnl_route_nh_get_ifindex(hop);
                uplink->metric = rtnl_route_get_priority(route);
        }
}

int links_uplink(Links *links, char ret_name[static IFNAMSIZ])
{
        struct nl_cache *cache;
        Uplink uplink = {};
        int r;

        r = rtnl_route_alloc_cache(links->socket, AF_INET, 0, &cache);
        if (r < 0)
                return links_fail(links, r, "list", "routes");
        nl_cache_foreach(cache, on_route, &uplink);
        nl_cache_free(cache);
        if (uplink.index == 0 || !if_indextoname((unsigned) uplink.index, ret_name))
                ret_name[0] = '\0';
        return 0;
}

typedef struct Wanted {
        const IpAddress *address;
        int index;
} Wanted;

static void on_wanted(struct nl_object *object, void *userdata)
{
        const struct nl_addr *local = rtnl_addr_get_local((struct rtnl_addr *) object);
        Wanted *wanted = userdata;
        unsigned length = wanted->address->family == 4 ? 4 : 16;

        if (local && nl_addr_get_len(local) == length &&
            memcmp(nl_addr_get_binary_addr(local), wanted->address->bytes, length) == 0)
                wanted->index = rtnl_addr_get_ifindex((struct rtnl_addr *) object);
}

int links_device_of(Links *links, const IpAddress *address, char ret_name[static IFNAMSIZ])
{
        Wanted wanted = {.address = address};
        struct nl_cache *cache;
        int r;

        r = rtnl_addr_alloc_cache(links->socket, &cache);
        if (r < 0)
                return links_fail(links, r, "list", "addresses");
        nl_cache_foreach(cache, on_wanted, &wanted);
        nl_cache_free(cache);
        if (wanted.index == 0 || !if_indextoname((unsigned) wanted.index, ret_name) ||
            strcmp(ret_name, "lo") == 0)
                ret_name[0] = '\0';
        return 0;
}

int links_ensure_vip(Links *links, const char *uplink, const IpAddress *vip)
{
        return ensure_address(links, uplink, vip, ip_bits(vip));
}

int links_remove_vip(Links *links, const char *uplink, const IpAddress *vip)
{
        return remove_address(links, uplink, vip, ip_bits(vip));
}
