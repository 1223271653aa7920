/* SPDX-License-Identifier: GPL-3.0-or-later */

/* From a rule as data to libnftnl's objects. One kind of expression is one function; kinds that
 * libnftnl builds alike share one. An expression that could not be allocated leaves its rule short,
 * which the digest of the ruleset then shows. */

#include "netd/nftables-rule.h"

#include <endian.h>
#include <net/if.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

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

        if (length == IFNAMSIZ) { /* a short interface name, compared in full with its padding */
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

void batch_rule(Batch *batch, const RuleText *text)
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

void batch_chain(Batch *batch, const ChainText *text)
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
