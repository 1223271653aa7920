/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The ruleset, the same on every host whatever is declared. In words:
 *
 * inet troupe
 * - mux, prerouting before conntrack: what comes for a bucket of another host is marked with it and
 *   kept out of conntrack; a routing rule for the mark hands it over, unchanged
 * - fresh, prerouting after conntrack, what belongs to no known connection: guests' addresses come
 *   from guests only, a VIP begins only so many connections a second, what is in mid-flow or has no
 *   instance here is handed to who had its bucket before
 * - public, prerouting and output, nat: (VIP, protocol, port) has a class; the class's chain takes
 *   the hash modulo its table's size, looks the bucket up and rewrites the destination. Only a
 *   connection's first packet comes here, conntrack remembers the rest
 * - input: what still has a VIP as its destination is refused; guests get nothing of the host's but
 *   an answer to ping
 * - forward: guests go out, or through a VIP, never to other guests' addresses or to hosts; nobody
 *   comes to a guest but through a VIP
 * - post: guests appear outside with the host's address; what a guest sends to a VIP comes back
 *   through the host
 * - handover, postrouting: the overlay between hosts carries how many hosts were asked
 *
 * bridge troupe
 * - ports, prerouting: only the tap's own MAC and address, only IPv4 and ARP, no DHCP; reach rules
 *
 * Registers hold keys in the layout of elements.c, beginning at R0. */

#include "netd/nftables-internal.h"

#include <endian.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdio.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <linux/netfilter_bridge.h>

#include "lib/base/hash.h"
#include "lib/base/str.h"
#include "netd/links.h"
#include "netd/nftables-classes.h"
#include "netd/nftables-rule.h"
#include "netd/nftables-set.h"

