/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Which sets and maps the ruleset has: one for each ElementSet, and the maps from an endpoint's
 * class to the chain that picks its bucket. The types of keys are only for `nft list` to show. */

#include "netd/nftables-set.h"

#include <endian.h>

#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

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

void batch_set(Batch *batch, const SetPlace *place, uint32_t id, bool verdicts)
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

void put_verdict(struct nlmsghdr *message, uint32_t class, uint32_t code, const char *chain)
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

struct nlmsghdr *batch_verdicts(Batch *batch, const char *name, uint32_t id)
{
        const SetPlace place = {name, NFPROTO_INET, 4, .key_type = TYPE_MARK};
        struct nlmsghdr *message;

        batch_set(batch, &place, id, true);
        message = batch_message(batch, NFT_MSG_NEWSETELEM, NFPROTO_INET, NLM_F_CREATE);
        if (!message)
                return NULL;
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, NFTABLES_TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, name);
        return message;
}
