/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Keys are laid out as the ruleset's registers are: words of four bytes, short values padded with
 * zeroes. Intervals over several words work because the kernel compares keys as byte strings: all
 * words but the last two are the same at both ends. */

#include "netd/elements.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#include "lb/table.h"
#include "lib/base/array.h"
#include "lib/base/hash.h"
#include "lib/base/str.h"
#include "netd/acl.h"
#include "netd/share.h"

#define RATE_DEFAULT 10000 /* new connections a second that one VIP may begin */

void elements_deinit(Elements *elements)
{
        free(elements->items);
        *elements = (Elements) {};
}

int elements_add(Elements *elements, const Element *element)
{
        assert(element);
        elements->sorted = false;
        return ARRAY_APPEND(elements->items, elements->n_items, *element);
}

static void key_bytes(Element *element, const void *bytes, size_t length)
{
        size_t padded = (length + 3) / 4 * 4;

        assert(element->key_length + padded <= ELEMENT_KEY_MAX);
        memcpy(element->key + element->key_length, bytes, length);
        element->key_length = (uint8_t) (element->key_length + padded);
}

static void key_address(Element *element, const IpAddress *address)
{
        key_bytes(element, address->bytes, 4);
}

static void key_port(Element *element, uint8_t protocol, uint16_t port)
{
        const uint8_t bytes[] = {(uint8_t) (port >> 8), (uint8_t) port};

        key_bytes(element, &protocol, 1);
        key_bytes(element, bytes, 2);
}

static void key_word(Element *element, uint32_t word)
{
        key_bytes(element, &word, 4);
}

static void key_interface(Element *element, const char *name)
{
        char padded[IFNAMSIZ] = {};

        snprintf(padded, sizeof(padded), "%s", name);
        key_bytes(element, padded, sizeof(padded));
}

/* Adds the interval [first, last]: its start, and its end, the first key behind it. */
static int add_interval(Elements *elements, const Element *first, const Element *last)
{
        Element end = *last;
        int r;

        end.end = true;
        for (int i = end.key_length - 1; i >= 0; i--)
                if (++end.key[i] != 0)
                        break;
        r = elements_add(elements, first);
        return r < 0 ? r : elements_add(elements, &end);
}

static int of_network(Elements *elements, const Network *n)
{
        Element bridge = {.set = SET_BRIDGE}, first = {.set = SET_OVERLAY}, last;
        IpAddress network = ip_network(&n->gateway, n->prefix);
        int r;

        key_interface(&bridge, n->bridge);
        r = elements_add(elements, &bridge);
        if (r < 0)
                return r;
        key_address(&first, &network);
        last = first;
        for (unsigned bit = n->prefix; bit < 32; bit++)
                last.key[bit / 8] |= (uint8_t) (0x80 >> bit % 8);
        return add_interval(elements, &first, &last);
}

static uint32_t group_number(const char *network, const char *group)
{
        return (uint32_t) hash_text(group, hash_text(network, 0));
}

/* Ports of an instance that reach rules speak of: to be guarded, or open to one group. */
typedef struct PortRange {
        bool open;
        uint32_t from; /* group, when open */
        uint8_t protocol;
        uint16_t first;
        uint16_t last;
} PortRange;

typedef struct PortRanges {
        PortRange *items;
        size_t n_items;
} PortRanges;

static int compare_ranges(const void *a, const void *b)
{
        const PortRange *x = a, *y = b;

        if (x->open != y->open)
                return x->open - y->open;
        if (x->from != y->from)
                return x->from < y->from ? -1 : 1;
        if (x->protocol != y->protocol)
                return (int) x->protocol - (int) y->protocol;
        return (int) x->first - (int) y->first;
}

/* Makes ranges of the same kind that overlap or touch into one: the kernel takes no overlaps. */
static void merge_ranges(PortRanges *ranges)
{
        size_t kept = 0;

        if (ranges->n_items > 1)
                qsort(ranges->items, ranges->n_items, sizeof(*ranges->items), compare_ranges);
        for (size_t i = 0; i < ranges->n_items; i++) {
                PortRange *last = kept > 0 ? &ranges->items[kept - 1] : NULL;
                const PortRange *r = &ranges->items[i];

                if (last && last->open == r->open && last->from == r->from &&
                    last->protocol == r->protocol && r->first <= (uint32_t) last->last + 1)
                        last->last = MAX(last->last, r->last);
                else
                        ranges->items[kept++] = *r;
        }
        ranges->n_items = kept;
}

