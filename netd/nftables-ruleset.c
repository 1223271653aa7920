/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The ruleset, the same on every host whatever is declared. In words:
 *
 * inet troupe
 *   mux       prerouting, before conntrack: what comes for a bucket of another host is marked with
 *             it and kept out of conntrack; a routing rule for the mark hands it over, unchanged
 *   fresh     prerouting, after conntrack, what belongs to no known connection: guests' addresses
 *             come from guests only, a VIP begins only so many connections a second, what is in
 *             mid-flow or has no instance here is handed to who had its bucket before
 *   public    prerouting and output, nat: (VIP, protocol, port) has a class; the class's chain
 *             takes the hash modulo its table's size, looks the bucket up and rewrites the
 *             destination. Only a connection's first packet comes here, conntrack remembers the
 * rest input     what still has a VIP as its destination is refused; guests get nothing of the
 * host's but an answer to ping forward   guests go out, or through a VIP, never to other guests'
 * addresses or to hosts; nobody comes to a guest but through a VIP post      guests appear outside
 * with the host's address; what a guest sends to a VIP comes back through the host handover
 * postrouting: the overlay between hosts carries how many hosts were asked bridge troupe ports
 * prerouting: only the tap's own MAC and address, only IPv4 and ARP, no DHCP; reach rules
 *
 * Registers hold keys in the layout of elements.c, beginning at R0. */

#include "netd/nftables-internal.h"

#include <endian.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <linux/netfilter_bridge.h>

#include "lb/table.h"
#include "lib/base/hash.h"
#include "lib/base/str.h"
#include "netd/links.h"

#define R(n)      (NFT_REG32_00 + (n))
#define HASH_SEED 0x54524f55 /* any number, the same on every host */
#define HASH_SEED_HOSTS                                                                            \
        0x4d555800 /* another: a host's buckets are to spread over its instances                   \
                    */
#define EXPRS_MAX     16
#define CHAIN_NAME    24
#define CLASS_MAP     "class"
#define CLASS_ACL_MAP "class_acl"
#define MUX_MAP       "mux_class"
#define AGAIN_MAP     "again_class"
#define ERROR_MAP     "error_class"
#define STICKY_FIRST  8 /* index of the smallest size that sticky groups use besides 1 */

/* "lo" and "tx0" (FABRIC_LINK) as the numbers that set_bytes() takes short names as. */
#define LO  0x6f6c
#define TX0 0x307874

/* Types that `nft list` knows, six bits each in a concatenation; from nftables' datatype.h. */
enum {
        TYPE_INTEGER = 4,
        TYPE_IPV4 = 7,
        TYPE_ETHER = 9,
        TYPE_PROTOCOL = 12,
        TYPE_SERVICE = 13,
        TYPE_MARK = 19,
        TYPE_IFNAME = 41,
};
#define CONCAT2(a, b)       ((a) << 6 | (b))
#define CONCAT3(a, b, c)    (CONCAT2(a, b) << 6 | (c))
#define CONCAT4(a, b, c, d) (CONCAT3(a, b, c) << 6 | (d))

static const SetPlace places[SETS] = {
        [SET_BRIDGE] = {"bridges", NFPROTO_INET, 16, .key_type = TYPE_IFNAME},
        [SET_OVERLAY] = {"overlay", NFPROTO_INET, 4, .interval = true, .key_type = TYPE_IPV4},
        [SET_PEER] = {"peers", NFPROTO_INET, 4, .key_type = TYPE_IPV4},
        [SET_VIP] = {"vips", NFPROTO_INET, 4, .key_type = TYPE_IPV4},
        [SET_RATE] = {"rates", NFPROTO_INET, 4, .rate = true, .key_type = TYPE_IPV4},
        [SET_ENDPOINT] = {"endpoints", NFPROTO_INET, 12, 4,
                          .key_type = CONCAT3(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE),
                          .data_type = TYPE_MARK},
        [SET_BUCKET] = {"buckets", NFPROTO_INET, 16, 8,
                        .key_type = CONCAT4(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE, TYPE_MARK),
                        .data_type = CONCAT2(TYPE_IPV4, TYPE_SERVICE)},
        [SET_DENIED] = {"denied", NFPROTO_INET, 16, .interval = true,
                        .key_type = CONCAT4(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE, TYPE_IPV4)},
        [SET_IDLE] = {"idle", NFPROTO_INET, 12, .object = true,
                      .key_type = CONCAT3(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE)},
        [SET_OWN] = {"own", NFPROTO_INET, 4, .key_type = TYPE_IPV4},
        [SET_SELF] = {"self", NFPROTO_INET, 16, 4, .key_type = TYPE_IFNAME, .data_type = TYPE_IPV4},
        [SET_SHARE] = {"shares", NFPROTO_INET, 12, 4,
                       .key_type = CONCAT3(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE),
                       .data_type = TYPE_MARK},
        [SET_HOST] = {"hosts", NFPROTO_INET, 16, 4,
                      .key_type = CONCAT4(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE, TYPE_MARK),
                      .data_type = TYPE_MARK},
        [SET_AGAIN] = {"again", NFPROTO_INET, 20, 4,
                       .key_type =
                               CONCAT2(CONCAT4(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE, TYPE_MARK),
                                       TYPE_MARK),
                       .data_type = TYPE_MARK},
        [SET_SERVED] = {"served", NFPROTO_INET, 12, 4,
                        .key_type = CONCAT3(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE),
                        .data_type = TYPE_MARK},
        [SET_FENCED] = {"fenced", NFPROTO_INET, 4, .key_type = TYPE_MARK},
        [SET_TAP] = {"taps", NFPROTO_BRIDGE, 16, .key_type = TYPE_IFNAME},
        [SET_GUEST] = {"guests", NFPROTO_BRIDGE, 28,
                       .key_type = CONCAT3(TYPE_IFNAME, TYPE_ETHER, TYPE_IPV4)},
        [SET_GROUP] = {"groups", NFPROTO_BRIDGE, 4, 4, .key_type = TYPE_IPV4,
                       .data_type = TYPE_MARK},
        [SET_GUARDED] = {"guarded", NFPROTO_BRIDGE, 12, .interval = true,
                         .key_type = CONCAT3(TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE)},
        [SET_REACH] = {"reach", NFPROTO_BRIDGE, 16, .interval = true,
                       .key_type = CONCAT4(TYPE_MARK, TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE)},
};