static const RuleText rules[] = {
        /* every packet comes through here: most of them are to meet few expressions */
        INET("mux", META(NFPROTO, 0), NOT(0, NFPROTO_IPV4, 1), ACCEPT),
        INET("mux", META(NFPROTO, 0), IN(0, "fenced"), DADDR(4), IN(4, "vips"), DROP),
        INET("mux", FROM_HOST, META(MARK, 4), KEEP(4, MARK_HOP, 0), SET_MARK(4), ACCEPT),
        INET("mux", META(L4PROTO, 0), IS(0, IPPROTO_UDP, 1), JUMP("mux_udp")),
        INET("mux", META(IIFNAME, 0), IS(0, LO, IFNAMSIZ), ACCEPT),
        INET("mux", FROM_GUEST, ACCEPT), /* later: its connections are translated here */
        INET("mux", ENDPOINT_KEY, HOSTS_OF("shares", MUX_MAP)),
        /* an ICMP error goes where the packet goes that it speaks of, a reply of the VIP's */
        INET("mux", META(L4PROTO, 1), IS(1, IPPROTO_ICMP, 1), DADDR(4), IN(4, "vips"),
             TRANS(0, 1, 5), IS(5, 3, 1), TRANS(20, 4, 0), TRANS(17, 1, 1), TRANS(28, 2, 2),
             HOSTS_OF("shares", ERROR_MAP)),
        INET("mux_udp", OVERLAY(LINKS_OVERLAY_PORT), SADDR(4), IN(4, "peers"), NOTRACK, ACCEPT),
        INET("mux_udp", OVERLAY(LINKS_FABRIC_PORT), SADDR(4), IN(4, "peers"), NOTRACK, ACCEPT),
        INET("mux_out", IPV4, OVERLAY(LINKS_OVERLAY_PORT), DADDR(4), IN(4, "peers"), NOTRACK),
        INET("mux_out", IPV4, OVERLAY(LINKS_FABRIC_PORT), DADDR(4), IN(4, "peers"), NOTRACK),
        INET("handover", TO_HOST, META(MARK, 4), KEEP(4, MARK_HOP, 0), SET_MARK(4)),

        INET("fresh", KNOWN, CT(MARK, 0), NONE(0, MARK_HOST), ACCEPT), /* almost every packet */
        INET("fresh", CT(STATE, 0), ANY(0, STATE_UNTRACKED), ACCEPT),  /* handed over; overlays */
        /* a guest's connection stays with the host that it began with */
        INET("fresh", IPV4, FROM_GUEST, DADDR(4), IN(4, "vips"), CT(MARK, 4), ANY(4, MARK_HOST),
             SET_MARK(4), ACCEPT),
        INET("fresh", KNOWN, ACCEPT),
        INET("fresh", IPV4, SADDR(4), IN(4, "overlay"), META(IIFNAME, 0), OUT(0, "bridges"),
             META(IIFNAME, 0), NOT(0, LO, IFNAMSIZ), DROP),
        INET("fresh", IPV4, SADDR(4), IN(4, "vips"), META(IIFNAME, 0), NOT(0, LO, IFNAMSIZ), DROP),
        INET("fresh", IPV4, SADDR(4), IN(4, "own"), META(IIFNAME, 0), NOT(0, LO, IFNAMSIZ),
             NOT(0, TX0, TX0_LENGTH), DROP),
        INET("fresh", IPV4, CT(STATE, 0), ANY(0, STATE_NEW), DADDR(4), IN(4, "rates"), DROP),
        INET("fresh", IPV4, FROM_GUEST, CT(STATE, 0), ANY(0, STATE_NEW), ENDPOINT_KEY,
             HOSTS_OF("shares", MUX_MAP)),
        /* second chance */
        INET("fresh", IPV4, CT(STATE, 0), ANY(0, STATE_INVALID), META(L4PROTO, 1),
             IS(1, IPPROTO_TCP, 1), ENDPOINT_KEY, HOSTS_OF("shares", AGAIN_MAP)),
        INET("fresh", IPV4, CT(STATE, 0), ANY(0, STATE_NEW), META(MARK, 4), NONE(4, MARK_HOST),
             ENDPOINT_KEY, OUT(0, "endpoints"), HOSTS_OF("served", AGAIN_MAP)),
        INET("fresh", FROM_GUEST, HANDED_OVER, SET_CT_MARK(4), ACCEPT),
        INET("fresh", IPV4, ENDPOINT_KEY, OBJECT(0, "idle")),

        INET("public_in", JUMP("public")),
        INET("public_out", JUMP("public")),
        INET("public", HANDED_OVER, ACCEPT),
        INET("public", IPV4, ENDPOINT_KEY, MAP(0, "endpoints", 8), SET_CT_MARK(8)),
        INET("public", CT(MARK, 0), VMAP(0, CLASS_MAP)),
        INET("acl", ENDPOINT_KEY, SADDR(3), IN(0, "denied"), DROP),
        INET("acl", CT(MARK, 0), VMAP(0, CLASS_ACL_MAP)),

        INET("input", IPV4, OVERLAY(LINKS_OVERLAY_PORT), SADDR(4), IN(4, "peers"), ACCEPT),
        INET("input", IPV4, OVERLAY(LINKS_FABRIC_PORT), SADDR(4), IN(4, "peers"), ACCEPT),
        INET("input", IPV4, DADDR(4), IN(4, "vips"), GOTO("refuse")),
        INET("input", FROM_HOST, DROP),
        INET("input", IPV4, OVERLAY(LINKS_OVERLAY_PORT), DROP),
        INET("input", IPV4, OVERLAY(LINKS_FABRIC_PORT), DROP),
        INET("input", FROM_GUEST, GOTO("guest_in")),
        INET("guest_in", KNOWN, ACCEPT),
        INET("guest_in", META(L4PROTO, 0), IS(0, IPPROTO_ICMP, 1), TRANS(0, 1, 1), IS(1, 8, 1),
             ACCEPT),
        INET("guest_in", DROP),
        INET("refuse", KNOWN, ACCEPT),
        INET("refuse", FROM_HOST, META(L4PROTO, 0), IS(0, IPPROTO_ICMP, 1), DROP),
        /* one that hosts of different minds have passed on: asked again in a second, they agree */
        INET("refuse", FROM_HOST, META(MARK, 4), ANY(4, MARK_HOP), META(L4PROTO, 1),
             IS(1, IPPROTO_TCP, 1), TRANS(13, 1, 5), ANY(5, TCP_SYN), DROP),
        /* in mid-flow, and handed over: one of the hosts may be of another mind still, and a reset
         * would break a connection whose instance lives; it is sent again when they agree */
        INET("refuse", FROM_HOST, META(L4PROTO, 1), IS(1, IPPROTO_TCP, 1), TRANS(13, 1, 5),
             NONE(5, TCP_SYN), DROP),
        INET("refuse", META(L4PROTO, 0), IS(0, IPPROTO_ICMP, 1), ACCEPT),
        INET("refuse", META(L4PROTO, 0), IS(0, IPPROTO_TCP, 1), TRANS(13, 1, 5), NONE(5, TCP_SYN),
             REJECT(NFT_REJECT_TCP_RST, 0)),
        /* a new one that somebody serves: the maps were changed while it passed the chains, some
         * of which saw what was before and some what is now; asked again, all see the same */
        INET("refuse", IPV4, ENDPOINT_KEY, IN(0, "endpoints"), DROP),
        INET("refuse", IPV4, ENDPOINT_KEY, IN(0, "served"), DROP),
        INET("refuse", META(L4PROTO, 0), IS(0, IPPROTO_TCP, 1), REJECT(NFT_REJECT_TCP_RST, 0)),
        INET("refuse", REJECT(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH)),

        INET("forward", META(NFPROTO, 0), IN(0, "fenced"), TRANSLATED, DROP),
        INET("forward", TO_HOST, GOTO("to_host")),
        INET("forward", KNOWN, ACCEPT),
        INET("forward", IPV4, DADDR(4), IN(4, "vips"), GOTO("refuse")),
        INET("forward", FROM_HOST, TRANSLATED, ACCEPT),
        INET("forward", FROM_HOST, DROP),
        INET("forward", FROM_GUEST, GOTO("guest_out")),
        INET("forward", META(OIFNAME, 0), IN(0, "bridges"), GOTO("guest_to")),
        INET("to_host", HANDED_OVER, ACCEPT),
        INET("to_host", DROP),
        INET("guest_out", META(NFPROTO, 0), NOT(0, NFPROTO_IPV4, 1), DROP),
        INET("guest_out", TRANSLATED, ACCEPT),
        INET("guest_out", CT(STATE, 0), ANY(0, STATE_INVALID), DROP),
        INET("guest_out", DADDR(0), IN(0, "overlay"), DROP),
        INET("guest_out", DADDR(0), IN(0, "peers"), DROP),
        INET("guest_out", META(OIFNAME, 0), IN(0, "bridges"), DROP),
        INET("guest_to", TRANSLATED, ACCEPT),
        INET("guest_to", DROP),

        INET("post", IPV4, FROM_GUEST, META(OIFNAME, 0), MAP(0, "self", 8), SNAT(8)),
        INET("post", IPV4, FROM_GUEST, TRANSLATED, MASQUERADE),
        INET("post", IPV4, SADDR(4), IN(4, "overlay"), META(OIFNAME, 0), OUT(0, "bridges"),
             MASQUERADE),

        BRIDGE("ports", LL(12, 2, 7), IS(7, ETHERTYPE_IP, 2), META(IIFNAME, 0), LL(6, 6, 4),
               SADDR(6), IN(0, "guests"), GOTO("guest_ip")),
        BRIDGE("ports", META(IIFNAME, 0), IN(0, "taps"), GOTO("guest")),
        BRIDGE("guest", LL(12, 2, 7), IS(7, ETHERTYPE_ARP, 2), META(IIFNAME, 0), LL(6, 6, 4),
               NET(14, 4, 6), IN(0, "guests"), NET(8, 6, 4), IN(0, "guests"), ACCEPT),
        BRIDGE("guest", DROP),
        BRIDGE("guest_ip", META(L4PROTO, 0), IS(0, IPPROTO_UDP, 1), JUMP("guest_udp")),
        BRIDGE("guest_ip", SADDR(0), MAP(0, "groups", 8), SET_MARK(8), GOTO("guest_reach")),
        BRIDGE("guest_reach", META(MARK, 0), DADDR(1), META(L4PROTO, 2), DPORT(3), IN(0, "reach"),
               ACCEPT),
        BRIDGE("guest_reach", DADDR(0), META(L4PROTO, 1), DPORT(2), IN(0, "guarded"), DROP),
        BRIDGE("guest_reach", ZERO(0), SET_MARK(0)),
        BRIDGE("guest_udp", SPORT(1), IS(1, 67, 2), DROP),
        BRIDGE("guest_udp", DPORT(1), IS(1, 67, 2), DROP),
        BRIDGE("guest_udp", DPORT(1), IS(1, 68, 2), DROP),
};

