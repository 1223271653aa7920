/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Placement. Usable hosts are in a tree by free memory for each fault domain, and domains in a tree
 * by their free memory together, so the search walks best candidates first and stops at the first
 * that no other can beat. What it passes over are hosts and domains where the role already is, so
 * its cost grows with the role, not with the cluster. */

#include "fabric/place.h"

#include <string.h>

#include "lib/base/array.h"
#include "lib/base/hash.h"

#define COUNTS_MIN_SLOTS 16u

/* ---- counts: an open-addressed table from index to count, at most half full */

static uint32_t counts_find(const PlaceCounts *counts, uint32_t index)
{
        uint32_t at = (uint32_t) hash_mix(index) & (counts->n_slots - 1);

        while (counts->slots[at].count > 0 && counts->slots[at].index != index)
                at = (at + 1) & (counts->n_slots - 1);
        return at;
}

static uint32_t counts_get(const PlaceCounts *counts, uint32_t index)
{
        return counts->n_slots == 0 ? 0 : counts->slots[counts_find(counts, index)].count;
}

/* Makes room for one more index. */
static int counts_reserve(PlaceCounts *counts)
{
        PlaceCounts grown = {.n_used = counts->n_used};

        if (2 * (counts->n_used + 1) <= counts->n_slots)
                return 0;
        grown.n_slots = MAX(2 * counts->n_slots, COUNTS_MIN_SLOTS);
        grown.slots = calloc(grown.n_slots, sizeof(*grown.slots));
        if (!grown.slots)
                return -ENOMEM;
        for (uint32_t i = 0; i < counts->n_slots; i++)
                if (counts->slots[i].count > 0)
                        grown.slots[counts_find(&grown, counts->slots[i].index)] = counts->slots[i];
        free(counts->slots);
        *counts = grown;
        return 0;
}

static void counts_add(PlaceCounts *counts, uint32_t index)
{
        struct PlaceCount *slot = &counts->slots[counts_find(counts, index)];

        counts->n_used += slot->count == 0;
        slot->index = index;
        slot->count++;
}

int place_spread_add(PlaceSpread *spread, const Place *place, uint32_t host)
{
        if (counts_reserve(&spread->hosts) < 0 || counts_reserve(&spread->domains) < 0)
                return -ENOMEM;
        counts_add(&spread->hosts, host);
        counts_add(&spread->domains, place->hosts[host].domain);
        return 0;
}

void place_spread_deinit(PlaceSpread *spread)
{
        free(spread->hosts.slots);
        free(spread->domains.slots);
        *spread = (PlaceSpread) {};
}

/* ---- the index */

static Tree domain_tree(const Place *place)
{
        return (Tree) {.first = place->n_domains ? (char *) &place->domains[0].node : NULL,
                       .stride = sizeof(PlaceDomain),
                       .root = place->root};
}

static Tree host_tree(const Place *place, uint32_t domain)
{
        return (Tree) {.first = (char *) &place->hosts[0].node,
                       .stride = sizeof(PlaceHost),
                       .root = place->domains[domain].root};
}

void place_init(Place *place)
{
        *place = (Place) {.root = TREE_NONE};
}

void place_deinit(Place *place)
{
        free(place->hosts);
        free(place->domains);
        place_init(place);
}

int place_domain_add(Place *place, uint64_t tie, uint32_t *ret)
{
        PlaceDomain *grown = array_grow(place->domains, place->n_domains, sizeof(*grown));
        Tree tree;

        if (!grown)
                return -ENOMEM;
        place->domains = grown;
        grown[place->n_domains] =
                (PlaceDomain) {.node = {.key = UINT64_MAX, .tie = tie}, .root = TREE_NONE};
        *ret = place->n_domains++;
        tree = domain_tree(place);
        tree_insert(&tree, *ret);
        place->root = tree.root;
        return 0;
}