const SetPlace *nftables_set(ElementSet set)
{
        return &places[set];
}

/* ---- expressions, as data */

typedef enum ExprKind {
        EXPR_END,
        EXPR_META,    /* a: key, reg: to */
        EXPR_CT,      /* a: key, reg: to */
        EXPR_PAYLOAD, /* a: base, b: offset, c: length, reg: to */
        EXPR_IS,      /* reg: from, a: value, c: its length; EXPR_NOT: the other way round */
        EXPR_NOT,
        EXPR_ANY,          /* reg: from, any bit of a; leaves these bits in it */
        EXPR_NONE,         /* reg: from, no bit of a */
        EXPR_KEEP,         /* reg: keeps the bits of a, gets those of b */
        EXPR_IN,           /* reg: key, name: set; EXPR_OUT: is not in it */
        EXPR_OUT,          /* */
        EXPR_MAP,          /* reg: key, name: map, to: data */
        EXPR_VMAP,         /* reg: key, name: map */
        EXPR_SET_MARK,     /* reg: from; the packet's mark */
        EXPR_SET_PRIORITY, /* reg: from; the packet's priority */
        EXPR_SET_CT_MARK,  /* reg: from; the connection's mark */
        EXPR_ZERO,         /* reg: to */
        EXPR_OBJECT,       /* reg: key, name: map from it to an object */
        EXPR_HASH,         /* reg: from, c: length, to: to, a: modulus, b: seed */
        EXPR_NOTRACK,      /* */
        EXPR_DNAT,         /* reg: address, to: port */
        EXPR_SNAT,         /* reg: address */
        EXPR_MASQ,         /* */
        EXPR_REJECT,       /* a: type, b: code */
        EXPR_GO,           /* a: verdict, name: chain */
} ExprKind;

typedef struct Expr {
        ExprKind kind;
        unsigned reg, to;
        uint32_t a, b, c;
        const char *name;
} Expr;

#define META(k, r)  {.kind = EXPR_META, .a = NFT_META_##k, .reg = R(r)}
#define CT(k, r)    {.kind = EXPR_CT, .a = NFT_CT_##k, .reg = R(r)}
#define LL(o, l, r) {.kind = EXPR_PAYLOAD, .a = NFT_PAYLOAD_LL_HEADER, .b = o, .c = l, .reg = R(r)}
#define NET(o, l, r)                                                                               \
        {.kind = EXPR_PAYLOAD, .a = NFT_PAYLOAD_NETWORK_HEADER, .b = o, .c = l, .reg = R(r)}
#define TRANS(o, l, r)                                                                             \
        {.kind = EXPR_PAYLOAD, .a = NFT_PAYLOAD_TRANSPORT_HEADER, .b = o, .c = l, .reg = R(r)}
