/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A connection through a VIP carries a mark (its endpoint's class) and its replies come from the
 * instance: so it is found, whatever its client and VIP. The kernel filters by the reply's source,
 * so that a full table is walked but not copied. */

#include "netd/conntrack.h"

#include <endian.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#define ANSWER_MAX (64 * KIB)
#define TUPLE_MAX  256

/* include/linux/netfilter/nf_conntrack_tuple: CTA_FILTER's bit for the source address */
#define FILTER_IP_SRC (1 << 0)

typedef struct Walk {
        const IpAddress *instance;
        struct mnl_socket *cutter; /* NULL: only count */
        uint32_t count;
        int r;
} Walk;

static const struct nlattr *nested(const struct nlattr *outer, uint16_t type)
{
        const struct nlattr *attribute;

        if (!outer)
                return NULL;
        mnl_attr_for_each_nested(attribute, outer)
        {
                if (mnl_attr_get_type(attribute) == type)
                        return attribute;
        }
        return NULL;
}

static const struct nlattr *top(const struct nlmsghdr *message, uint16_t type)
{
        const struct nlattr *attribute;

        mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
        {
                if (mnl_attr_get_type(attribute) == type)
                        return attribute;
        }
        return NULL;
}

static bool is_open(const struct nlmsghdr *message)
{
        const struct nlattr *state = nested(nested(top(message, CTA_PROTOINFO), CTA_PROTOINFO_TCP),
                                            CTA_PROTOINFO_TCP_STATE);

        return !state || (mnl_attr_get_u8(state) != TCP_CONNTRACK_TIME_WAIT &&
                          mnl_attr_get_u8(state) != TCP_CONNTRACK_CLOSE);
}

static bool is_of(const struct nlmsghdr *message, const IpAddress *instance)
{
        const struct nlattr *mark = top(message, CTA_MARK);
        const struct nlattr *source =
                nested(nested(top(message, CTA_TUPLE_REPLY), CTA_TUPLE_IP), CTA_IP_V4_SRC);

        return mark && mnl_attr_get_u32(mark) != 0 && source &&
               mnl_attr_get_payload_len(source) == 4 &&
               memcmp(mnl_attr_get_payload(source), instance->bytes, 4) == 0;
}

static struct nlmsghdr *request(char *data, uint8_t type, uint16_t flags)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(data);
        struct nfgenmsg *header;

        message->nlmsg_type = (uint16_t) (NFNL_SUBSYS_CTNETLINK << 8 | type);
        message->nlmsg_flags = (uint16_t) (NLM_F_REQUEST | flags);
        message->nlmsg_seq = 1;
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        header->nfgen_family = AF_INET;
        header->version = NFNETLINK_V0;
        return message;
}

static int forget(Walk *walk, const struct nlmsghdr *entry)
{
        const struct nlattr *tuple = top(entry, CTA_TUPLE_ORIG), *id = top(entry, CTA_ID);
        char data[512], answer[512];
        struct nlmsghdr *message = request(data, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);
        ssize_t n;

        if (!tuple || mnl_attr_get_payload_len(tuple) > TUPLE_MAX)
                return -EPROTO;
        mnl_attr_put(message, CTA_TUPLE_ORIG | NLA_F_NESTED, mnl_attr_get_payload_len(tuple),
                     mnl_attr_get_payload(tuple));
        if (id)
                mnl_attr_put(message, CTA_ID, mnl_attr_get_payload_len(id),
                             mnl_attr_get_payload(id));
        if (mnl_socket_sendto(walk->cutter, message, message->nlmsg_len) < 0)
                return -errno;
        n = mnl_socket_recvfrom(walk->cutter, answer, sizeof(answer));
        if (n < 0)
                return -errno;
        if (mnl_cb_run(answer, (size_t) n, 1, mnl_socket_get_portid(walk->cutter), NULL, NULL) < 0)
                return errno == ENOENT ? 0 : -errno; /* it ended by itself meanwhile */
        return 0;
}

static int on_entry(const struct nlmsghdr *message, void *userdata)
{
        Walk *walk = userdata;

        if (!is_of(message, walk->instance) || !is_open(message))
                return MNL_CB_OK;
        walk->count++;
        if (walk->cutter && walk->r == 0)
                walk->r = forget(walk, message);
        return MNL_CB_OK;
}

/* Asks for the entries whose replies come from the address. */
static void put_filter(struct nlmsghdr *message, const IpAddress *instance)
{
        struct nlattr *tuple, *ip, *filter;

        tuple = mnl_attr_nest_start(message, CTA_TUPLE_REPLY);
        ip = mnl_attr_nest_start(message, CTA_TUPLE_IP);
        mnl_attr_put(message, CTA_IP_V4_SRC, 4, instance->bytes);
        mnl_attr_nest_end(message, ip);
        mnl_attr_nest_end(message, tuple);
        filter = mnl_attr_nest_start(message, CTA_FILTER);
        mnl_attr_put_u32(message, CTA_FILTER_ORIG_FLAGS, 0);
        mnl_attr_put_u32(message, CTA_FILTER_REPLY_FLAGS, FILTER_IP_SRC);
        mnl_attr_nest_end(message, filter);
}

static struct mnl_socket *open_socket(void)
{
        struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

        if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
                mnl_socket_close(socket);
                return NULL;
        }
        return socket;
}

static int walk_table(struct mnl_socket *socket, Walk *walk)
{
        _cleanup_free_ char *answer = malloc(ANSWER_MAX);
        char data[512];
        struct nlmsghdr *message = request(data, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
        int r = MNL_CB_OK;
        ssize_t n;

        if (!answer)
                return -ENOMEM;
        put_filter(message, walk->instance);
        if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
                return -errno;
        while (r > MNL_CB_STOP) {
                n = mnl_socket_recvfrom(socket, answer, ANSWER_MAX);
                if (n < 0)
                        return -errno;
                r = mnl_cb_run(answer, (size_t) n, 1, mnl_socket_get_portid(socket), on_entry,
                               walk);
                if (r < 0)
                        return -errno;
        }
        return walk->r;
}

static int run(const IpAddress *instance, bool cut, uint32_t *ret_count)
{
        struct mnl_socket *socket = open_socket(), *cutter = cut ? open_socket() : NULL;
        Walk walk = {.instance = instance, .cutter = cutter};
        int r;

        r = !socket || (cut && !cutter) ? -errno : walk_table(socket, &walk);
        if (socket)
                mnl_socket_close(socket);
        if (cutter)
                mnl_socket_close(cutter);
        if (r == 0)
                *ret_count = walk.count;
        return r;
}

int conntrack_count(const IpAddress *instance, uint32_t *ret_count)
{
        return run(instance, false, ret_count);
}

int conntrack_cut(const IpAddress *instance, uint32_t *ret_count)
{
        return run(instance, true, ret_count);
}
