/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Every value that comes over the bus is checked here, before anything else sees it: what this file
 * lets through may be written into kernel tables, file lines and HTTP requests. */

#include "netd/object.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/str.h"

#define ID_MAX      NET1_TEXT_MAX
#define VNI_MAX     0xffffff
#define MTU_MIN     1280
#define MTU_MAX     9216
#define SPAN_MIN_MS 100
#define SPAN_MAX_MS 3600000
#define IDLE_MAX_S  1800
#define RATE_MAX    10000000
#define WEIGHT_MAX  1000000

int refuse(StateError *error, const char *name, const char *format, ...)
{
        va_list arguments;

        error->name = name;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
        return STATE_REFUSED;
}

/* Ids are names with slashes: `d0a1b2c3d/web_IN_0`. */
static bool is_id(const char *text)
{
        if (str_empty(text) || strlen(text) > ID_MAX)
                return false;
        for (const char *c = text; *c; c++)
                if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                      (*c >= '0' && *c <= '9') || strchr("-_./:@", *c)))
                        return false;
        return true;
}

/* An interface of ours: PREFIX and then what is safe in a name, of a length the kernel takes. */
static bool is_interface(const char *text, const char *prefix)
{
        return str_after(text, prefix) && str_is_name(text, IFNAMSIZ - 1) &&
               strlen(text) > strlen(prefix);
}

static int key_check(const char *kind, const char *id, StateError *error)
{
        if (is_id(id))
                return 0;
        return refuse(error, ERROR_INVALID, "%s: id: 1 to %d letters, digits or -_./:@", kind,
                      ID_MAX);
}

static int make_network(const Net1Network *w, Network *n, StateError *error)
{
        if (!is_interface(w->bridge, "tb"))
                return refuse(error, ERROR_INVALID,
                              "network %s: bridge: a name tb* of at most %d characters", w->id,
                              IFNAMSIZ - 1);
        if (w->vni < 1 || w->vni > VNI_MAX)
                return refuse(error, ERROR_INVALID, "network %s: vni: 1 to %d", w->id, VNI_MAX);
        if (w->mtu_bytes < MTU_MIN || w->mtu_bytes > MTU_MAX)
                return refuse(error, ERROR_INVALID, "network %s: mtu: %d to %d", w->id, MTU_MIN,
                              MTU_MAX);
        if (ip_parse_range(w->gateway, &n->gateway, &n->prefix) < 0 || n->gateway.family != 4 ||
            n->prefix < 8 || n->prefix > 30)
                return refuse(error, ERROR_INVALID,
                              "network %s: gateway: an IPv4 ADDRESS/8 to ADDRESS/30", w->id);
        snprintf(n->bridge, sizeof(n->bridge), "%s", w->bridge);
        n->vni = w->vni;
        n->mtu_bytes = w->mtu_bytes;
        return 0;
}

static int parse_mac(const char *text, uint8_t mac[static 6])
{
        unsigned b[6];
        int end = 0;

        if (strlen(text) != 17 ||
            sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
                   &end) != 6 ||
            end != 17 || (b[0] & 1) != 0 || (b[0] | b[1] | b[2] | b[3] | b[4] | b[5]) == 0)
                return -EINVAL;
        for (int i = 0; i < 6; i++)
                mac[i] = (uint8_t) b[i];
        return 0;
}

static int make_instance(const Net1Instance *w, Instance *n, StateError *error)
{
        if (!is_id(w->network) || !is_id(w->group))
                return refuse(error, ERROR_INVALID, "instance %s: network and group: names", w->id);
        if (!is_interface(w->tap, "tv"))
                return refuse(error, ERROR_INVALID,
                              "instance %s: tap: a name tv* of at most %d characters", w->id,
                              IFNAMSIZ - 1);
        if (parse_mac(w->mac, n->mac) < 0)
                return refuse(error, ERROR_INVALID, "instance %s: mac: a unicast MAC address",
                              w->id);
        if (ip_parse(w->address, &n->address) < 0 || n->address.family != 4)
                return refuse(error, ERROR_INVALID, "instance %s: address: an IPv4 address", w->id);
        snprintf(n->tap, sizeof(n->tap), "%s", w->tap);
        n->owner = w->owner;
        n->network = strdup(w->network);
        n->group = strdup(w->group);
        return n->network && n->group ? 0 : -ENOMEM;
}

