/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Rules as data: an array of expressions, written with the macros below, which read like the rule
 * in `nft list`. R(n) are the 32-bit registers; names of interfaces take four of them. */

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "netd/nftables-internal.h"

#define R(n)      (NFT_REG32_00 + (n))
#define HASH_SEED 0x54524f55 /* any number, the same on every host */
/* Another: a host's buckets are to spread over its instances. */
#define HASH_SEED_HOSTS 0x4d555800
#define EXPRS_MAX       16

/* "lo", and what FABRIC_LINK and FABRIC_DIRECT begin with, as the numbers that they are in memory.
 * Nothing else that routes has a name like the second. */
#define LO         0x6f6c
#define TX0        0x307874
#define TX0_LENGTH 3

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
#define FROM_HOST          META(IIFNAME, 0), IS(0, TX0, TX0_LENGTH)
#define TO_HOST            META(OIFNAME, 0), IS(0, TX0, TX0_LENGTH)
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

typedef struct ChainText {
        uint8_t family;
        const char *name;
        const char *type; /* NULL: not a base chain */
        uint32_t hook;
        int32_t priority;
} ChainText;

/** batch_rule() - Append a rule to its chain */
void batch_rule(Batch *batch, const RuleText *text);

/** batch_chain() - Append an empty chain; a base chain lets pass what its rules do not decide */
void batch_chain(Batch *batch, const ChainText *text);