#define IS(r, v, l)     {.kind = EXPR_IS, .reg = R(r), .a = v, .c = l}
#define NOT(r, v, l)    {.kind = EXPR_NOT, .reg = R(r), .a = v, .c = l}
#define ANY(r, bits)    {.kind = EXPR_ANY, .reg = R(r), .a = bits}
#define NONE(r, bits)   {.kind = EXPR_NONE, .reg = R(r), .a = bits}
#define KEEP(r, m, x)   {.kind = EXPR_KEEP, .reg = R(r), .a = m, .b = x}
#define IN(r, s)        {.kind = EXPR_IN, .reg = R(r), .name = s}
#define OUT(r, s)       {.kind = EXPR_OUT, .reg = R(r), .name = s}
#define MAP(r, s, d)    {.kind = EXPR_MAP, .reg = R(r), .name = s, .to = R(d)}
#define VMAP(r, s)      {.kind = EXPR_VMAP, .reg = R(r), .name = s}
#define SET_MARK(r)     {.kind = EXPR_SET_MARK, .reg = R(r)}
#define SET_PRIORITY(r) {.kind = EXPR_SET_PRIORITY, .reg = R(r)}
#define SET_CT_MARK(r)  {.kind = EXPR_SET_CT_MARK, .reg = R(r)}
#define OBJECT(r, s)    {.kind = EXPR_OBJECT, .reg = R(r), .name = s}
#define ZERO(r)         {.kind = EXPR_ZERO, .reg = R(r)}
#define HASH(r, l, m, d)                                                                           \
        {.kind = EXPR_HASH, .reg = R(r), .c = l, .a = m, .to = R(d), .b = HASH_SEED}
#define HASH_HOSTS(r, l, m, d)                                                                     \
        {.kind = EXPR_HASH, .reg = R(r), .c = l, .a = m, .to = R(d), .b = HASH_SEED_HOSTS}
#define NOTRACK      {.kind = EXPR_NOTRACK}
#define SNAT(r)      {.kind = EXPR_SNAT, .reg = R(r)}
#define DNAT(r, p)   {.kind = EXPR_DNAT, .reg = R(r), .to = R(p)}
#define MASQUERADE   {.kind = EXPR_MASQ}
#define REJECT(t, k) {.kind = EXPR_REJECT, .a = t, .b = k}
#define ACCEPT       {.kind = EXPR_GO, .a = NF_ACCEPT}
#define DROP         {.kind = EXPR_GO, .a = NF_DROP}
#define RETURN       {.kind = EXPR_GO, .a = (uint32_t) NFT_RETURN}
#define JUMP(n)      {.kind = EXPR_GO, .a = (uint32_t) NFT_JUMP, .name = n}
#define GOTO(n)      {.kind = EXPR_GO, .a = (uint32_t) NFT_GOTO, .name = n}

#define IPV4         META(NFPROTO, 0), IS(0, NFPROTO_IPV4, 1)
#define SADDR(r)     NET(12, 4, r)
#define DADDR(r)     NET(16, 4, r)
#define SPORT(r)     TRANS(0, 2, r)
#define DPORT(r)     TRANS(2, 2, r)
#define KNOWN        CT(STATE, 0), ANY(0, STATE_ESTABLISHED | STATE_RELATED)
#define TRANSLATED   CT(STATUS, 0), ANY(0, STATUS_DST_NAT)
#define ENDPOINT_KEY DADDR(0), META(L4PROTO, 1), DPORT(2)
#define FROM_GUEST   META(IIFNAME, 0), IN(0, "bridges")
/* The priority is a place to keep the class in for a moment, forwarding sets it anew: `nft list`
 * gives up on a map whose result is the key of another. */
#define HOSTS_OF(set, map) MAP(0, set, 8), SET_PRIORITY(8), META(PRIORITY, 8), VMAP(8, map)
#define FROM_HOST          META(IIFNAME, 0), IS(0, TX0, 3)
#define TO_HOST            META(OIFNAME, 0), IS(0, TX0, 3)
#define HANDED_OVER        META(MARK, 4), ANY(4, MARK_HOST)
#define OVERLAY(port)      META(L4PROTO, 0), IS(0, IPPROTO_UDP, 1), DPORT(1), IS(1, port, 2)

/* include/uapi/linux/netfilter/nf_conntrack_common.h, as bits */
#define STATE_INVALID     1
#define STATE_ESTABLISHED 2
#define STATE_RELATED     4
#define STATE_NEW         8
#define STATE_UNTRACKED   64
#define STATUS_DST_NAT    (1 << 5)

#define TCP_SYN 0x02

typedef struct RuleText {
        uint8_t family;
        const char *chain;
        Expr exprs[EXPRS_MAX];
} RuleText;

#define INET(chain, ...)                                                                           \
        {                                                                                          \
                NFPROTO_INET, chain,                                                               \
                {                                                                                  \
                        __VA_ARGS__                                                                \
                }                                                                                  \
        }
#define BRIDGE(chain, ...)                                                                         \
        {                                                                                          \
                NFPROTO_BRIDGE, chain,                                                             \
                {                                                                                  \
                        __VA_ARGS__                                                                \
                }                                                                                  \
        }