static int make_vip(const Net1Vip *w, Vip *v, StateError *error)
{
        char text[IP_TEXT_MAX];

        if (ip_parse(w->address, &v->address) < 0 || v->address.family != 4 ||
            v->address.bytes[0] == 0 || v->address.bytes[0] == 127 || v->address.bytes[0] >= 224)
                return refuse(error, ERROR_INVALID, "vip %s: address: a unicast IPv4 address",
                              w->address);
        if (strcmp(ip_format(&v->address, text), w->address) != 0)
                return refuse(error, ERROR_INVALID, "vip %s: address: write it %s", w->address,
                              text);
        if (w->uplink[0] && !str_is_name(w->uplink, IFNAMSIZ - 1))
                return refuse(error, ERROR_INVALID, "vip %s: uplink: an interface", w->address);
        if (w->new_per_second > RATE_MAX)
                return refuse(error, ERROR_INVALID, "vip %s: new_per_second: at most %d",
                              w->address, RATE_MAX);
        snprintf(v->uplink, sizeof(v->uplink), "%s", w->uplink);
        v->owned = w->owned;
        v->new_per_second = w->new_per_second;
        return 0;
}

static bool is_path(const char *path)
{
        if (path[0] != '/' || strlen(path) > NET1_PATH_MAX)
                return false;
        for (const char *c = path; *c; c++)
                if (*c <= ' ' || *c > '~')
                        return false;
        return true;
}

static int make_probe(const Net1Endpoint *w, Endpoint *e, StateError *error)
{
        const Net1Probe *p = &w->probe;

        if (p->kind > NET1_PROBE_TCP)
                return refuse(error, ERROR_INVALID, "endpoint %s: probe: kind 0, 1 or 2", w->id);
        e->probe_kind = p->kind;
        if (p->kind == NET1_PROBE_NONE)
                return 0;
        if (p->interval_ms < SPAN_MIN_MS || p->interval_ms > SPAN_MAX_MS ||
            p->timeout_ms < SPAN_MIN_MS || p->timeout_ms > SPAN_MAX_MS)
                return refuse(error, ERROR_INVALID,
                              "endpoint %s: probe: interval_ms and timeout_ms: %d to %d", w->id,
                              SPAN_MIN_MS, SPAN_MAX_MS);
        e->probe_port = p->port;
        e->interval_ms = p->interval_ms;
        e->timeout_ms = p->timeout_ms;
        if (p->kind != NET1_PROBE_HTTP)
                return 0;
        if (!is_path(p->path))
                return refuse(error, ERROR_INVALID,
                              "endpoint %s: probe: path: begins with / and has no blanks", w->id);
        e->probe_path = strdup(p->path);
        return e->probe_path ? 0 : -ENOMEM;
}

static int make_acl(const Net1Endpoint *w, Endpoint *e, StateError *error)
{
        e->acl = calloc(w->n_acl ?: 1, sizeof(*e->acl));
        if (!e->acl)
                return -ENOMEM;
        for (; e->n_acl < w->n_acl; e->n_acl++) {
                AclRule *rule = &e->acl[e->n_acl];

                rule->permit = w->acl[e->n_acl].permit;
                if (ip_parse_range(w->acl[e->n_acl].network, &rule->network, &rule->prefix) < 0)
                        return refuse(error, ERROR_INVALID,
                                      "endpoint %s: acl rule %zu: not an ADDRESS/PREFIX", w->id,
                                      e->n_acl + 1);
        }
        return 0;
}

static int make_backends(const Net1Endpoint *w, Endpoint *e, StateError *error)
{
        e->backends = calloc(w->n_backends ?: 1, sizeof(*e->backends));
        if (!e->backends)
                return -ENOMEM;
        for (size_t i = 0; i < w->n_backends; i++) {
                const Net1Backend *b = &w->backends[i];

                if (!is_id(b->instance) || b->port == 0)
                        return refuse(error, ERROR_INVALID,
                                      "endpoint %s: backend %zu: an instance and a port", w->id,
                                      i + 1);
                for (size_t j = 0; j < i; j++)
                        if (b->port == w->backends[j].port &&
                            strcmp(b->instance, w->backends[j].instance) == 0)
                                return refuse(error, ERROR_CONFLICT,
                                              "endpoint %s: backend %s: twice", w->id, b->instance);
                e->backends[i] = (Backend) {
                        .instance = strdup(b->instance),
                        .port = b->port,
                        .ready = b->ready,
                        .endpoint = e,
                };
                if (!e->backends[i].instance)
                        return -ENOMEM;
                e->n_backends++;
        }
        return 0;
}

