/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The way back from checked objects to the contract's structs. */

#include "netd/export.h"

#include <string.h>

#include "lib/base/array.h"
#include "lib/base/str.h"

void export_deinit(Export *export)
{
        net1_state_deinit(&export->state);
        for (size_t i = 0; i < export->n_texts; i++)
                free(export->texts[i]);
        free(export->texts);
        *export = (Export) {};
}

/* Keeps a text that was made for this export; NULL stays NULL. */
static const char *keep(Export *export, char *text)
{
        if (!text || ARRAY_APPEND(export->texts, export->n_texts, text) < 0) {
                free(text);
                return NULL;
        }
        return text;
}

static const char *address_text(Export *export, const IpAddress *address)
{
        char text[IP_TEXT_MAX];

        return keep(export, strdup(ip_format(address, text)));
}

static const char *range_text(Export *export, const IpAddress *address, unsigned prefix)
{
        char text[IP_TEXT_MAX];

        return keep(export, str_printf("%s/%u", ip_format(address, text), prefix));
}

static const char *mac_text(Export *export, const uint8_t m[static 6])
{
        return keep(export, str_printf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
                                       m[4], m[5]));
}

static int export_network(Export *export, const Network *n)
{
        Net1Network out = {n->object.key, n->bridge, n->vni,
                           range_text(export, &n->gateway, n->prefix), n->mtu_bytes};

        return out.gateway ? ARRAY_APPEND(export->state.networks, export->state.n_networks, out)
                           : -ENOMEM;
}

static int export_instance(Export *export, const Instance *n)
{
        Net1Instance out = {n->object.key, n->network, n->group, n->tap, NULL, NULL, n->owner};

        out.mac = mac_text(export, n->mac);
        out.address = address_text(export, &n->address);
        if (!out.mac || !out.address)
                return -ENOMEM;
        return ARRAY_APPEND(export->state.instances, export->state.n_instances, out);
}

static int export_vip(Export *export, const Vip *v)
{
        return ARRAY_APPEND(export->state.vips, export->state.n_vips,
                            (Net1Vip) {v->object.key, v->uplink, v->owned, v->new_per_second});
}

static int export_endpoint(Export *export, const Endpoint *e)
{
        Net1State *s = &export->state;
        Net1Endpoint out = {
                .id = e->object.key,
                .vip = address_text(export, &e->vip),
                .protocol = e->protocol,
                .port = e->port,
                .balancing = e->balancing,
                .ignore_status = e->ignore_status,
                .idle_timeout_s = e->idle_timeout_s,
                .probe = {e->probe_kind, e->probe_port, e->probe_path ?: "", e->interval_ms,
                          e->timeout_ms},
        };
        int r;

        r = out.vip ? ARRAY_APPEND(s->endpoints, s->n_endpoints, out) : -ENOMEM;
        for (size_t i = 0; r == 0 && i < e->n_acl; i++) {
                Net1Endpoint *last = &s->endpoints[s->n_endpoints - 1];
                const char *range = range_text(export, &e->acl[i].network, e->acl[i].prefix);

                r = !range ? -ENOMEM
                           : ARRAY_APPEND(last->acl, last->n_acl,
                                          (Net1Rule) {e->acl[i].permit, range});
        }
        for (size_t i = 0; r == 0 && i < e->n_backends; i++) {
                Net1Endpoint *last = &s->endpoints[s->n_endpoints - 1];
                const Backend *b = &e->backends[i];

                r = ARRAY_APPEND(last->backends, last->n_backends,
                                 (Net1Backend) {b->instance, b->port, b->ready});
        }
        return r;
}

static int export_reach(Export *export, const Reach *reach)
{
        Net1State *s = &export->state;
        int r;

        r = ARRAY_APPEND(s->reaches, s->n_reaches,
                         (Net1Reach) {.network = reach->network,
                                      .group = reach->group,
                                      .protocol = reach->protocol,
                                      .first = reach->first,
                                      .last = reach->last});
        for (size_t i = 0; r == 0 && i < reach->n_from; i++) {
                Net1Reach *last = &s->reaches[s->n_reaches - 1];

                r = ARRAY_APPEND(last->from, last->n_from, reach->from[i]);
        }
        return r;
}

static int export_peer(Export *export, const Peer *peer)
{
        Net1Peer out = {peer->object.key, address_text(export, &peer->address), peer->self,
                        peer->alive};

        return out.address ? ARRAY_APPEND(export->state.peers, export->state.n_peers, out)
                           : -ENOMEM;
}

static int export_share(Export *export, const Share *share)
{
        Net1State *s = &export->state;
        int r;

        r = ARRAY_APPEND(s->shares, s->n_shares, (Net1Share) {.endpoint = share->object.key});
        for (size_t i = 0; r == 0 && i < share->n_weights; i++) {
                Net1Share *last = &s->shares[s->n_shares - 1];

                r = ARRAY_APPEND(last->weights, last->n_weights,
                                 (Net1Weight) {share->weights[i].peer, share->weights[i].weight});
        }
        return r;
}

static int export_remote(Export *export, const Remote *n)
{
        Net1Remote out = {n->object.key, n->network, n->group, NULL, NULL, n->peer};

        out.mac = mac_text(export, n->mac);
        out.address = address_text(export, &n->address);
        if (!out.mac || !out.address)
                return -ENOMEM;
        return ARRAY_APPEND(export->state.remotes, export->state.n_remotes, out);
}

int export_object(Export *export, const Object *object)
{
        switch (object->kind) {
        case OBJECT_NETWORK:
                return export_network(export, (const Network *) object);
        case OBJECT_INSTANCE:
                return export_instance(export, (const Instance *) object);
        case OBJECT_VIP:
                return export_vip(export, (const Vip *) object);
        case OBJECT_ENDPOINT:
                return export_endpoint(export, (const Endpoint *) object);
        case OBJECT_REACH:
                return export_reach(export, (const Reach *) object);
        case OBJECT_PEER:
                return export_peer(export, (const Peer *) object);
        case OBJECT_SHARE:
                return export_share(export, (const Share *) object);
        case OBJECT_REMOTE:
                return export_remote(export, (const Remote *) object);
        default:
                assert(0);
                return -EINVAL;
        }
}

int export_state(Export *export, const State *state)
{
        int r = 0;

        for (int kind = 0; kind < OBJECT_KINDS; kind++)
                MAP_FOREACH (entry, &state->objects[kind])
                        if (r == 0)
                                r = export_object(export, entry->value);
        return r;
}
