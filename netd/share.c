/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A host counts with its declared weight, as long as it is alive; this host not at all while it has
 * nobody in rotation, which it knows before anybody else does. With nobody anywhere the buckets
 * stay where they are: connections may still be draining there. */

#include "netd/share.h"

#include "lb/table.h"
#include "lib/base/hash.h"

static bool any_in_rotation(const Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++)
                if (endpoint->backends[i].in_rotation)
                        return true;
        return false;
}

bool share_usable(const State *state, uint16_t number)
{
        const Peer *peer = number < PEER_NUMBERS ? state->numbers[number] : NULL;

        return peer && peer->alive && !peer->self && peer->address.family == 4;
}

static uint32_t weight_of(const Peer *peer, const Weight *weight, bool here)
{
        if (!peer || peer->address.family != 4)
                return 0;
        if (peer->self)
                return here ? weight->weight : 0;
        return peer->alive ? weight->weight : 0;
}

/* The owners of a table of @ret_size buckets, as numbers of hosts; NULL with 0 when nobody has any
 * weight. */
static int find_owners(const State *state, const Endpoint *endpoint, const Share *share,
                       uint16_t **ret_owners, uint32_t *ret_size)
{
        _cleanup_free_ LbMember *members = calloc(share->n_weights ?: 1, sizeof(*members));
        _cleanup_free_ uint16_t *numbers = calloc(share->n_weights ?: 1, sizeof(*numbers));
        _cleanup_free_ uint16_t *table = NULL;
        bool here = any_in_rotation(endpoint);
        size_t n_weighty = 0;
        uint32_t size = 0;
        int r;

        if (!members || !numbers)
                return -ENOMEM;
        for (size_t i = 0; i < share->n_weights; i++) {
                const Peer *peer = state_peer(state, share->weights[i].peer);

                members[i] = (LbMember) {hash_text(share->weights[i].peer, 0),
                                         weight_of(peer, &share->weights[i], here)};
                numbers[i] = peer ? peer->number : 0;
                n_weighty += members[i].weight > 0;
        }
        if (n_weighty > 0) {
                size = lb_size(lb_size_index(n_weighty, true));
                table = calloc(size, sizeof(*table));
                r = table ? lb_table_fill(members, share->n_weights, table, size) : -ENOMEM;
                if (r < 0)
                        return r;
                for (uint32_t i = 0; i < size; i++)
                        table[i] = numbers[table[i]];
        }
        *ret_owners = TAKE_PTR(table);
        *ret_size = size;
        return 0;
}

int share_step(const State *state, Endpoint *endpoint)
{
        const Share *share = state_share(state, endpoint->object.key);
        _cleanup_free_ uint16_t *owners = NULL;
        LbChains after = {};
        uint32_t size = 0;
        int r = 0;

        if (share && state_self(state))
                r = find_owners(state, endpoint, share, &owners, &size);
        if (r == 0 && size > 0)
                r = lb_chains_step(&endpoint->chains, owners, size, &after);
        else if (r == 0 && share)
                r = lb_chains_copy(&endpoint->chains, &after);
        if (r < 0)
                return r;
        if (endpoint->stepped)
                lb_chains_deinit(&endpoint->chains);
        else {
                endpoint->chains_before = endpoint->chains;
                endpoint->served_before = endpoint->served;
        }
        endpoint->chains = after;
        endpoint->served = size > 0;
        endpoint->stepped = true;
        return 0;
}

void share_undo(Endpoint *endpoint)
{
        if (!endpoint->stepped)
                return;
        lb_chains_deinit(&endpoint->chains);
        endpoint->chains = endpoint->chains_before;
        endpoint->chains_before = (LbChains) {};
        endpoint->served = endpoint->served_before;
        endpoint->stepped = false;
}

void share_settle(Endpoint *endpoint)
{
        lb_chains_deinit(&endpoint->chains_before);
        endpoint->stepped = false;
}