static const ChainText chains[] = {
        {NFPROTO_INET, "mux", "filter", NF_INET_PRE_ROUTING, -300},
        {NFPROTO_INET, "mux_out", "filter", NF_INET_LOCAL_OUT, -300},
        {NFPROTO_INET, "handover", "filter", NF_INET_POST_ROUTING, -150},
        {NFPROTO_INET, "fresh", "filter", NF_INET_PRE_ROUTING, -150},
        {NFPROTO_INET, "public_in", "nat", NF_INET_PRE_ROUTING, -100},
        {NFPROTO_INET, "public_out", "nat", NF_INET_LOCAL_OUT, -100},
        {NFPROTO_INET, "input", "filter", NF_INET_LOCAL_IN, 0},
        {NFPROTO_INET, "forward", "filter", NF_INET_FORWARD, 0},
        {NFPROTO_INET, "post", "nat", NF_INET_POST_ROUTING, 100},
        {NFPROTO_INET, "mux_udp", NULL, 0, 0},
        {NFPROTO_INET, "public", NULL, 0, 0},
        {NFPROTO_INET, "acl", NULL, 0, 0},
        {NFPROTO_INET, "refuse", NULL, 0, 0},
        {NFPROTO_INET, "guest_in", NULL, 0, 0},
        {NFPROTO_INET, "guest_out", NULL, 0, 0},
        {NFPROTO_INET, "guest_to", NULL, 0, 0},
        {NFPROTO_INET, "to_host", NULL, 0, 0},
        {NFPROTO_BRIDGE, "ports", "filter", NF_BR_PRE_ROUTING, -200},
        {NFPROTO_BRIDGE, "guest", NULL, 0, 0},
        {NFPROTO_BRIDGE, "guest_ip", NULL, 0, 0},
        {NFPROTO_BRIDGE, "guest_udp", NULL, 0, 0},
        {NFPROTO_BRIDGE, "guest_reach", NULL, 0, 0},
};