static int add_range(Elements *elements, const IpAddress *address, const PortRange *range)
{
        Element first = {.set = range->open ? SET_REACH : SET_GUARDED}, last;

        if (range->open)
                key_word(&first, range->from);
        key_address(&first, address);
        last = first;
        key_port(&first, range->protocol, range->first);
        key_port(&last, range->protocol, range->last);
        last.key[last.key_length - 2] = last.key[last.key_length - 1] = 0xff;
        return add_interval(elements, &first, &last);
}

static int collect_ranges(PortRanges *ranges, const Reach *reach)
{
        PortRange range = {.protocol = reach->protocol, .first = reach->first, .last = reach->last};
        int r;

        r = ARRAY_APPEND(ranges->items, ranges->n_items, range);
        range.open = true;
        for (size_t i = 0; r == 0 && i < reach->n_from; i++) {
                range.from = group_number(reach->network, reach->from[i]);
                r = ARRAY_APPEND(ranges->items, ranges->n_items, range);
        }
        return r;
}

/* An instance of this host or of another, as the reach rules see it. */
typedef struct Member {
        const char *network;
        const char *group;
        const IpAddress *address;
} Member;

static int add_reaches(Elements *elements, const State *state, const Member *n)
{
        Element group = {.set = SET_GROUP, .data_length = 4};
        uint32_t number = group_number(n->network, n->group);
        PortRanges ranges = {};
        bool any = false;
        int r = 0;

        MAP_FOREACH (entry, &state->objects[OBJECT_REACH]) {
                const Reach *reach = entry->value;

                if (r < 0 || !str_equal(reach->network, n->network))
                        continue;
                any = true;
                if (str_equal(reach->group, n->group))
                        r = collect_ranges(&ranges, reach);
        }
        merge_ranges(&ranges);
        for (size_t i = 0; r == 0 && i < ranges.n_items; i++)
                r = add_range(elements, n->address, &ranges.items[i]);
        free(ranges.items);
        if (r < 0 || !any)
                return r;
        key_address(&group, n->address);
        memcpy(group.data, &number, 4);
        return elements_add(elements, &group);
}

static int of_instance(Elements *elements, const State *state, const Instance *n)
{
        Element tap = {.set = SET_TAP}, guest = {.set = SET_GUEST};
        int r;

        key_interface(&tap, n->tap);
        key_interface(&guest, n->tap);
        key_bytes(&guest, n->mac, sizeof(n->mac));
        key_address(&guest, &n->address);
        r = elements_add(elements, &tap);
        if (r == 0)
                r = elements_add(elements, &guest);
        return r < 0 ? r
                     : add_reaches(elements, state, &(Member) {n->network, n->group, &n->address});
}

static int of_vip(Elements *elements, const Vip *v)
{
        Element vip = {.set = SET_VIP}, rate = {.set = SET_RATE, .data_length = 4};
        uint32_t per_second = v->new_per_second ?: RATE_DEFAULT;
        int r;

        key_address(&vip, &v->address);
        key_address(&rate, &v->address);
        memcpy(rate.data, &per_second, 4);
        r = elements_add(elements, &vip);
        return r < 0 ? r : elements_add(elements, &rate);
}

void element_endpoint_key(const Endpoint *endpoint, uint8_t key[static 12])
{
        Element element = {};

        key_address(&element, &endpoint->vip);
        key_port(&element, endpoint->protocol, endpoint->port);
        memcpy(key, element.key, 12);
}

/* A member's name in the table has no endpoint in it: with sourceIP a client meets the same
 * instance on all ports that have the same instances. */
static size_t members_of(const State *state, const Endpoint *e, LbMember *members)
{
        size_t n = 0;

        for (size_t i = 0; i < e->n_backends; i++) {
                const Backend *b = &e->backends[i];
                bool in = b->in_rotation && state_instance(state, b->instance);

                members[i] = (LbMember) {hash_text(b->instance, 0), in};
                n += in;
        }
        return n;
}