static const RuleText rules[] = {
        INET("mux", IPV4, IN(0, "fenced"), DADDR(4), IN(4, "vips"), DROP),
        INET("mux", FROM_HOST, META(MARK, 4), KEEP(4, MARK_HOP, 0), SET_MARK(4), ACCEPT),
        INET("mux", IPV4, OVERLAY(LINKS_OVERLAY_PORT), SADDR(4), IN(4, "peers"), NOTRACK, ACCEPT),
        INET("mux", IPV4, OVERLAY(LINKS_FABRIC_PORT), SADDR(4), IN(4, "peers"), NOTRACK, ACCEPT),
        INET("mux", META(IIFNAME, 0), IS(0, LO, 3), ACCEPT),
        INET("mux", FROM_GUEST, ACCEPT), /* later: its connections are translated here */
        INET("mux", IPV4, ENDPOINT_KEY, HOSTS_OF("shares", MUX_MAP)),
        /* an ICMP error goes where the packet goes that it speaks of, a reply of the VIP's */
        INET("mux", IPV4, DADDR(4), IN(4, "vips"), META(L4PROTO, 1), IS(1, IPPROTO_ICMP, 1),
             TRANS(0, 1, 5), IS(5, 3, 1), TRANS(20, 4, 0), TRANS(17, 1, 1), TRANS(28, 2, 2),
             HOSTS_OF("shares", ERROR_MAP)),
        INET("mux_out", IPV4, OVERLAY(LINKS_OVERLAY_PORT), DADDR(4), IN(4, "peers"), NOTRACK),
        INET("mux_out", IPV4, OVERLAY(LINKS_FABRIC_PORT), DADDR(4), IN(4, "peers"), NOTRACK),
        INET("handover", TO_HOST, META(MARK, 4), KEEP(4, MARK_HOP, 0), SET_MARK(4)),

        INET("fresh", CT(STATE, 0), ANY(0, STATE_UNTRACKED), ACCEPT), /* handed over; overlays */
        /* a guest's connection stays with the host that it began with */
        INET("fresh", IPV4, FROM_GUEST, DADDR(4), IN(4, "vips"), CT(MARK, 4), ANY(4, MARK_HOST),
             SET_MARK(4), ACCEPT),
        INET("fresh", KNOWN, ACCEPT),
        INET("fresh", IPV4, SADDR(4), IN(4, "overlay"), META(IIFNAME, 0), OUT(0, "bridges"),
             META(IIFNAME, 0), NOT(0, LO, 3), DROP),
        INET("fresh", IPV4, SADDR(4), IN(4, "vips"), META(IIFNAME, 0), NOT(0, LO, 3), DROP),
        INET("fresh", IPV4, SADDR(4), IN(4, "own"), META(IIFNAME, 0), NOT(0, LO, 3), NOT(0, TX0, 3),
             DROP),
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
        INET("refuse", META(L4PROTO, 0), IS(0, IPPROTO_TCP, 1), REJECT(NFT_REJECT_TCP_RST, 0)),
        INET("refuse", REJECT(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH)),

        INET("forward", META(NFPROTO, 0), IN(0, "fenced"), TRANSLATED, DROP),
        INET("forward", TO_HOST, HANDED_OVER, ACCEPT),
        INET("forward", TO_HOST, DROP),
        INET("forward", KNOWN, ACCEPT),
        INET("forward", IPV4, DADDR(4), IN(4, "vips"), GOTO("refuse")),
        INET("forward", FROM_HOST, TRANSLATED, ACCEPT),
        INET("forward", FROM_HOST, DROP),
        INET("forward", FROM_GUEST, GOTO("guest_out")),
        INET("forward", META(OIFNAME, 0), IN(0, "bridges"), GOTO("guest_to")),
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

typedef struct ChainText {
        uint8_t family;
        const char *name;
        const char *type; /* NULL: not a base chain */
        uint32_t hook;
        int32_t priority;
} ChainText;

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
        {NFPROTO_INET, "public", NULL, 0, 0},
        {NFPROTO_INET, "acl", NULL, 0, 0},
        {NFPROTO_INET, "refuse", NULL, 0, 0},
        {NFPROTO_INET, "guest_in", NULL, 0, 0},
        {NFPROTO_INET, "guest_out", NULL, 0, 0},
        {NFPROTO_INET, "guest_to", NULL, 0, 0},
        {NFPROTO_BRIDGE, "ports", "filter", NF_BR_PRE_ROUTING, -200},
        {NFPROTO_BRIDGE, "guest", NULL, 0, 0},
        {NFPROTO_BRIDGE, "guest_ip", NULL, 0, 0},
        {NFPROTO_BRIDGE, "guest_udp", NULL, 0, 0},
        {NFPROTO_BRIDGE, "guest_reach", NULL, 0, 0},
};

/* ---- from data to libnftnl */

/* Adds an empty expression to a rule; the setters below fill it. NULL when memory is short. */
static struct nftnl_expr *rule_add(struct nftnl_rule *rule, const char *name)
{
        struct nftnl_expr *e = nftnl_expr_alloc(name);