static void add_table(Batch *batch, uint8_t family, uint64_t digest)
{
        struct nlmsghdr *message = batch_message(batch, NFT_MSG_NEWTABLE, family, NLM_F_CREATE);

        if (!message)
                return;
        mnl_attr_put_strz(message, NFTA_TABLE_NAME, NFTABLES_TABLE);
        mnl_attr_put_u32(message, NFTA_TABLE_FLAGS, 0);
        mnl_attr_put(message, NFTA_TABLE_USERDATA, sizeof(digest), &digest);
        batch_commit_message(batch, message);
}

static void delete_table(Batch *batch, uint8_t family)
{
        struct nlmsghdr *message = batch_message(batch, NFT_MSG_DELTABLE, family, 0);

        if (!message)
                return;
        mnl_attr_put_strz(message, NFTA_TABLE_NAME, NFTABLES_TABLE);
        batch_commit_message(batch, message);
}

/* One object for each idle timeout that UDP endpoints may have. */
static void add_idle_object(Batch *batch, unsigned minutes)
{
        struct nlmsghdr *message = batch_message(batch, NFT_MSG_NEWOBJ, NFPROTO_INET, NLM_F_CREATE);
        struct nlattr *data, *timeouts;
        char name[ELEMENT_DATA_MAX];

        if (!message)
                return;
        snprintf(name, sizeof(name), IDLE_NAME, minutes);
        mnl_attr_put_strz(message, NFTA_OBJ_TABLE, NFTABLES_TABLE);
        mnl_attr_put_strz(message, NFTA_OBJ_NAME, name);
        mnl_attr_put_u32(message, NFTA_OBJ_TYPE, htobe32(NFT_OBJECT_CT_TIMEOUT));
        data = mnl_attr_nest_start(message, NFTA_OBJ_DATA);
        mnl_attr_put_u16(message, NFTA_CT_TIMEOUT_L3PROTO, htobe16(NFPROTO_IPV4));
        mnl_attr_put_u8(message, NFTA_CT_TIMEOUT_L4PROTO, IPPROTO_UDP);
        timeouts = mnl_attr_nest_start(message, NFTA_CT_TIMEOUT_DATA);
        mnl_attr_put_u32(message, CTA_TIMEOUT_UDP_UNREPLIED, htobe32(minutes * 60));
        mnl_attr_put_u32(message, CTA_TIMEOUT_UDP_REPLIED, htobe32(minutes * 60));
        mnl_attr_nest_end(message, timeouts);
        mnl_attr_nest_end(message, data);
        batch_commit_message(batch, message);
}

/* Everything in the tables. */
static void add_contents(Batch *batch)
{
        for (unsigned minutes = 1; minutes <= IDLE_MINUTES_MAX; minutes++)
                add_idle_object(batch, minutes);
        for (uint32_t set = 0; set < SETS; set++)
                batch_set(batch, nftables_set(set), set + 1, false);
        for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
                batch_chain(batch, &chains[i]);
        batch_classes(batch, SETS + 1);
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                batch_rule(batch, &rules[i]);
}

uint64_t nftables_ruleset_digest(void)
{
        Batch batch = {};
        uint64_t digest = 0;

        add_contents(&batch);
        if (!batch.failed)
                digest = hash_bytes(batch.data, batch.length, 1);
        free(batch.data);
        return digest;
}

unsigned nftables_ruleset_rules(uint8_t family)
{
        unsigned n = family == NFPROTO_INET ? nftables_class_rules() : 0;

        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                n += rules[i].family == family;
        return n;
}

void nftables_ruleset(Batch *batch, bool inet_exists, bool bridge_exists)
{
        uint64_t digest = nftables_ruleset_digest();

        if (inet_exists)
                delete_table(batch, NFPROTO_INET);
        if (bridge_exists)
                delete_table(batch, NFPROTO_BRIDGE);
        add_table(batch, NFPROTO_INET, digest);
        add_table(batch, NFPROTO_BRIDGE, digest);
        add_contents(batch);
}
