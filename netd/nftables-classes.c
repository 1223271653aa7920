/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The chains that pick a bucket, one for each class: a table's size, and whether the client's
 * address alone decides. Sizes are few, so the ruleset stays constant and an endpoint only says its
 * class.
 *
 *   CLASS_MAP, CLASS_ACL_MAP   the table of instances on this host: rewrites the destination
 *   MUX_MAP                    the table of hosts, for what comes fresh: marks whose bucket it is
 *   AGAIN_MAP                  the same for what has no instance here: the next host to be asked
 *   ERROR_MAP                  the same for an ICMP error, by the packet that it speaks of */

#include "netd/nftables-classes.h"

#include <netinet/in.h>
#include <stdio.h>

#include <libmnl/libmnl.h>

#include "lb/table.h"
#include "netd/nftables-rule.h"
#include "netd/nftables-set.h"

#define CHAIN_NAME     24
#define STICKY_FIRST   8 /* index of the smallest size that sticky groups use besides 1 */
#define MAX_HOST_RULES 2

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

/* The map from class to chain: the first leads classes with an ACL to the acl chain, which asks the
 * second. */
static void add_class_map(Batch *batch, const char *name, bool ask_acl, uint32_t id)
{
        struct nlmsghdr *message = batch_verdicts(batch, name, id);
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
        struct nlmsghdr *message = batch_verdicts(batch, map->name, id);
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
                        batch_chain(batch, &(ChainText) {NFPROTO_INET, chain, NULL, 0, 0});
                        continue;
                }
                n_rules = host_rules(map, list[i], chain, rule);
                for (unsigned j = 0; j < n_rules; j++)
                        batch_rule(batch, &rule[j]);
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
        batch_rule(batch, sticky ? &source : &tuple);
}

void batch_classes(Batch *batch, uint32_t first_id)
{
        uint32_t list[2 * LB_SIZES_MAX];
        unsigned n = classes(list);

        for (unsigned i = 0; i < n; i++) {
                char name[CHAIN_NAME];

                chain_of_class(list[i], name);
                batch_chain(batch, &(ChainText) {NFPROTO_INET, name, NULL, 0, 0});
                add_class_rule(batch, list[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(host_maps); i++)
                add_host_chains(batch, &host_maps[i], false);
        add_class_map(batch, CLASS_MAP, true, first_id);
        add_class_map(batch, CLASS_ACL_MAP, false, first_id + 1);
        for (uint32_t i = 0; i < ARRAY_SIZE(host_maps); i++)
                add_host_map(batch, &host_maps[i], first_id + 2 + i);
        for (size_t i = 0; i < ARRAY_SIZE(host_maps); i++)
                add_host_chains(batch, &host_maps[i], true);
}

unsigned nftables_class_rules(void)
{
        uint32_t list[2 * LB_SIZES_MAX];

        return classes(list) + count_host_rules();
}