        if (e)
                nftnl_rule_add_expr(rule, e);
        return e;
}

static void set_bytes(struct nftnl_expr *e, uint16_t attribute, uint32_t value, uint32_t length)
{
        char bytes[IFNAMSIZ] = {};

        if (length == 3) { /* a short interface name, compared in full with its padding */
                memcpy(bytes, &value, 4);
                nftnl_expr_set(e, attribute, bytes, IFNAMSIZ);
                return;
        }
        if (length == 2)
                value = htobe16((uint16_t) value);
        nftnl_expr_set(e, attribute, &value, length);
}

static void build_mask(struct nftnl_rule *rule, unsigned reg, uint32_t mask, uint32_t bits)
{
        struct nftnl_expr *e = rule_add(rule, "bitwise");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &bits, sizeof(bits));
}

static void build_compare(struct nftnl_rule *rule, unsigned reg, uint32_t op, uint32_t value,
                          uint32_t length)
{
        struct nftnl_expr *e = rule_add(rule, "cmp");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, reg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
        set_bytes(e, NFTNL_EXPR_CMP_DATA, value, length);
}

static void build_lookup(struct nftnl_rule *rule, const Expr *x)
{
        struct nftnl_expr *e = rule_add(rule, "lookup");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, x->reg);
        nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, x->name);
        if (x->kind == EXPR_MAP)
                nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, x->to);
        else if (x->kind == EXPR_VMAP)
                nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
        else if (x->kind == EXPR_OUT)
                nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void build_load(struct nftnl_rule *rule, const Expr *x)
{
        struct nftnl_expr *e;

        if (x->kind == EXPR_META && (e = rule_add(rule, "meta"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, x->a);
                nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, x->reg);
        } else if (x->kind == EXPR_CT && (e = rule_add(rule, "ct"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, x->a);
                nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, x->reg);
        } else if (x->kind == EXPR_PAYLOAD && (e = rule_add(rule, "payload"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, x->a);
                nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, x->b);
                nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, x->c);
                nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, x->reg);
        }
}

static void build_hash(struct nftnl_rule *rule, const Expr *x)
{
        struct nftnl_expr *e = rule_add(rule, "hash");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
        nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SREG, x->reg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_DREG, x->to);
        nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_LEN, x->c);
        nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_MODULUS, x->a);
        nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SEED, x->b);
}

static void build_action(struct nftnl_rule *rule, const Expr *x)
{
        struct nftnl_expr *e;

        if (x->kind == EXPR_DNAT && (e = rule_add(rule, "nat"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
                nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4);
                nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, x->reg);
                nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, x->to);
        } else if (x->kind == EXPR_SNAT && (e = rule_add(rule, "nat"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
                nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4);
                nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, x->reg);
        } else if (x->kind == EXPR_REJECT && (e = rule_add(rule, "reject"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, x->a);
                nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, (uint8_t) x->b);
        } else if (x->kind == EXPR_MASQ)
                rule_add(rule, "masq");
        else if (x->kind == EXPR_NOTRACK)
                rule_add(rule, "notrack");
        else if (x->kind == EXPR_GO && (e = rule_add(rule, "immediate"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
                nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, x->a);
                if (x->name)
                        nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, x->name);
        }
}

static void build_mark(struct nftnl_rule *rule, const Expr *x)
{
        struct nftnl_expr *e;
        uint32_t zero = 0;

        if ((x->kind == EXPR_SET_MARK || x->kind == EXPR_SET_PRIORITY) &&
            (e = rule_add(rule, "meta"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY,
                                   x->kind == EXPR_SET_MARK ? NFT_META_MARK : NFT_META_PRIORITY);
                nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, x->reg);
        } else if (x->kind == EXPR_SET_CT_MARK && (e = rule_add(rule, "ct"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
                nftnl_expr_set_u32(e, NFTNL_EXPR_CT_SREG, x->reg);
        } else if (x->kind == EXPR_ZERO && (e = rule_add(rule, "immediate"))) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, x->reg);
                nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &zero, sizeof(zero));
        }
}

static void build_object(struct nftnl_rule *rule, const Expr *x)
{
        struct nftnl_expr *e = rule_add(rule, "objref");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_OBJREF_SET_SREG, x->reg);
        nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_SET_NAME, x->name);
}