static int make_endpoint(const Net1Endpoint *w, Endpoint *e, StateError *error)
{
        int r;

        if (ip_parse(w->vip, &e->vip) < 0 || e->vip.family != 4)
                return refuse(error, ERROR_INVALID, "endpoint %s: vip: an IPv4 address", w->id);
        if (w->protocol != NET1_TCP && w->protocol != NET1_UDP)
                return refuse(error, ERROR_INVALID, "endpoint %s: protocol: 6 or 17", w->id);
        if (w->port == 0)
                return refuse(error, ERROR_INVALID, "endpoint %s: port: 1 to 65535", w->id);
        if (w->balancing > NET1_BY_SOURCE)
                return refuse(error, ERROR_INVALID, "endpoint %s: balancing: 0 or 1", w->id);
        if (w->idle_timeout_s > IDLE_MAX_S)
                return refuse(error, ERROR_INVALID, "endpoint %s: idle_timeout: at most %d s",
                              w->id, IDLE_MAX_S);
        e->protocol = w->protocol;
        e->port = w->port;
        e->balancing = w->balancing;
        e->ignore_status = w->ignore_status;
        e->idle_timeout_s = w->idle_timeout_s;
        r = make_probe(w, e, error);
        if (r == 0)
                r = make_acl(w, e, error);
        return r != 0 ? r : make_backends(w, e, error);
}

static int make_reach(const Net1Reach *w, Reach *reach, StateError *error)
{
        if (!is_id(w->network) || !is_id(w->group))
                return refuse(error, ERROR_INVALID, "reach: network and group: names");
        if ((w->protocol != NET1_TCP && w->protocol != NET1_UDP) || w->first == 0 ||
            w->last < w->first)
                return refuse(error, ERROR_INVALID,
                              "reach %s %s: protocol 6 or 17, ports first to last", w->network,
                              w->group);
        reach->protocol = w->protocol;
        reach->first = w->first;
        reach->last = w->last;
        reach->network = strdup(w->network);
        reach->group = strdup(w->group);
        reach->from = calloc(w->n_from ?: 1, sizeof(*reach->from));
        if (!reach->network || !reach->group || !reach->from)
                return -ENOMEM;
        for (; reach->n_from < w->n_from; reach->n_from++) {
                if (!is_id(w->from[reach->n_from]))
                        return refuse(error, ERROR_INVALID, "reach %s %s: from: names", w->network,
                                      w->group);
                reach->from[reach->n_from] = strdup(w->from[reach->n_from]);
                if (!reach->from[reach->n_from])
                        return -ENOMEM;
        }
        return 0;
}

static int make_peer(const Net1Peer *w, Peer *peer, StateError *error)
{
        if (ip_parse(w->address, &peer->address) < 0)
                return refuse(error, ERROR_INVALID, "peer %s: address: an IP address", w->id);
        peer->self = w->self;
        peer->alive = w->alive;
        return 0;
}

static int make_share(const Net1Share *w, Share *share, StateError *error)
{
        share->weights = calloc(w->n_weights ?: 1, sizeof(*share->weights));
        if (!share->weights)
                return -ENOMEM;
        for (; share->n_weights < w->n_weights; share->n_weights++) {
                const Net1Weight *weight = &w->weights[share->n_weights];

                if (!is_id(weight->peer) || weight->weight > WEIGHT_MAX)
                        return refuse(error, ERROR_INVALID,
                                      "share %s: a peer and a weight of at most %d", w->endpoint,
                                      WEIGHT_MAX);
                share->weights[share->n_weights].weight = weight->weight;
                share->weights[share->n_weights].peer = strdup(weight->peer);
                if (!share->weights[share->n_weights].peer)
                        return -ENOMEM;
        }
        return 0;
}