static int add_buckets(Elements *elements, const State *state, const Endpoint *e,
                       const uint16_t *table, uint32_t size)
{
        Element bucket = {.set = SET_BUCKET, .key_length = 16, .data_length = 8};
        int r = 0;

        element_endpoint_key(e, bucket.key);
        for (uint32_t i = 0; r == 0 && i < size; i++) {
                const Backend *b = &e->backends[table[i]];
                const Instance *instance = state_instance(state, b->instance);

                memcpy(bucket.key + 12, &i, 4);
                memcpy(bucket.data, instance->address.bytes, 4);
                bucket.data[4] = (uint8_t) (b->port >> 8);
                bucket.data[5] = (uint8_t) b->port;
                r = elements_add(elements, &bucket);
        }
        return r;
}

static int add_denied(Elements *elements, const Endpoint *e)
{
        AclRange ranges[ACL_RANGES_MAX];
        size_t n = acl_denied(e->acl, e->n_acl, ranges);
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                Element first = {.set = SET_DENIED, .key_length = 12}, last;

                element_endpoint_key(e, first.key);
                last = first;
                key_bytes(&first, ranges[i].first, 4);
                key_bytes(&last, ranges[i].last, 4);
                r = add_interval(elements, &first, &last);
        }
        return r;
}

static int add_idle(Elements *elements, const Endpoint *e)
{
        Element idle = {.set = SET_IDLE, .key_length = 12, .data_length = ELEMENT_DATA_MAX};
        unsigned minutes = MIN((e->idle_timeout_s + 59) / 60, (uint32_t) IDLE_MINUTES_MAX);

        element_endpoint_key(e, idle.key);
        snprintf((char *) idle.data, sizeof(idle.data), IDLE_NAME, minutes);
        return elements_add(elements, &idle);
}

static uint32_t mark_of(uint16_t host, unsigned hop)
{
        return (uint32_t) host << MARK_HOST_SHIFT | hop;
}

static bool is_other(const State *state, uint16_t number)
{
        return number != 0 && share_usable(state, number);
}

static void set_mark(Element *element, uint32_t mark)
{
        element->data_length = sizeof(mark);
        memcpy(element->data, &mark, sizeof(mark));
}

/* Whom to ask about a bucket when @hop hosts have been asked: the next of the chain that is another
 * host. A packet that nobody has been asked about yet (hop 0) is the business of the first, whom
 * SET_HOST names. */
static int add_chain(Elements *elements, const State *state, const Element *port, uint32_t bucket,
                     const LbChain *chain)
{
        Element host = *port, again;
        int r = 0;

        key_word(&host, bucket);
        again = host;
        host.set = SET_HOST;
        again.set = SET_AGAIN;
        if (is_other(state, chain->hosts[0])) {
                set_mark(&host, mark_of(chain->hosts[0], 0));
                r = elements_add(elements, &host);
        }
        for (uint32_t hop = is_other(state, chain->hosts[0]); r == 0 && hop < LB_CHAIN_MAX; hop++) {
                uint32_t next = hop;

                while (next < LB_CHAIN_MAX && !is_other(state, chain->hosts[next]))
                        next++;
                if (next == LB_CHAIN_MAX)
                        break;
                again.key_length = host.key_length;
                key_word(&again, hop);
                set_mark(&again, mark_of(chain->hosts[next], next + 1));
                r = elements_add(elements, &again);
        }
        return r;
}

/* What concerns other hosts; nothing at all when no other host has or had any bucket. */
static int add_shares(Elements *elements, const State *state, const Endpoint *e)
{
        Element share = {.set = SET_SHARE, .key_length = 12, .data_length = 4};
        size_t before = elements->n_items;
        unsigned index = 0;
        uint32_t class;
        int r = 0;

        element_endpoint_key(e, share.key);
        for (uint32_t i = 0; r == 0 && i < e->chains.size; i++)
                r = add_chain(elements, state, &share, i, &e->chains.chains[i]);
        if (r < 0 || elements->n_items == before)
                return r;
        while (lb_size(index) != e->chains.size)
                index++;
        class = CLASS_VALID | index |
                (e->balancing == NET1_BY_SOURCE && index > 0 ? CLASS_STICKY : 0);
        memcpy(share.data, &class, 4);
        r = elements_add(elements, &share);
        if (r < 0 || !e->served)
                return r;
        share.set = SET_SERVED;
        return elements_add(elements, &share);
}

