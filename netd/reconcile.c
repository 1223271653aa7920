/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Start and repair are one: read the kernel, compare with the state, write the difference.
 *
 * The kernel is also netd's memory. Which backends were good, which host has which bucket, by which
 * number a host goes in marks and routes, and whether VIPs are closed is in its elements and routes
 * while no netd runs; a start takes it from there, so packets do not notice the restart. */

#include "netd/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "netd/elements.h"
#include "netd/rotation.h"
#include "netd/settle.h"
#include "netd/share.h"

static bool kernel_has_backend(const Elements *kernel, const Backend *b, const Instance *instance)
{
        Element wanted = {.set = SET_BUCKET};
        size_t low;

        element_endpoint_key(b->endpoint, wanted.key);
        memcpy(wanted.data, instance->address.bytes, 4);
        wanted.data[4] = (uint8_t) (b->port >> 8);
        wanted.data[5] = (uint8_t) b->port;
        for (low = elements_find(kernel, SET_BUCKET, wanted.key, 12);
             low < kernel->n_items && kernel->items[low].set == SET_BUCKET &&
             memcmp(kernel->items[low].key, wanted.key, 12) == 0;
             low++)
                if (memcmp(kernel->items[low].data, wanted.data, sizeof(wanted.data)) == 0)
                        return true;
        return false;
}

/* Chains live in the kernel's elements while no netd runs. */
static int recall_chains(Manager *manager, const Elements *kernel, Endpoint *e)
{
        int r = 0;

        if (!manager->bus && e->chains.size == 0)
                r = elements_recall(kernel, &manager->state, e, &e->chains);
        if (r == 0)
                r = share_step(&manager->state, e);
        share_settle(e);
        return r;
}

/* What was good when the last netd ended is good until a probe says otherwise; and if somebody has
 * taken the tables away, everything is. */
static int recall(Manager *manager, const Elements *kernel)
{
        bool anything = kernel->n_items > 0;
        int r = 0, one;

        MAP_FOREACH (entry, &manager->state.objects[OBJECT_ENDPOINT]) {
                Endpoint *e = entry->value;

                for (size_t i = 0; i < e->n_backends; i++) {
                        Backend *b = &e->backends[i];
                        const Instance *instance = state_instance(&manager->state, b->instance);

                        if (e->probe_kind != NET1_PROBE_NONE && instance && !b->probe)
                                b->good = !anything || kernel_has_backend(kernel, b, instance);
                }
                rotation_turn(&manager->state, e);
                one = recall_chains(manager, kernel, e);
                r = r < 0 ? r : one;
                for (size_t i = 0; !manager->bus && i < e->n_backends; i++)
                        e->backends[i].told = e->backends[i].in_rotation;
                rotation_tell(manager, e);
        }
        return r;
}

static bool is_fenced(const Elements *kernel)
{
        const Element fenced = element_fenced();
        size_t i = elements_find(kernel, SET_FENCED, fenced.key, fenced.key_length);

        return i < kernel->n_items && kernel->items[i].set == SET_FENCED;
}

static int reconcile_elements(Manager *manager)
{
        _cleanup_(elements_deinit) Elements kernel = {}, wanted = {}, none = {};
        char why[NFTABLES_WHY_MAX] = "";
        bool current = false;
        int r;

        r = nftables_read(manager->nftables, &current, &kernel);
        if (r < 0)
                return log_error_errno(r, "cannot read nf_tables");
        if (!manager->bus)
                manager->fenced = is_fenced(&kernel);
        r = recall(manager, &kernel);
        if (r == 0 && manager->fenced)
                r = elements_add(&wanted, (Element[]) {element_fenced()});
        for (int kind = 0; kind < OBJECT_KINDS; kind++)
                MAP_FOREACH (entry, &manager->state.objects[kind])
                        if (r == 0)
                                r = elements_of(&wanted, &manager->state, entry->value);
        if (r < 0)
                return r;
        elements_sort(&wanted);
        r = current ? nftables_write_difference(manager->nftables, &kernel, &wanted, why)
                    : nftables_write(manager->nftables, true, &none, &wanted, why);
        return r < 0 ? log_error_errno(r, "cannot write nf_tables: %s", why) : 0;
}