static int make_remote(const Net1Remote *w, Remote *n, StateError *error)
{
        if (!is_id(w->network) || !is_id(w->group) || !is_id(w->peer))
                return refuse(error, ERROR_INVALID, "remote %s: network, group and peer: names",
                              w->id);
        if (parse_mac(w->mac, n->mac) < 0)
                return refuse(error, ERROR_INVALID, "remote %s: mac: a unicast MAC address", w->id);
        if (ip_parse(w->address, &n->address) < 0 || n->address.family != 4)
                return refuse(error, ERROR_INVALID, "remote %s: address: an IPv4 address", w->id);
        n->network = strdup(w->network);
        n->group = strdup(w->group);
        n->peer = strdup(w->peer);
        return n->network && n->group && n->peer ? 0 : -ENOMEM;
}

static const size_t sizes[OBJECT_KINDS] = {
        sizeof(Network), sizeof(Instance), sizeof(Vip),   sizeof(Endpoint),
        sizeof(Reach),   sizeof(Peer),     sizeof(Share), sizeof(Remote),
};

/* The contract's structs begin with their id, a reach's excepted: its key is all of it. */
static int object_key(ObjectKind kind, const void *wanted, char **ret_key, StateError *error)
{
        const Net1Reach *reach = wanted;
        const char *id = kind == OBJECT_REACH ? reach->network : *(const char *const *) wanted;
        int r;

        r = key_check(state_kind_name(kind), id, error);
        if (r != 0)
                return r;
        if (kind == OBJECT_REACH)
                *ret_key = str_printf("%s %s %u %u %u", reach->network, reach->group,
                                      reach->protocol, reach->first, reach->last);
        else
                *ret_key = strdup(id);
        return *ret_key ? 0 : -ENOMEM;
}

static int fill(ObjectKind kind, const void *wanted, Object *object, StateError *error)
{
        switch (kind) {
        case OBJECT_NETWORK:
                return make_network(wanted, (Network *) object, error);
        case OBJECT_INSTANCE:
                return make_instance(wanted, (Instance *) object, error);
        case OBJECT_VIP:
                return make_vip(wanted, (Vip *) object, error);
        case OBJECT_ENDPOINT:
                return make_endpoint(wanted, (Endpoint *) object, error);
        case OBJECT_REACH:
                return make_reach(wanted, (Reach *) object, error);
        case OBJECT_PEER:
                return make_peer(wanted, (Peer *) object, error);
        case OBJECT_SHARE:
                return make_share(wanted, (Share *) object, error);
        case OBJECT_REMOTE:
                return make_remote(wanted, (Remote *) object, error);
        default:
                assert(0);
                return -EINVAL;
        }
}

int object_make(ObjectKind kind, const void *wanted, Object **ret_object, StateError *error)
{
        _cleanup_(object_freep) Object *object = calloc(1, sizes[kind]);
        int r;

        if (!object)
                return -ENOMEM;
        object->kind = kind;
        r = object_key(kind, wanted, &object->key, error);
        if (r == 0)
                r = fill(kind, wanted, object, error);
        if (r != 0)
                return r;
        *ret_object = TAKE_PTR(object);
        return 0;
}

static void endpoint_deinit(Endpoint *e)
{
        for (size_t i = 0; i < e->n_backends; i++)
                free(e->backends[i].instance);
        lb_chains_deinit(&e->chains);
        lb_chains_deinit(&e->chains_before);
        free(e->backends);
        free(e->acl);
        free(e->probe_path);
}

static void reach_deinit(Reach *reach)
{
        for (size_t i = 0; i < reach->n_from; i++)
                free(reach->from[i]);
        free(reach->from);
        free(reach->network);
        free(reach->group);
}

static void share_deinit(Share *share)
{
        for (size_t i = 0; i < share->n_weights; i++)
                free(share->weights[i].peer);
        free(share->weights);
}

void object_free(Object *object)
{
        if (!object)
                return;
        if (object->kind == OBJECT_INSTANCE) {
                free(((Instance *) object)->network);
                free(((Instance *) object)->group);
        } else if (object->kind == OBJECT_ENDPOINT)
                endpoint_deinit((Endpoint *) object);
        else if (object->kind == OBJECT_REACH)
                reach_deinit((Reach *) object);
        else if (object->kind == OBJECT_SHARE)
                share_deinit((Share *) object);
        else if (object->kind == OBJECT_REMOTE) {
                free(((Remote *) object)->network);
                free(((Remote *) object)->group);
                free(((Remote *) object)->peer);
        }
        free(object->key);
        free(object);
}