static void build_expr(struct nftnl_rule *rule, const Expr *x)
{
        switch (x->kind) {
        case EXPR_META:
        case EXPR_CT:
        case EXPR_PAYLOAD:
                return build_load(rule, x);
        case EXPR_IS:
                return build_compare(rule, x->reg, NFT_CMP_EQ, x->a, x->c);
        case EXPR_NOT:
                return build_compare(rule, x->reg, NFT_CMP_NEQ, x->a, x->c);
        case EXPR_ANY:
                build_mask(rule, x->reg, x->a, 0);
                return build_compare(rule, x->reg, NFT_CMP_NEQ, 0, 4);
        case EXPR_NONE:
                build_mask(rule, x->reg, x->a, 0);
                return build_compare(rule, x->reg, NFT_CMP_EQ, 0, 4);
        case EXPR_KEEP:
                return build_mask(rule, x->reg, x->a, x->b);
        case EXPR_IN:
        case EXPR_OUT:
        case EXPR_MAP:
        case EXPR_VMAP:
                return build_lookup(rule, x);
        case EXPR_SET_MARK:
        case EXPR_SET_PRIORITY:
        case EXPR_SET_CT_MARK:
        case EXPR_ZERO:
                return build_mark(rule, x);
        case EXPR_OBJECT:
                return build_object(rule, x);
        case EXPR_HASH:
                return build_hash(rule, x);
        default:
                return build_action(rule, x);
        }
}

static void add_rule(Batch *batch, const RuleText *text)
{
        struct nftnl_rule *rule = nftnl_rule_alloc();
        struct nlmsghdr *message =
                batch_message(batch, NFT_MSG_NEWRULE, text->family, NLM_F_CREATE | NLM_F_APPEND);

        if (rule && message) {
                nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, NFTABLES_TABLE);
                nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, text->chain);
                for (size_t i = 0; i < EXPRS_MAX && text->exprs[i].kind != EXPR_END; i++)
                        build_expr(rule, &text->exprs[i]);
                nftnl_rule_nlmsg_build_payload(message, rule);
                batch_commit_message(batch, message);
        } else
                batch->failed = true;
        nftnl_rule_free(rule);
}

static void add_chain(Batch *batch, const ChainText *text)
{
        struct nftnl_chain *chain = nftnl_chain_alloc();
        struct nlmsghdr *message =
                batch_message(batch, NFT_MSG_NEWCHAIN, text->family, NLM_F_CREATE);

        if (chain && message) {
                nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, NFTABLES_TABLE);
                nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, text->name);
                if (text->type) {
                        nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, text->type);
                        nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, text->hook);
                        nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, text->priority);
                        nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
                }
                nftnl_chain_nlmsg_build_payload(message, chain);
                batch_commit_message(batch, message);
        } else
                batch->failed = true;
        nftnl_chain_free(chain);
}

static struct nftnl_set *new_set(const SetPlace *place, uint32_t id, bool verdicts)
{
        struct nftnl_set *set = nftnl_set_alloc();
        bool map = verdicts || place->data_length > 0;

        if (!set)
                return NULL;
        nftnl_set_set_str(set, NFTNL_SET_TABLE, NFTABLES_TABLE);
        nftnl_set_set_str(set, NFTNL_SET_NAME, place->name);
        nftnl_set_set_u32(set, NFTNL_SET_ID, id);
        nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, place->key_type);
        nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, place->key_length);
        nftnl_set_set_u32(set, NFTNL_SET_FLAGS,
                          (map ? NFT_SET_MAP : 0) | (place->interval ? NFT_SET_INTERVAL : 0) |
                                  (place->rate ? NFT_SET_EVAL : 0) |
                                  (place->object ? NFT_SET_OBJECT : 0));
        if (place->object)
                nftnl_set_set_u32(set, NFTNL_SET_OBJ_TYPE, NFT_OBJECT_CT_TIMEOUT);
        if (map) {
                nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE,
                                  verdicts ? NFT_DATA_VERDICT : place->data_type);
                nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, place->data_length);
        }
        return set;
}

/* All elements of a set that carry a limit have one of this kind; each has its own rate. */
static void add_limit(struct nftnl_set *set)
{
        struct nftnl_expr *e = nftnl_expr_alloc("limit");

        if (!e)
                return;
        nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, 1);
        nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, 1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
        nftnl_set_add_expr(set, e);
}

static void add_set(Batch *batch, const SetPlace *place, uint32_t id, bool verdicts)
{
        struct nftnl_set *set = new_set(place, id, verdicts);
        struct nlmsghdr *message =
                batch_message(batch, NFT_MSG_NEWSET, place->family, NLM_F_CREATE);

        if (set && message) {
                if (place->rate)
                        add_limit(set);
                nftnl_set_nlmsg_build_payload(message, set);
                batch_commit_message(batch, message);
        } else
                batch->failed = true;
        nftnl_set_free(set);
}

static void chain_of_class(uint32_t class, char name[static CHAIN_NAME])
{
        snprintf(name, CHAIN_NAME, "%s_%u", class & CLASS_STICKY ? "source" : "tuple",
                 lb_size(class & CLASS_SIZE));
}

/* All classes that there are, without the ACL bit. */
static unsigned classes(uint32_t list[static 2 * LB_SIZES_MAX])
{
        unsigned n = 0;

        for (uint32_t i = 0; i < LB_SIZES_MAX; i++)
                list[n++] = CLASS_VALID | i;
        for (uint32_t i = STICKY_FIRST; i < LB_SIZES_MAX; i++)
                list[n++] = CLASS_VALID | CLASS_STICKY | i;
        return n;
}

