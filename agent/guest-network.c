/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The guest's network over rtnetlink. Requests are built in a fixed buffer and acknowledged one by
 * one, so that a failure names its step.
 *
 * Source: rtnetlink(7), netlink(7) */

#include "agent/guest-network.h"

#include <net/if.h>

#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "lib/base/ip.h"

typedef struct Request {
        struct nlmsghdr header;
        union {
                struct ifinfomsg link;
                struct ifaddrmsg address;
                struct rtmsg route;
        };
        char attributes[256];
} Request;

static int route_socket(void)
{
        struct timeval patience = {.tv_sec = 5};
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        if (fd < 0)
                return -errno;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        return fd;
}

static void add_attribute(Request *request, unsigned short type, const void *data, size_t length)
{
        size_t offset = NLMSG_ALIGN(request->header.nlmsg_len);
        struct rtattr *attribute = (struct rtattr *) ((char *) request + offset);

        assert(offset + RTA_SPACE(length) <= sizeof(*request));
        attribute->rta_type = type;
        attribute->rta_len = (unsigned short) RTA_LENGTH(length);
        memcpy(RTA_DATA(attribute), data, length);
        request->header.nlmsg_len = (uint32_t) (offset + RTA_ALIGN(attribute->rta_len));
}

/* Sends a request and reads its acknowledgement. */
static int transact(int fd, Request *request)
{
        union {
                struct nlmsghdr header;
                char bytes[4096];
        } answer;
        const struct nlmsgerr *error = NLMSG_DATA(&answer.header);
        ssize_t n;

        request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
        if (send(fd, request, request->header.nlmsg_len, 0) < 0)
                return -errno;
        do
                n = recv(fd, &answer, sizeof(answer), 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (n < (ssize_t) NLMSG_LENGTH(sizeof(*error)) || answer.header.nlmsg_type != NLMSG_ERROR)
                return -EPROTO;
        return error->error;
}

static int hardware_address(int fd, const char *name, unsigned char mac[static 6])
{
        struct ifreq request = {};

        strncpy(request.ifr_name, name, IFNAMSIZ - 1);
        if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
                return -errno;
        if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
                return -ENODEV;
        memcpy(mac, request.ifr_hwaddr.sa_data, 6);
        return 0;
}

static int parse_mac(const char *text, unsigned char mac[static 6])
{
        char digits[13] = "";

        if (strlen(text) != 17)
                return -EINVAL;
        for (unsigned i = 0; i < 6; i++) {
                if (i > 0 && text[3 * i - 1] != ':')
                        return -EINVAL;
                memcpy(digits + (size_t) 2 * i, text + (size_t) 3 * i, 2);
        }
        return str_unhex(digits, mac, 6);
}

static int find_device(const char *wanted, unsigned *ret_index)
{
        struct if_nameindex *devices = if_nameindex();
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        unsigned char mac[6], want[6];
        unsigned found = 0, n = 0;
        int r = 0;

        if (wanted)
                r = parse_mac(wanted, want);
        if (!devices || fd < 0)
                r = -errno;
        for (const struct if_nameindex *d = devices; r >= 0 && d && d->if_index != 0; d++) {
                if (hardware_address(fd, d->if_name, mac) < 0 ||
                    (wanted && memcmp(mac, want, 6) != 0))
                        continue;
                found = d->if_index;
                n++;
        }
        if_freenameindex(devices);
        if (r < 0)
                return r;
        if (n != 1)
                return -ENODEV;
        *ret_index = found;
        return 0;
}

static int link_up(int fd, unsigned index, uint32_t mtu)
{
        Request request = {
                .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                           .nlmsg_type = RTM_NEWLINK},
                .link = {.ifi_index = (int) index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP},
        };

        if (mtu > 0)
                add_attribute(&request, IFLA_MTU, &mtu, sizeof(mtu));
        return transact(fd, &request);
}

static unsigned char family_of(const IpAddress *address)
{
        return address->family == 4 ? AF_INET : AF_INET6;
}

static size_t size_of(const IpAddress *address)
{
        return address->family == 4 ? 4 : 16;
}

static int add_address(int fd, unsigned index, const IpAddress *address, unsigned prefix)
{
        Request request = {
                .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
                           .nlmsg_type = RTM_NEWADDR,
                           .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
                .address = {.ifa_family = family_of(address),
                            .ifa_prefixlen = (unsigned char) prefix,
                            .ifa_scope = RT_SCOPE_UNIVERSE,
                            .ifa_index = index},
        };

        add_attribute(&request, IFA_LOCAL, address->bytes, size_of(address));
        add_attribute(&request, IFA_ADDRESS, address->bytes, size_of(address));
        return transact(fd, &request);
}

static int add_default_route(int fd, unsigned index, const IpAddress *gateway)
{
        Request request = {
                .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                           .nlmsg_type = RTM_NEWROUTE,
                           .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
                .route = {.rtm_family = family_of(gateway),
                          .rtm_table = RT_TABLE_MAIN,
                          .rtm_protocol = RTPROT_STATIC,
                          .rtm_scope = RT_SCOPE_UNIVERSE,
                          .rtm_type = RTN_UNICAST},
        };

        add_attribute(&request, RTA_GATEWAY, gateway->bytes, size_of(gateway));
        add_attribute(&request, RTA_OIF, &index, sizeof(index));
        return transact(fd, &request);
}

int guest_network_apply(const AgentNetwork *network, const char **ret_what)
{
        _cleanup_close_ int fd = -1;
        IpAddress address, gateway;
        unsigned index;
        int r;

        if (!network->address)
                return 0;
        *ret_what = "the address";
        if (ip_parse(network->address, &address) < 0 || network->prefix > ip_bits(&address))
                return -EINVAL;
        *ret_what = "the gateway's address";
        if (network->gateway &&
            (ip_parse(network->gateway, &gateway) < 0 || gateway.family != address.family))
                return -EINVAL;
        *ret_what = "finding the network device";
        r = find_device(network->mac, &index);
        if (r < 0)
                return r;
        *ret_what = "a netlink socket";
        fd = route_socket();
        if (fd < 0)
                return fd;
        *ret_what = "bringing the network device up";
        r = link_up(fd, index, (uint32_t) network->mtu);
        if (r < 0)
                return r;
        *ret_what = "adding the address";
        r = add_address(fd, index, &address, (unsigned) network->prefix);
        if (r < 0)
                return r;
        *ret_what = "adding the default route";
        return network->gateway ? add_default_route(fd, index, &gateway) : 0;
}

int guest_network_resolv_conf(const AgentNetwork *network, char **ret_text)
{
        StrBuffer text = {};

        str_buffer_add(&text, "# written by troupe-agent\n");
        for (size_t i = 0; i < network->n_dns; i++)
                str_buffer_addf(&text, "nameserver %s\n", network->dns[i]);
        return str_buffer_take(&text, ret_text);
}
