/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two requests of rtnetlink(7): a dump of all addresses, and a deletion for each that is a VIP. The
 * kernel puts its answers into the socket before send() returns, so nothing is waited for. */

#include "watchdog/vips.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_BYTES  (32 * 1024)
#define DUMP_READS    4096 /* more than the addresses of any host fill */
#define SOCKET_BYTES  (1024 * 1024)
#define REMOVED_MAX   512 /* in one go; the next goes on */
#define REQUEST_BYTES 64

typedef struct Found {
        uint32_t interface;
        uint8_t prefix;
        IpAddress address;
} Found;

struct Vips {
        int fd;
        uint32_t serial;
        Found found[REMOVED_MAX];
        size_t n_found;
        char buffer[BUFFER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
};

int vips_open(Vips **ret_vips)
{
        _cleanup_(vips_closep) Vips *vips = calloc(1, sizeof(*vips));
        struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        int size = SOCKET_BYTES;

        if (!vips)
                return -ENOMEM;
        vips->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (vips->fd < 0)
                return -errno;
        if (setsockopt(vips->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ||
            bind(vips->fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        *ret_vips = TAKE_PTR(vips);
        return 0;
}

Vips *vips_close(Vips *vips)
{
        if (!vips)
                return NULL;
        fd_close(vips->fd);
        free(vips);
        return NULL;
}

static bool in_pools(const VipPool *pools, size_t n_pools, const IpAddress *address)
{
        for (size_t i = 0; i < n_pools; i++)
                if (pools[i].first.family == address->family &&
                    ip_compare(&pools[i].first, address) <= 0 &&
                    ip_compare(address, &pools[i].last) <= 0)
                        return true;
        return false;
}

/* The interface's own address: IFA_LOCAL, or IFA_ADDRESS where that is left out (IPv6). */
static bool address_of(const struct nlmsghdr *header, Found *ret_found)
{
        const struct ifaddrmsg *message = NLMSG_DATA(header);
        uint8_t length = message->ifa_family == AF_INET ? 4 : 16;
        struct rtattr *attribute = IFA_RTA(message);
        size_t left = IFA_PAYLOAD(header);
        bool found = false, local = false;

        if (message->ifa_family != AF_INET && message->ifa_family != AF_INET6)
                return false;
        *ret_found = (Found) {.interface = message->ifa_index, .prefix = message->ifa_prefixlen};
        ret_found->address.family = message->ifa_family == AF_INET ? 4 : 6;
        for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
                bool is_local = attribute->rta_type == IFA_LOCAL;

                if ((!is_local && (attribute->rta_type != IFA_ADDRESS || local)) ||
                    RTA_PAYLOAD(attribute) != length)
                        continue;
                memcpy(ret_found->address.bytes, RTA_DATA(attribute), length);
                found = true;
                local |= is_local;
        }
        return found;
}

static int ask_all(Vips *vips)
{
        struct {
                struct nlmsghdr header;
                struct ifaddrmsg message;
        } request = {
                .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
                           .nlmsg_type = RTM_GETADDR,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                           .nlmsg_seq = ++vips->serial},
                .message = {.ifa_family = AF_UNSPEC},
        };

        return send(vips->fd, &request, request.header.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* Takes in one datagram of the dump. Return: 1 when it was the last; 0; a negative errno. */
static int read_some(Vips *vips, const VipPool *pools, size_t n_pools)
{
        ssize_t length = recv(vips->fd, vips->buffer, sizeof(vips->buffer), 0);
        struct nlmsghdr *header = (struct nlmsghdr *) vips->buffer;

        if (length < 0)
                return errno == EINTR ? 0 : -errno;
        for (size_t left = (size_t) length; NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
                Found found;

                if (header->nlmsg_seq != vips->serial)
                        continue; /* the rest of an earlier one */
                if (header->nlmsg_type == NLMSG_DONE)
                        return 1;
                if (header->nlmsg_type == NLMSG_ERROR)
                        return ((const struct nlmsgerr *) NLMSG_DATA(header))->error ?: -EBADMSG;
                if (header->nlmsg_type == RTM_NEWADDR && address_of(header, &found) &&
                    in_pools(pools, n_pools, &found.address) && vips->n_found < REMOVED_MAX)
                        vips->found[vips->n_found++] = found;
        }
        return 0;
}

static int find(Vips *vips, const VipPool *pools, size_t n_pools)
{
        int r;

        vips->n_found = 0;
        r = ask_all(vips);
        for (unsigned i = 0; r == 0 && i < DUMP_READS; i++)
                r = read_some(vips, pools, n_pools);
        return r == 1 ? 0 : r == 0 ? -EBADMSG : r;
}

/* Without waiting for the kernel's word: what is still there the next dump finds. */
static int forget(Vips *vips, const Found *found)
{
        size_t length = found->address.family == 4 ? 4 : 16;
        struct {
                struct nlmsghdr header;
                struct ifaddrmsg message;
                char attributes[REQUEST_BYTES];
        } request = {
                .header = {.nlmsg_type = RTM_DELADDR,
                           .nlmsg_flags = NLM_F_REQUEST,
                           .nlmsg_seq = ++vips->serial},
                .message = {.ifa_family = length == 4 ? AF_INET : AF_INET6,
                            .ifa_prefixlen = found->prefix,
                            .ifa_index = found->interface},
        };
        struct rtattr *attribute = (struct rtattr *) request.attributes;

        attribute->rta_type = IFA_LOCAL;
        attribute->rta_len = (unsigned short) RTA_LENGTH(length);
        memcpy(RTA_DATA(attribute), found->address.bytes, length);
        request.header.nlmsg_len =
                (uint32_t) (NLMSG_LENGTH(sizeof(struct ifaddrmsg)) + RTA_LENGTH(length));
        return send(vips->fd, &request, request.header.nlmsg_len, 0) < 0 ? -errno : 0;
}

int vips_remove(Vips *vips, const VipPool *pools, size_t n_pools, size_t *ret_removed)
{
        int r = 0, one;

        if (n_pools > 0)
                r = find(vips, pools, n_pools);
        else
                vips->n_found = 0;
        for (size_t i = 0; i < vips->n_found; i++) {
                one = forget(vips, &vips->found[i]);
                r = r < 0 ? r : one;
        }
        if (r == 0)
                *ret_removed = vips->n_found;
        return r;
}