/* The classes of tables of hosts: their sizes are those of sticky groups, so that few buckets move.
 */
static unsigned host_classes(uint32_t list[static 2 * LB_SIZES_MAX])
{
        unsigned n = 0;

        list[n++] = CLASS_VALID;
        for (uint32_t i = STICKY_FIRST; i < LB_SIZES_MAX; i++) {
                list[n++] = CLASS_VALID | i;
                list[n++] = CLASS_VALID | CLASS_STICKY | i;
        }
        return n;
}

static void put_verdict(struct nlmsghdr *message, uint32_t class, uint32_t code, const char *chain)
{
        struct nlattr *item = mnl_attr_nest_start(message, NFTA_LIST_ELEM), *value, *verdict;

        value = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
        mnl_attr_put(message, NFTA_DATA_VALUE, sizeof(class), &class);
        mnl_attr_nest_end(message, value);
        value = mnl_attr_nest_start(message, NFTA_SET_ELEM_DATA);
        verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);
        mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htobe32(code));
        mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, chain);
        mnl_attr_nest_end(message, verdict);
        mnl_attr_nest_end(message, value);
        mnl_attr_nest_end(message, item);
}

/* Begins the message with the elements of a new map from class to chain. */
static struct nlmsghdr *begin_verdicts(Batch *batch, const char *name, uint32_t id)
{
        const SetPlace place = {name, NFPROTO_INET, 4, .key_type = TYPE_MARK};
        struct nlmsghdr *message;

        add_set(batch, &place, id, true);
        message = batch_message(batch, NFT_MSG_NEWSETELEM, NFPROTO_INET, NLM_F_CREATE);
        if (!message)
                return NULL;
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, NFTABLES_TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, name);
        return message;
}

/* The map from class to chain: the first leads classes with an ACL to the acl chain, which asks the
 * second. */
static void add_class_map(Batch *batch, const char *name, bool ask_acl, uint32_t id)
{
        struct nlmsghdr *message = begin_verdicts(batch, name, id);
        uint32_t list[2 * LB_SIZES_MAX];
        unsigned n = classes(list);
        struct nlattr *elements;
        char chain[CHAIN_NAME];

        if (!message)
                return;
        elements = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
        for (unsigned i = 0; i < n; i++) {
                chain_of_class(list[i], chain);
                put_verdict(message, list[i], (uint32_t) NFT_GOTO, chain);
                put_verdict(message, list[i] | CLASS_ACL, (uint32_t) NFT_GOTO,
                            ask_acl ? "acl" : chain);
        }
        mnl_attr_nest_end(message, elements);
        batch_commit_message(batch, message);
}

typedef struct HostMap {
        const char *name;
        const char *prefix; /* of its chains */
} HostMap;

static const HostMap host_maps[] = {{MUX_MAP, "mux"}, {AGAIN_MAP, "again"}, {ERROR_MAP, "error"}};

static void chain_of_hosts(const HostMap *map, uint32_t class, char name[static CHAIN_NAME])
{
        snprintf(name, CHAIN_NAME, "%s_%s_%u", map->prefix,
                 class & CLASS_STICKY ? "source" : "tuple", lb_size(class & CLASS_SIZE));
}

/* What a chain of hosts marks, the rules behind its caller look at. */
static void add_host_map(Batch *batch, const HostMap *map, uint32_t id)
{
        struct nlmsghdr *message = begin_verdicts(batch, map->name, id);
        uint32_t list[2 * LB_SIZES_MAX];
        unsigned n = host_classes(list);
        struct nlattr *elements;
        char chain[CHAIN_NAME];

        if (!message)
                return;
        elements = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
        for (unsigned i = 0; i < n; i++) {
                chain_of_hosts(map, list[i], chain);
                put_verdict(message, list[i], (uint32_t) NFT_JUMP, chain);
        }
        mnl_attr_nest_end(message, elements);
        batch_commit_message(batch, message);
}

#define MAX_HOST_RULES 2

/* The rules of a chain of hosts; returns how many. A bucket of this host has no element: its packet
 * goes on to conntrack and to the instances here. */
