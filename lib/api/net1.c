/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The encoder and the decoder of org.troupe.Net1. The decoder is the first thing that a hostile
 * message meets: it bounds how much there is and leaves the meaning to netd. */

#include "lib/api/net1.h"

#include <string.h>

#include "lib/base/array.h"

void net1_state_deinit(Net1State *state)
{
        for (size_t i = 0; i < state->n_endpoints; i++) {
                free(state->endpoints[i].acl);
                free(state->endpoints[i].backends);
        }
        for (size_t i = 0; i < state->n_reaches; i++)
                free(state->reaches[i].from);
        for (size_t i = 0; i < state->n_shares; i++)
                free(state->shares[i].weights);
        free(state->networks);
        free(state->instances);
        free(state->vips);
        free(state->endpoints);
        free(state->reaches);
        free(state->peers);
        free(state->shares);
        free(state->remotes);
        free(state->gone);
        *state = (Net1State) {};
}

static int append_networks(sd_bus_message *m, const Net1State *state)
{
        int r = sd_bus_message_open_container(m, 'a', NET1_NETWORK_TYPE);

        for (size_t i = 0; r >= 0 && i < state->n_networks; i++) {
                const Net1Network *n = &state->networks[i];

                r = sd_bus_message_append(m, NET1_NETWORK_TYPE, n->id, n->bridge, n->vni,
                                          n->gateway, n->mtu_bytes);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_instances(sd_bus_message *m, const Net1State *state)
{
        int r = sd_bus_message_open_container(m, 'a', NET1_INSTANCE_TYPE);

        for (size_t i = 0; r >= 0 && i < state->n_instances; i++) {
                const Net1Instance *n = &state->instances[i];

                r = sd_bus_message_append(m, NET1_INSTANCE_TYPE, n->id, n->network, n->group,
                                          n->tap, n->mac, n->address, n->owner);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_vips(sd_bus_message *m, const Net1State *state)
{
        int r = sd_bus_message_open_container(m, 'a', NET1_VIP_TYPE);

        for (size_t i = 0; r >= 0 && i < state->n_vips; i++) {
                const Net1Vip *v = &state->vips[i];

                r = sd_bus_message_append(m, NET1_VIP_TYPE, v->address, v->uplink ?: "",
                                          (int) v->owned, v->new_per_second);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_acl(sd_bus_message *m, const Net1Endpoint *e)
{
        int r = sd_bus_message_open_container(m, 'a', "(bs)");

        for (size_t i = 0; r >= 0 && i < e->n_acl; i++)
                r = sd_bus_message_append(m, "(bs)", (int) e->acl[i].permit, e->acl[i].network);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_backends(sd_bus_message *m, const Net1Endpoint *e)
{
        int r = sd_bus_message_open_container(m, 'a', "(sqb)");

        for (size_t i = 0; r >= 0 && i < e->n_backends; i++)
                r = sd_bus_message_append(m, "(sqb)", e->backends[i].instance, e->backends[i].port,
                                          (int) e->backends[i].ready);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_endpoint(sd_bus_message *m, const Net1Endpoint *e)
{
        const Net1Probe *p = &e->probe;
        int r;

        r = sd_bus_message_open_container(m, 'r', "ssyqybu(yqsuu)a(bs)a(sqb)");
        if (r >= 0)
                r = sd_bus_message_append(m, "ssyqybu(yqsuu)", e->id, e->vip, e->protocol, e->port,
                                          e->balancing, (int) e->ignore_status, e->idle_timeout_s,
                                          p->kind, p->port, p->path ?: "", p->interval_ms,
                                          p->timeout_ms);
        if (r >= 0)
                r = append_acl(m, e);
        if (r >= 0)
                r = append_backends(m, e);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_endpoints(sd_bus_message *m, const Net1State *state)
{
        int r = sd_bus_message_open_container(m, 'a', NET1_ENDPOINT_TYPE);

        for (size_t i = 0; r >= 0 && i < state->n_endpoints; i++)
                r = append_endpoint(m, &state->endpoints[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_reach(sd_bus_message *m, const Net1Reach *reach)
{
        int r;

        r = sd_bus_message_open_container(m, 'r', "ssyqqas");
        if (r >= 0)
                r = sd_bus_message_append(m, "ssyqq", reach->network, reach->group, reach->protocol,
                                          reach->first, reach->last);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && i < reach->n_from; i++)
                r = sd_bus_message_append(m, "s", reach->from[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_reaches(sd_bus_message *m, const Net1State *state)
{
        int r = sd_bus_message_open_container(m, 'a', NET1_REACH_TYPE);

        for (size_t i = 0; r >= 0 && i < state->n_reaches; i++)
                r = append_reach(m, &state->reaches[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_peers(sd_bus_message *m, const Net1State *state)
{
        int r = sd_bus_message_open_container(m, 'a', NET1_PEER_TYPE);

        for (size_t i = 0; r >= 0 && i < state->n_peers; i++)
                r = sd_bus_message_append(m, NET1_PEER_TYPE, state->peers[i].id,
                                          state->peers[i].address, (int) state->peers[i].self,
                                          (int) state->peers[i].alive);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_share(sd_bus_message *m, const Net1Share *share)
{
        int r;

        r = sd_bus_message_open_container(m, 'r', "sa(su)");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", share->endpoint);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(su)");
        for (size_t i = 0; r >= 0 && i < share->n_weights; i++)
                r = sd_bus_message_append(m, "(su)", share->weights[i].peer,
                                          share->weights[i].weight);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_shares(sd_bus_message *m, const Net1State *state)
{
        int r = sd_bus_message_open_container(m, 'a', NET1_SHARE_TYPE);

        for (size_t i = 0; r >= 0 && i < state->n_shares; i++)
                r = append_share(m, &state->shares[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_remotes(sd_bus_message *m, const Net1State *state)
{
        int r = sd_bus_message_open_container(m, 'a', NET1_REMOTE_TYPE);

        for (size_t i = 0; r >= 0 && i < state->n_remotes; i++) {
                const Net1Remote *n = &state->remotes[i];

                r = sd_bus_message_append(m, NET1_REMOTE_TYPE, n->id, n->network, n->group, n->mac,
                                          n->address, n->peer);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int net1_append_state(sd_bus_message *message, const Net1State *state)
{
        static int (*const parts[])(sd_bus_message *, const Net1State *) = {
                append_networks, append_instances, append_vips,   append_endpoints,
                append_reaches,  append_peers,     append_shares, append_remotes,
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                r = parts[i](message, state);
                if (r < 0)
                        return r;
        }
        return 0;
}

int net1_append_update(sd_bus_message *message, const Net1State *state)
{
        int r = sd_bus_message_open_container(message, 'a', "(ss)");

        for (size_t i = 0; r >= 0 && i < state->n_gone; i++)
                r = sd_bus_message_append(message, "(ss)", state->gone[i].kind, state->gone[i].key);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r < 0 ? r : net1_append_state(message, state);
}

/* Reading. Each reader of an element returns 1 when it read one, 0 at the array's end. */

typedef struct Reader {
        sd_bus_message *m;
        Net1State *state;
        const char *what; /* there was too much of this */
} Reader;

static int too_large(Reader *reader, const char *what)
{
        reader->what = what;
        return -E2BIG;
}

static int check_text(Reader *reader, const char *text, size_t max)
{
        return strlen(text) > max ? too_large(reader, "a text's length") : 0;
}

static int check_texts(Reader *reader, size_t n, const char *const texts[])
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = check_text(reader, texts[i], NET1_TEXT_MAX);
        return r;
}

/* Reads an array of @type, whose elements @one reads. */
static int read_array(Reader *reader, const char *type, int (*one)(Reader *reader))
{
        int r;

        r = sd_bus_message_enter_container(reader->m, 'a', type);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENXIO;
        do
                r = one(reader);
        while (r > 0);
        return r < 0 ? r : sd_bus_message_exit_container(reader->m);
}

static int read_network(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Network n = {};
        int r;

        r = sd_bus_message_read(reader->m, NET1_NETWORK_TYPE, &n.id, &n.bridge, &n.vni, &n.gateway,
                                &n.mtu_bytes);
        if (r <= 0)
                return r;
        if (s->n_networks == NET1_NETWORKS_MAX)
                return too_large(reader, "networks");
        r = check_texts(reader, 3, (const char *[]) {n.id, n.bridge, n.gateway});
        if (r < 0)
                return r;
        return ARRAY_APPEND(s->networks, s->n_networks, n) < 0 ? -ENOMEM : 1;
}

static int read_instance(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Instance n = {};
        int r;

        r = sd_bus_message_read(reader->m, NET1_INSTANCE_TYPE, &n.id, &n.network, &n.group, &n.tap,
                                &n.mac, &n.address, &n.owner);
        if (r <= 0)
                return r;
        if (s->n_instances == NET1_INSTANCES_MAX)
                return too_large(reader, "instances");
        r = check_texts(reader, 6,
                        (const char *[]) {n.id, n.network, n.group, n.tap, n.mac, n.address});
        if (r < 0)
                return r;
        return ARRAY_APPEND(s->instances, s->n_instances, n) < 0 ? -ENOMEM : 1;
}

static int read_vip(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Vip v = {};
        int owned, r;

        r = sd_bus_message_read(reader->m, NET1_VIP_TYPE, &v.address, &v.uplink, &owned,
                                &v.new_per_second);
        if (r <= 0)
                return r;
        v.owned = owned;
        if (s->n_vips == NET1_VIPS_MAX)
                return too_large(reader, "vips");
        r = check_texts(reader, 2, (const char *[]) {v.address, v.uplink});
        if (r < 0)
                return r;
        return ARRAY_APPEND(s->vips, s->n_vips, v) < 0 ? -ENOMEM : 1;
}

static int read_rule(Reader *reader)
{
        Net1Endpoint *e = &reader->state->endpoints[reader->state->n_endpoints - 1];
        Net1Rule rule = {};
        int permit, r;

        r = sd_bus_message_read(reader->m, "(bs)", &permit, &rule.network);
        if (r <= 0)
                return r;
        rule.permit = permit;
        if (e->n_acl == NET1_ACL_MAX)
                return too_large(reader, "acl rules of an endpoint");
        r = check_text(reader, rule.network, NET1_TEXT_MAX);
        if (r < 0)
                return r;
        return ARRAY_APPEND(e->acl, e->n_acl, rule) < 0 ? -ENOMEM : 1;
}

static int read_backend(Reader *reader)
{
        Net1Endpoint *e = &reader->state->endpoints[reader->state->n_endpoints - 1];
        Net1Backend b = {};
        int ready, r;

        r = sd_bus_message_read(reader->m, "(sqb)", &b.instance, &b.port, &ready);
        if (r <= 0)
                return r;
        b.ready = ready;
        if (e->n_backends == NET1_BACKENDS_MAX)
                return too_large(reader, "backends of an endpoint");
        r = check_text(reader, b.instance, NET1_TEXT_MAX);
        if (r < 0)
                return r;
        return ARRAY_APPEND(e->backends, e->n_backends, b) < 0 ? -ENOMEM : 1;
}

static int read_endpoint_head(Reader *reader, Net1Endpoint *e)
{
        Net1Probe *p = &e->probe;
        int ignore, r;

        r = sd_bus_message_read(reader->m, "ssyqybu(yqsuu)", &e->id, &e->vip, &e->protocol,
                                &e->port, &e->balancing, &ignore, &e->idle_timeout_s, &p->kind,
                                &p->port, &p->path, &p->interval_ms, &p->timeout_ms);
        if (r <= 0)
                return r < 0 ? r : -ENXIO;
        e->ignore_status = ignore;
        r = check_texts(reader, 2, (const char *[]) {e->id, e->vip});
        return r < 0 ? r : check_text(reader, p->path, NET1_PATH_MAX);
}

static int read_endpoint(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Endpoint e = {};
        int r;

        r = sd_bus_message_enter_container(reader->m, 'r', "ssyqybu(yqsuu)a(bs)a(sqb)");
        if (r <= 0)
                return r;
        if (s->n_endpoints == NET1_ENDPOINTS_MAX)
                return too_large(reader, "endpoints");
        r = read_endpoint_head(reader, &e);
        if (r < 0)
                return r;
        r = ARRAY_APPEND(s->endpoints, s->n_endpoints, e);
        if (r < 0)
                return r;
        r = read_array(reader, "(bs)", read_rule);
        if (r < 0)
                return r;
        r = read_array(reader, "(sqb)", read_backend);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(reader->m);
        return r < 0 ? r : 1;
}

static int read_from(Reader *reader)
{
        Net1Reach *reach = &reader->state->reaches[reader->state->n_reaches - 1];
        const char *group;
        int r;

        r = sd_bus_message_read(reader->m, "s", &group);
        if (r <= 0)
                return r;
        if (reach->n_from == NET1_FROM_MAX)
                return too_large(reader, "groups of a reach rule");
        r = check_text(reader, group, NET1_TEXT_MAX);
        if (r < 0)
                return r;
        return ARRAY_APPEND(reach->from, reach->n_from, group) < 0 ? -ENOMEM : 1;
}

static int read_reach(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Reach reach = {};
        int r;

        r = sd_bus_message_enter_container(reader->m, 'r', "ssyqqas");
        if (r <= 0)
                return r;
        if (s->n_reaches == NET1_REACHES_MAX)
                return too_large(reader, "reach rules");
        r = sd_bus_message_read(reader->m, "ssyqq", &reach.network, &reach.group, &reach.protocol,
                                &reach.first, &reach.last);
        if (r < 0)
                return r;
        r = check_texts(reader, 2, (const char *[]) {reach.network, reach.group});
        if (r < 0)
                return r;
        r = ARRAY_APPEND(s->reaches, s->n_reaches, reach);
        if (r < 0)
                return r;
        r = read_array(reader, "s", read_from);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(reader->m);
        return r < 0 ? r : 1;
}

static int read_peer(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Peer p = {};
        int self, alive, r;

        r = sd_bus_message_read(reader->m, NET1_PEER_TYPE, &p.id, &p.address, &self, &alive);
        if (r <= 0)
                return r;
        p.self = self;
        p.alive = alive;
        if (s->n_peers == NET1_PEERS_MAX)
                return too_large(reader, "peers");
        r = check_texts(reader, 2, (const char *[]) {p.id, p.address});
        if (r < 0)
                return r;
        return ARRAY_APPEND(s->peers, s->n_peers, p) < 0 ? -ENOMEM : 1;
}

static int read_weight(Reader *reader)
{
        Net1Share *share = &reader->state->shares[reader->state->n_shares - 1];
        Net1Weight w = {};
        int r;

        r = sd_bus_message_read(reader->m, "(su)", &w.peer, &w.weight);
        if (r <= 0)
                return r;
        if (share->n_weights == NET1_PEERS_MAX)
                return too_large(reader, "peers of a share");
        r = check_text(reader, w.peer, NET1_TEXT_MAX);
        if (r < 0)
                return r;
        return ARRAY_APPEND(share->weights, share->n_weights, w) < 0 ? -ENOMEM : 1;
}

static int read_share(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Share share = {};
        int r;

        r = sd_bus_message_enter_container(reader->m, 'r', "sa(su)");
        if (r <= 0)
                return r;
        if (s->n_shares == NET1_SHARES_MAX)
                return too_large(reader, "shares");
        r = sd_bus_message_read(reader->m, "s", &share.endpoint);
        if (r < 0)
                return r;
        r = check_text(reader, share.endpoint, NET1_TEXT_MAX);
        if (r < 0)
                return r;
        r = ARRAY_APPEND(s->shares, s->n_shares, share);
        if (r < 0)
                return r;
        r = read_array(reader, "(su)", read_weight);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(reader->m);
        return r < 0 ? r : 1;
}

static int read_remote(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Remote n = {};
        int r;

        r = sd_bus_message_read(reader->m, NET1_REMOTE_TYPE, &n.id, &n.network, &n.group, &n.mac,
                                &n.address, &n.peer);
        if (r <= 0)
                return r;
        if (s->n_remotes == NET1_REMOTES_MAX)
                return too_large(reader, "remotes");
        r = check_texts(reader, 6,
                        (const char *[]) {n.id, n.network, n.group, n.mac, n.address, n.peer});
        if (r < 0)
                return r;
        return ARRAY_APPEND(s->remotes, s->n_remotes, n) < 0 ? -ENOMEM : 1;
}

static int read_gone(Reader *reader)
{
        Net1State *s = reader->state;
        Net1Gone gone = {};
        int r;

        r = sd_bus_message_read(reader->m, "(ss)", &gone.kind, &gone.key);
        if (r <= 0)
                return r;
        if (s->n_gone == NET1_GONE_MAX)
                return too_large(reader, "deletions");
        r = check_text(reader, gone.kind, NET1_TEXT_MAX);
        if (r == 0)
                r = check_text(reader, gone.key, 3 * NET1_TEXT_MAX);
        if (r < 0)
                return r;
        return ARRAY_APPEND(s->gone, s->n_gone, gone) < 0 ? -ENOMEM : 1;
}

static int read_parts(Reader *reader)
{
        static const struct {
                const char *type;
                int (*one)(Reader *);
        } parts[] = {
                {NET1_NETWORK_TYPE, read_network}, {NET1_INSTANCE_TYPE, read_instance},
                {NET1_VIP_TYPE, read_vip},         {NET1_ENDPOINT_TYPE, read_endpoint},
                {NET1_REACH_TYPE, read_reach},     {NET1_PEER_TYPE, read_peer},
                {NET1_SHARE_TYPE, read_share},     {NET1_REMOTE_TYPE, read_remote},
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                r = read_array(reader, parts[i].type, parts[i].one);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int finish(Reader *reader, int r, Net1State *ret_state, const char **ret_what)
{
        if (r >= 0) {
                *ret_state = *reader->state;
                return 0;
        }
        net1_state_deinit(reader->state);
        if (!reader->what)
                return r;
        *ret_what = reader->what;
        return NET1_TOO_LARGE;
}

int net1_read_state(sd_bus_message *message, Net1State *ret_state, const char **ret_what)
{
        Net1State state = {};
        Reader reader = {.m = message, .state = &state};

        return finish(&reader, read_parts(&reader), ret_state, ret_what);
}

int net1_read_update(sd_bus_message *message, Net1State *ret_state, const char **ret_what)
{
        Net1State state = {};
        Reader reader = {.m = message, .state = &state};
        int r;

        r = read_array(&reader, "(ss)", read_gone);
        if (r >= 0)
                r = read_parts(&reader);
        return finish(&reader, r, ret_state, ret_what);
}