static bool network_equal(const Network *a, const Network *b)
{
        return strcmp(a->bridge, b->bridge) == 0 && a->vni == b->vni &&
               ip_compare(&a->gateway, &b->gateway) == 0 && a->prefix == b->prefix &&
               a->mtu_bytes == b->mtu_bytes;
}

static bool instance_equal(const Instance *a, const Instance *b)
{
        return str_equal(a->network, b->network) && str_equal(a->group, b->group) &&
               strcmp(a->tap, b->tap) == 0 && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
               ip_compare(&a->address, &b->address) == 0 && a->owner == b->owner;
}

static bool vip_equal(const Vip *a, const Vip *b)
{
        return strcmp(a->uplink, b->uplink) == 0 && a->owned == b->owned &&
               a->new_per_second == b->new_per_second;
}

static bool rules_equal(const Endpoint *a, const Endpoint *b)
{
        if (a->n_acl != b->n_acl || a->n_backends != b->n_backends)
                return false;
        for (size_t i = 0; i < a->n_acl; i++)
                if (a->acl[i].permit != b->acl[i].permit || a->acl[i].prefix != b->acl[i].prefix ||
                    ip_compare(&a->acl[i].network, &b->acl[i].network) != 0)
                        return false;
        for (size_t i = 0; i < a->n_backends; i++)
                if (a->backends[i].port != b->backends[i].port ||
                    a->backends[i].ready != b->backends[i].ready ||
                    strcmp(a->backends[i].instance, b->backends[i].instance) != 0)
                        return false;
        return true;
}

static bool endpoint_equal(const Endpoint *a, const Endpoint *b)
{
        return ip_compare(&a->vip, &b->vip) == 0 && a->protocol == b->protocol &&
               a->port == b->port && a->balancing == b->balancing &&
               a->ignore_status == b->ignore_status && a->idle_timeout_s == b->idle_timeout_s &&
               a->probe_kind == b->probe_kind && a->probe_port == b->probe_port &&
               str_equal(a->probe_path, b->probe_path) && a->interval_ms == b->interval_ms &&
               a->timeout_ms == b->timeout_ms && rules_equal(a, b);
}

static bool reach_equal(const Reach *a, const Reach *b)
{
        if (a->n_from != b->n_from)
                return false;
        for (size_t i = 0; i < a->n_from; i++)
                if (strcmp(a->from[i], b->from[i]) != 0)
                        return false;
        return true; /* all else is the key */
}

static bool share_equal(const Share *a, const Share *b)
{
        if (a->n_weights != b->n_weights)
                return false;
        for (size_t i = 0; i < a->n_weights; i++)
                if (a->weights[i].weight != b->weights[i].weight ||
                    strcmp(a->weights[i].peer, b->weights[i].peer) != 0)
                        return false;
        return true;
}

static bool peer_equal(const Peer *a, const Peer *b)
{
        return ip_compare(&a->address, &b->address) == 0 && a->self == b->self &&
               a->alive == b->alive;
}

static bool remote_equal(const Remote *a, const Remote *b)
{
        return str_equal(a->network, b->network) && str_equal(a->group, b->group) &&
               memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
               ip_compare(&a->address, &b->address) == 0 && str_equal(a->peer, b->peer);
}

bool object_equal(const Object *a, const Object *b)
{
        assert(a->kind == b->kind);
        if (strcmp(a->key, b->key) != 0)
                return false;
        switch (a->kind) {
        case OBJECT_NETWORK:
                return network_equal((const Network *) a, (const Network *) b);
        case OBJECT_INSTANCE:
                return instance_equal((const Instance *) a, (const Instance *) b);
        case OBJECT_VIP:
                return vip_equal((const Vip *) a, (const Vip *) b);
        case OBJECT_ENDPOINT:
                return endpoint_equal((const Endpoint *) a, (const Endpoint *) b);
        case OBJECT_REACH:
                return reach_equal((const Reach *) a, (const Reach *) b);
        case OBJECT_PEER:
                return peer_equal((const Peer *) a, (const Peer *) b);
        case OBJECT_SHARE:
                return share_equal((const Share *) a, (const Share *) b);
        case OBJECT_REMOTE:
                return remote_equal((const Remote *) a, (const Remote *) b);
        default:
                return false;
        }
}