int place_host_add(Place *place, uint64_t tie, uint32_t *ret)
{
        PlaceHost *grown = array_grow(place->hosts, place->n_hosts, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        place->hosts = grown;
        grown[place->n_hosts] = (PlaceHost) {.node = {.tie = tie}, .domain = PLACE_NONE};
        *ret = place->n_hosts++;
        return 0;
}

static uint64_t free_memory(const PlaceHost *host)
{
        return host->capacity.memory_bytes > host->used.memory_bytes
                       ? host->capacity.memory_bytes - host->used.memory_bytes
                       : 0;
}

/* Counts a host's free memory in its domain, or takes it out (@sign is -1). */
static void domain_change(Place *place, const PlaceHost *host, int sign)
{
        PlaceDomain *domain = &place->domains[host->domain];
        Tree tree = domain_tree(place);

        tree_remove(&tree, host->domain);
        domain->free_bytes += (uint64_t) sign * free_memory(host);
        domain->node.key = UINT64_MAX - domain->free_bytes;
        tree_insert(&tree, host->domain);
        place->root = tree.root;
}

static void host_link(Place *place, uint32_t index)
{
        PlaceHost *host = &place->hosts[index];
        Tree tree;

        if (!host->usable)
                return;
        tree = host_tree(place, host->domain);
        host->node.key = free_memory(host);
        tree_insert(&tree, index);
        place->domains[host->domain].root = tree.root;
        domain_change(place, host, 1);
}

static void host_unlink(Place *place, uint32_t index)
{
        PlaceHost *host = &place->hosts[index];
        Tree tree;

        if (!host->usable)
                return;
        domain_change(place, host, -1);
        tree = host_tree(place, host->domain);
        tree_remove(&tree, index);
        place->domains[host->domain].root = tree.root;
}

void place_host_set(Place *place, uint32_t host, uint32_t domain, const PlaceSize *capacity,
                    bool usable)
{
        assert(host < place->n_hosts && domain < place->n_domains);
        host_unlink(place, host);
        place->hosts[host].domain = domain;
        place->hosts[host].capacity = *capacity;
        place->hosts[host].usable = usable;
        host_link(place, host);
}

void place_take(Place *place, uint32_t host, const PlaceSize *size)
{
        PlaceSize *used = &place->hosts[host].used;

        host_unlink(place, host);
        used->vcpus += size->vcpus;
        used->memory_bytes += size->memory_bytes;
        used->disk_bytes += size->disk_bytes;
        host_link(place, host);
}

void place_give(Place *place, uint32_t host, const PlaceSize *size)
{
        PlaceSize *used = &place->hosts[host].used;

        assert(used->vcpus >= size->vcpus && used->memory_bytes >= size->memory_bytes &&
               used->disk_bytes >= size->disk_bytes);
        host_unlink(place, host);
        used->vcpus -= size->vcpus;
        used->memory_bytes -= size->memory_bytes;
        used->disk_bytes -= size->disk_bytes;
        host_link(place, host);
}

/* ---- the search */

static bool host_fits(const PlaceHost *host, const PlaceSize *size)
{
        return host->used.memory_bytes + size->memory_bytes <= host->capacity.memory_bytes &&
               host->used.vcpus + size->vcpus <= host->capacity.vcpus &&
               host->used.disk_bytes + size->disk_bytes <= host->capacity.disk_bytes;
}

/* The best host of a domain; PLACE_NONE when none has room. */
static uint32_t domain_pick(const Place *place, const PlaceSpread *spread, const PlaceSize *size,
                            uint32_t avoid, uint32_t domain)
{
        uint32_t best = PLACE_NONE, fewest = UINT32_MAX;
        Tree tree = host_tree(place, domain);

        for (uint32_t i = tree_from(&tree, size->memory_bytes); i != TREE_NONE && fewest > 0;
             i = tree_next(&tree, i)) {
                uint32_t count;

                if (i == avoid || !host_fits(&place->hosts[i], size))
                        continue;
                count = counts_get(&spread->hosts, i);
                if (count < fewest) {
                        fewest = count;
                        best = i;
                }
        }
        return best;
}

/* Domains without the role, most free memory first, down to those that are too full. */
static uint32_t pick_new_domain(const Place *place, const PlaceSpread *spread,
                                const PlaceSize *size, uint32_t avoid)
{
        Tree tree = domain_tree(place);

        for (uint32_t d = tree_from(&tree, 0); d != TREE_NONE; d = tree_next(&tree, d)) {
                uint32_t host;

                if (place->domains[d].free_bytes < size->memory_bytes)
                        break;
                if (counts_get(&spread->domains, d) > 0)
                        continue;
                host = domain_pick(place, spread, size, avoid, d);
                if (host != PLACE_NONE)
                        return host;
        }
        return PLACE_NONE;
}

/* Whether domain @a with @a_count of the role's instances is to be tried before @b. */
static bool tried_before(const Place *place, const struct PlaceCount *a, const struct PlaceCount *b)
{
        const TreeNode *left = &place->domains[a->index].node;
        const TreeNode *right = &place->domains[b->index].node;

        if (a->count != b->count)
                return a->count < b->count;
        if (left->key != right->key)
                return left->key < right->key;
        if (left->tie != right->tie)
                return left->tie < right->tie;
        return a->index < b->index;
}

/* The domain to try behind @last, or the first one; among those that have the role. */
static const struct PlaceCount *next_domain(const Place *place, const PlaceSpread *spread,
                                            const struct PlaceCount *last)
{
        const struct PlaceCount *next = NULL;

        for (uint32_t i = 0; i < spread->domains.n_slots; i++) {
                const struct PlaceCount *slot = &spread->domains.slots[i];

                if (slot->count == 0 || (last && !tried_before(place, last, slot)))
                        continue;
                if (!next || tried_before(place, slot, next))
                        next = slot;
        }
        return next;
}

int place_pick(const Place *place, const PlaceSpread *spread, const PlaceSize *size, uint32_t avoid,
               uint32_t *ret_host)
{
        uint32_t host = pick_new_domain(place, spread, size, avoid);

        for (const struct PlaceCount *slot = NULL;
             host == PLACE_NONE && (slot = next_domain(place, spread, slot));)
                host = domain_pick(place, spread, size, avoid, slot->index);
        if (host == PLACE_NONE)
                return PLACE_NO_ROOM;
        *ret_host = host;
        return 0;
}