static unsigned host_rules(const HostMap *map, uint32_t class, const char *chain,
                           RuleText rule[static MAX_HOST_RULES])
{
        uint32_t size = lb_size(class & CLASS_SIZE), length = class & CLASS_STICKY ? 8 : 16;

        if (map->prefix[0] == 'm') {
                rule[0] = (RuleText) INET(chain, ENDPOINT_KEY, NET(12, 8, 4), SPORT(6), DPORT(7),
                                          HASH_HOSTS(4, length, size, 3), MAP(0, "hosts", 8),
                                          SET_MARK(8), NOTRACK);
                return 1;
        }
        if (map->prefix[0] == 'e') {
                rule[0] = (RuleText) INET(chain, TRANS(20, 4, 0), TRANS(17, 1, 1), TRANS(28, 2, 2),
                                          TRANS(24, 4, 4), TRANS(20, 4, 5), TRANS(30, 2, 6),
                                          TRANS(28, 2, 7), HASH_HOSTS(4, length, size, 3),
                                          MAP(0, "hosts", 8), SET_MARK(8), NOTRACK);
                return 1;
        }
        /* nobody was asked yet: whoever this host thinks has the bucket; then those that had it. A
         * mark names no host here, it is how many were asked */
        rule[0] = (RuleText) INET(chain, META(MARK, 5), NONE(5, MARK_HOP), ENDPOINT_KEY,
                                  NET(12, 8, 4), SPORT(6), DPORT(7), HASH_HOSTS(4, length, size, 3),
                                  MAP(0, "hosts", 8), KEEP(8, MARK_HOST, 1), SET_MARK(8), RETURN);
        rule[1] = (RuleText) INET(chain, ENDPOINT_KEY, NET(12, 8, 4), SPORT(6), DPORT(7),
                                  HASH_HOSTS(4, length, size, 3), META(MARK, 4), MAP(0, "again", 8),
                                  SET_MARK(8));
        return 2;
}

static void add_host_chains(Batch *batch, const HostMap *map, bool with_rules)
{
        uint32_t list[2 * LB_SIZES_MAX];
        unsigned n = host_classes(list);

        for (unsigned i = 0; i < n; i++) {
                RuleText rule[MAX_HOST_RULES];
                char chain[CHAIN_NAME];
                unsigned n_rules;

                chain_of_hosts(map, list[i], chain);
                if (!with_rules) {
                        add_chain(batch, &(ChainText) {NFPROTO_INET, chain, NULL, 0, 0});
                        continue;
                }
                n_rules = host_rules(map, list[i], chain, rule);
                for (unsigned j = 0; j < n_rules; j++)
                        add_rule(batch, &rule[j]);
        }
}

static unsigned count_host_rules(void)
{
        uint32_t list[2 * LB_SIZES_MAX];
        unsigned n = host_classes(list), n_rules = 0;
        RuleText rule[MAX_HOST_RULES];

        for (size_t i = 0; i < ARRAY_SIZE(host_maps); i++)
                for (unsigned j = 0; j < n; j++)
                        n_rules += host_rules(&host_maps[i], list[j], "", rule);
        return n_rules;
}

/* The rule that picks a bucket. One bucket needs no hash, but its word in the key. */
static void add_class_rule(Batch *batch, uint32_t class)
{
        uint32_t size = lb_size(class & CLASS_SIZE);
        bool sticky = class & CLASS_STICKY;
        char chain[CHAIN_NAME];
        const RuleText tuple = {NFPROTO_INET,
                                chain,
                                {ENDPOINT_KEY, NET(12, 8, 4), TRANS(0, 4, 6), HASH(4, 12, size, 3),
                                 MAP(0, "buckets", 8), DNAT(8, 9)}};
        const RuleText source = {NFPROTO_INET,
                                 chain,
                                 {ENDPOINT_KEY, NET(12, 8, 4), HASH(4, 8, size, 3),
                                  MAP(0, "buckets", 8), DNAT(8, 9)}};

        chain_of_class(class, chain);
        add_rule(batch, sticky ? &source : &tuple);
}

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
        uint32_t list[2 * LB_SIZES_MAX];
        unsigned n = classes(list);

        for (unsigned minutes = 1; minutes <= IDLE_MINUTES_MAX; minutes++)
                add_idle_object(batch, minutes);
        for (uint32_t set = 0; set < SETS; set++)
                add_set(batch, &places[set], set + 1, false);
        for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
                add_chain(batch, &chains[i]);
        for (unsigned i = 0; i < n; i++) {
                char name[CHAIN_NAME];

                chain_of_class(list[i], name);
                add_chain(batch, &(ChainText) {NFPROTO_INET, name, NULL, 0, 0});
                add_class_rule(batch, list[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(host_maps); i++)
                add_host_chains(batch, &host_maps[i], false);
        add_class_map(batch, CLASS_MAP, true, SETS + 1);
        add_class_map(batch, CLASS_ACL_MAP, false, SETS + 2);
        for (uint32_t i = 0; i < ARRAY_SIZE(host_maps); i++)
                add_host_map(batch, &host_maps[i], SETS + 3 + i);
        for (size_t i = 0; i < ARRAY_SIZE(host_maps); i++)
                add_host_chains(batch, &host_maps[i], true);
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                add_rule(batch, &rules[i]);
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
        uint32_t list[2 * LB_SIZES_MAX];
        unsigned n = family == NFPROTO_INET ? classes(list) + count_host_rules() : 0;

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