static bool is_overlay(const State *state, const char *name)
{
        char overlay[IFNAMSIZ];

        if (strcmp(name, FABRIC_LINK) == 0 || strcmp(name, FABRIC_DIRECT) == 0)
                return state_has_hosts(state);
        MAP_FOREACH (entry, &state->objects[OBJECT_NETWORK]) {
                links_overlay_name(entry->value, overlay);
                if (strcmp(overlay, name) == 0)
                        return state_has_hosts(state) && state_has_remotes(state, entry->key);
        }
        return false;
}

static bool is_declared(const Manager *manager, const char *name)
{
        _cleanup_free_ char *tap = str_printf("tap %s", name);
        _cleanup_free_ char *bridge = str_printf("bridge %s", name);

        return !tap || !bridge || map_contains(&manager->state.claims, tap) ||
               map_contains(&manager->state.claims, bridge) || is_overlay(&manager->state, name);
}

/* Ways to hosts that are declared no more. */
static int remove_stale_peers(Manager *manager)
{
        LinkPeers peers = {};
        int r = links_peers(manager->links, &peers);

        for (size_t i = 0; i < peers.n_peers; i++) {
                const Peer *peer = manager->state.numbers[peers.peers[i].number];

                if (!peer || ip_compare(&peer->address, &peers.peers[i].address) != 0)
                        links_remove_peer(manager->links, &peers.peers[i]);
        }
        free(peers.peers);
        return r;
}

static int remove_stale_carried(Manager *manager)
{
        char text[IP_TEXT_MAX];
        LinkPeers vips = {};
        int r = links_carried(manager->links, &vips);

        for (size_t i = 0; i < vips.n_peers; i++)
                if (manager->fenced || !map_contains(&manager->state.objects[OBJECT_VIP],
                                                     ip_format(&vips.peers[i].address, text)))
                        links_remove_carried(manager->links, &vips.peers[i].address);
        free(vips.peers);
        return r;
}

/* Marks in the kernel's elements mean what its routes say. */
int reconcile_numbers(Manager *manager)
{
        LinkPeers peers = {};
        int r = links_peers(manager->links, &peers);

        for (size_t i = 0; i < peers.n_peers; i++)
                state_number_peer(&manager->state, &peers.peers[i].address, peers.peers[i].number);
        free(peers.peers);
        return r;
}

static int remove_stale_links(Manager *manager)
{
        LinkNames names = {};
        int r;

        r = links_list(manager->links, &names);
        for (size_t i = 0; r == 0 && i < names.n_names; i++)
                if (!is_declared(manager, names.names[i]))
                        r = links_remove(manager->links, names.names[i]);
        free(names.names);
        if (r == 0)
                r = remove_stale_peers(manager);
        if (r == 0)
                r = remove_stale_carried(manager);
        return r < 0 ? log_error_errno(r, "%s", links_why(manager->links)) : 0;
}

static int reconcile_links(Manager *manager)
{
        int r = 0;

        MAP_FOREACH (network, &manager->state.objects[OBJECT_NETWORK])
                if (r == 0)
                        r = links_ensure_bridge(manager->links, network->value);
        MAP_FOREACH (instance, &manager->state.objects[OBJECT_INSTANCE])
                if (r == 0)
                        r = links_ensure_tap(manager->links, instance->value);
        if (r == 0)
                r = settle_hosts(manager);
        return r < 0 ? log_error_errno(r, "%s", links_why(manager->links)) : 0;
}

int reconcile(Manager *manager)
{
        int r, one;

        r = reconcile_links(manager);
        one = reconcile_elements(manager);
        r = r < 0 ? r : one;
        for (int kind = 0; one == 0 && kind < OBJECT_KINDS; kind++)
                MAP_FOREACH (entry, &manager->state.objects[kind])
                        if (settle_object(manager, entry->value) < 0)
                                r = -EIO;
        one = remove_stale_links(manager);
        return r < 0 ? r : one;
}