static int of_endpoint(Elements *elements, const State *state, const Endpoint *e)
{
        Element endpoint = {.set = SET_ENDPOINT, .key_length = 12, .data_length = 4};
        bool sticky = e->balancing == NET1_BY_SOURCE;
        LbMember members[LB_MEMBERS_MAX];
        _cleanup_free_ uint16_t *table = NULL;
        size_t n = members_of(state, e, members);
        uint32_t class;
        int r;

        r = add_shares(elements, state, e);
        if (r < 0 || n == 0)
                return r; /* what no map takes, the VIP's own chain refuses */
        class = lb_size_index(n, sticky);
        table = calloc(lb_size(class), sizeof(*table));
        if (!table)
                return -ENOMEM;
        r = lb_table_fill(members, e->n_backends, table, lb_size(class));
        if (r == 0)
                r = add_buckets(elements, state, e, table, lb_size(class));
        if (r == 0 && e->n_acl > 0)
                r = add_denied(elements, e);
        if (r == 0 && e->protocol == NET1_UDP && e->idle_timeout_s > 0)
                r = add_idle(elements, e);
        if (r < 0)
                return r;
        class |=
                CLASS_VALID | (sticky && n > 1 ? CLASS_STICKY : 0) | (e->n_acl > 0 ? CLASS_ACL : 0);
        element_endpoint_key(e, endpoint.key);
        memcpy(endpoint.data, &class, 4);
        return elements_add(elements, &endpoint);
}

static int of_peer(Elements *elements, const Peer *p)
{
        Element peer = {.set = SET_PEER}, own = {.set = SET_OWN};
        Element self = {.set = SET_SELF, .data_length = 4}, direct = self;
        int r;

        if (p->address.family != 4)
                return 0; /* guests have no IPv6 */
        key_address(&peer, &p->address);
        r = elements_add(elements, &peer);
        if (r < 0 || !p->self)
                return r;
        key_address(&own, &p->address);
        key_interface(&self, FABRIC_LINK);
        key_interface(&direct, FABRIC_DIRECT);
        memcpy(self.data, p->address.bytes, 4);
        memcpy(direct.data, p->address.bytes, 4);
        r = elements_add(elements, &own);
        if (r == 0)
                r = elements_add(elements, &self);
        return r < 0 ? r : elements_add(elements, &direct);
}

static int of_remote(Elements *elements, const State *state, const Remote *n)
{
        return add_reaches(elements, state, &(Member) {n->network, n->group, &n->address});
}

Element element_fenced(void)
{
        Element fenced = {.set = SET_FENCED};

        key_bytes(&fenced, &(uint8_t) {NFPROTO_IPV4}, 1);
        return fenced;
}

int elements_of(Elements *elements, const State *state, const Object *object)
{
        switch (object->kind) {
        case OBJECT_NETWORK:
                return of_network(elements, (const Network *) object);
        case OBJECT_INSTANCE:
                return of_instance(elements, state, (const Instance *) object);
        case OBJECT_VIP:
                return of_vip(elements, (const Vip *) object);
        case OBJECT_ENDPOINT:
                return of_endpoint(elements, state, (const Endpoint *) object);
        case OBJECT_PEER:
                return of_peer(elements, (const Peer *) object);
        case OBJECT_REMOTE:
                return of_remote(elements, state, (const Remote *) object);
        default:
                return 0;
        }
}

static int key_compare(const Element *a, const Element *b)
{
        int r = (int) a->set - (int) b->set;

        if (r == 0)
                r = memcmp(a->key, b->key, sizeof(a->key));
        return r != 0 ? r : (int) b->end - (int) a->end; /* an end before a start at the same key */
}

static int compare(const void *a, const void *b)
{
        return key_compare(a, b);
}

void elements_sort(Elements *elements)
{
        size_t kept = 0;

        if (elements->sorted)
                return;
        if (elements->n_items > 1)
                qsort(elements->items, elements->n_items, sizeof(*elements->items), compare);
        for (size_t i = 0; i < elements->n_items; i++)
                if (kept == 0 || key_compare(&elements->items[kept - 1], &elements->items[i]) != 0)
                        elements->items[kept++] = elements->items[i];
        elements->n_items = kept;
        elements->sorted = true;
}

int elements_diff(const Elements *before, const Elements *after, Elements *gone, Elements *new)
{
        size_t i = 0, j = 0;
        int r = 0;

        assert((before->sorted || before->n_items == 0) && (after->sorted || after->n_items == 0));
        while (r == 0 && (i < before->n_items || j < after->n_items)) {
                const Element *b = i < before->n_items ? &before->items[i] : NULL;
                const Element *a = j < after->n_items ? &after->items[j] : NULL;
                int order = !b ? 1 : !a ? -1 : key_compare(b, a);

                if (order < 0)
                        r = elements_add(gone, b);
                else if (order > 0)
                        r = elements_add(new, a);
                else if (memcmp(b->data, a->data, sizeof(a->data)) != 0) {
                        r = elements_add(gone, b);
                        if (r == 0)
                                r = elements_add(new, a);
                }
                i += order <= 0;
                j += order >= 0;
        }
        return r;
}

size_t elements_find(const Elements *elements, ElementSet set, const uint8_t *key, size_t length)
{
        size_t low = 0, high = elements->n_items;

        assert(elements->sorted || elements->n_items == 0);
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const Element *e = &elements->items[middle];

                if (e->set < set || (e->set == set && memcmp(e->key, key, length) < 0))
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* The element at an index, if it is one of the port's in this set. */
static const Element *element_at(const Elements *elements, size_t i, ElementSet set,
                                 const uint8_t key[static 12])
{
        const Element *e = i < elements->n_items ? &elements->items[i] : NULL;

        return e && e->set == set && memcmp(e->key, key, 12) == 0 ? e : NULL;
}

static uint32_t word_of(const uint8_t *bytes)
{
        uint32_t word;

        memcpy(&word, bytes, 4);
        return word;
}

/* Places of the chain that no element tells of were this host's. */
static void close_gaps(LbChains *chains, uint16_t self)
{
        for (uint32_t i = 0; i < chains->size; i++) {
                uint16_t *hosts = chains->chains[i].hosts;

                for (int place = LB_CHAIN_MAX - 1, any = 0; place >= 0; place--) {
                        any = any || hosts[place] != 0 || place == 0;
                        if (any && hosts[place] == 0)
                                hosts[place] = self;
                }
        }
}

static void recall(LbChains *chains, uint32_t bucket, unsigned place, uint32_t mark)
{
        if (bucket < chains->size && place < LB_CHAIN_MAX)
                chains->chains[bucket].hosts[place] = (uint16_t) (mark >> MARK_HOST_SHIFT);
}

int elements_recall(const Elements *elements, const State *state, const Endpoint *endpoint,
                    LbChains *ret_chains)
{
        const Peer *self = state_self(state);
        const Element *e;
        LbChains chains;
        uint8_t key[12];
        size_t i;

        element_endpoint_key(endpoint, key);
        *ret_chains = (LbChains) {};
        e = element_at(elements, elements_find(elements, SET_SHARE, key, 12), SET_SHARE, key);
        if (!e || !self || (word_of(e->data) & CLASS_SIZE) >= LB_SIZES_MAX)
                return 0;
        chains.size = lb_size(word_of(e->data) & CLASS_SIZE);
        chains.chains = calloc(chains.size, sizeof(*chains.chains));
        if (!chains.chains)
                return -ENOMEM;
        i = elements_find(elements, SET_HOST, key, 12);
        for (; (e = element_at(elements, i, SET_HOST, key)); i++)
                recall(&chains, word_of(e->key + 12), 0, word_of(e->data));
        i = elements_find(elements, SET_AGAIN, key, 12);
        for (; (e = element_at(elements, i, SET_AGAIN, key)); i++)
                recall(&chains, word_of(e->key + 12), (word_of(e->data) & MARK_HOP) - 1,
                       word_of(e->data));
        close_gaps(&chains, self->number);
        *ret_chains = chains;
        return 0;
}
