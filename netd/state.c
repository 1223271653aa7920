/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A change is a list of pairs, before and after. Applying it first takes all old objects out, with
 * what they claim, then puts the new ones in, then looks at the references of whatever was touched;
 * so the cost is that of the change, not of the state. Going back is the same with the pairs
 * turned. */

#include "netd/state.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/str.h"
#include "netd/object.h"

#define CLAIMS_MAX 2
#define CLAIM_TEXT 80
#define CLAIM_SELF "self"

static const char *const kind_names[OBJECT_KINDS] = {
        "network", "instance", "vip", "endpoint", "reach", "peer", "share", "remote",
};

typedef struct Claims {
        char texts[CLAIMS_MAX][CLAIM_TEXT];
        size_t n;
} Claims;

const char *state_kind_name(ObjectKind kind)
{
        return kind_names[kind];
}

void state_deinit(State *state)
{
        for (int kind = 0; kind < OBJECT_KINDS; kind++) {
                MAP_FOREACH (entry, &state->objects[kind])
                        object_free(entry->value);
                map_deinit(&state->objects[kind]);
        }
        map_deinit(&state->claims);
        *state = (State) {};
}

void state_change_deinit(StateChange *change)
{
        for (size_t i = 0; i < change->n_objects; i++)
                object_free(change->applied ? change->objects[i].before : change->objects[i].after);
        free(change->objects);
        *change = (StateChange) {};
}

const Network *state_network(const State *state, const char *key)
{
        return map_get(&state->objects[OBJECT_NETWORK], key);
}

const Instance *state_instance(const State *state, const char *key)
{
        return map_get(&state->objects[OBJECT_INSTANCE], key);
}

Endpoint *state_endpoint(const State *state, const char *key)
{
        return map_get(&state->objects[OBJECT_ENDPOINT], key);
}

const Peer *state_peer(const State *state, const char *key)
{
        return map_get(&state->objects[OBJECT_PEER], key);
}

const Share *state_share(const State *state, const char *key)
{
        return map_get(&state->objects[OBJECT_SHARE], key);
}

const Peer *state_self(const State *state)
{
        return map_get(&state->claims, CLAIM_SELF);
}

static void claim_port(const Endpoint *e, char text[static CLAIM_TEXT])
{
        char ip[IP_TEXT_MAX];

        snprintf(text, CLAIM_TEXT, "port %s/%u/%u", ip_format(&e->vip, ip), e->protocol, e->port);
}

Endpoint *state_endpoint_at(const State *state, const Endpoint *endpoint)
{
        char text[CLAIM_TEXT];

        claim_port(endpoint, text);
        return map_get(&state->claims, text);
}

static void claim_address(const IpAddress *address, char text[static CLAIM_TEXT])
{
        char ip[IP_TEXT_MAX];

        snprintf(text, CLAIM_TEXT, "host %s", ip_format(address, ip));
}

/* Numbers go round, so that what an old table remembers of a host that went does not mean another
 * one too soon. */
static void number_peer(State *state, Peer *peer)
{
        assert(NET1_PEERS_MAX < PEER_NUMBERS - 1);
        while (peer->number == 0 ||
               (state->numbers[peer->number] && state->numbers[peer->number] != peer)) {
                state->last_number = (uint16_t) (state->last_number % (PEER_NUMBERS - 1) + 1);
                peer->number = state->last_number;
        }
        state->numbers[peer->number] = peer;
}

void state_number_peer(State *state, const IpAddress *address, uint16_t number)
{
        char text[CLAIM_TEXT];
        Peer *peer, *other;

        assert(number > 0 && number < PEER_NUMBERS);
        claim_address(address, text);
        peer = map_get(&state->claims, text);
        other = state->numbers[number];
        if (!peer || peer == other)
                return;
        state->numbers[peer->number] = other;
        if (other)
                other->number = peer->number;
        state->numbers[number] = peer;
        peer->number = number;
}

bool endpoint_in_rotation(const State *state, const Backend *backend, const char **ret_why)
{
        const Endpoint *e = backend->endpoint;
        const char *why = "";

        if (!state_instance(state, backend->instance))
                why = "unknown instance";
        else if (!backend->ready && !e->ignore_status)
                why = "not ready";
        else if (e->probe_kind != NET1_PROBE_NONE && !backend->good)
                why = "probe";
        if (ret_why)
                *ret_why = why;
        return !why[0];
}

/* What a rewritten endpoint's backend was found to be stays known, if it is probed as before. */
static void inherit(Endpoint *after, const Endpoint *before)
{
        bool same = after->probe_kind == before->probe_kind &&
                    after->probe_port == before->probe_port &&
                    str_equal(after->probe_path, before->probe_path);

        for (size_t i = 0; same && i < after->n_backends; i++)
                for (size_t j = 0; j < before->n_backends; j++)
                        if (after->backends[i].port == before->backends[j].port &&
                            strcmp(after->backends[i].instance, before->backends[j].instance) == 0)
                                after->backends[i].good = before->backends[j].good;
}

/* What buckets remember is the public port's: an endpoint that takes another's place, as a swap
 * has it, goes on from there. */
static int inherit_chains(const State *state, Endpoint *after)
{
        const Endpoint *before = state_endpoint_at(state, after);

        return before ? lb_chains_copy(&before->chains, &after->chains) : 0;
}

static int plan_add(StateChange *change, Object *before, Object *after)
{
        return ARRAY_APPEND(change->objects, change->n_objects, (ObjectChange) {before, after});
}

static int plan_object(const State *state, ObjectKind kind, const void *wanted, Map *seen,
                       StateChange *change, StateError *error)
{
        _cleanup_(object_freep) Object *object = NULL;
        Object *before;
        int r;

        r = object_make(kind, wanted, &object, error);
        if (r != 0)
                return r;
        if (map_contains(seen, object->key))
                return refuse(error, ERROR_CONFLICT, "%s %s: declared twice", kind_names[kind],
                              object->key);
        r = map_put(seen, object->key, object);
        if (r < 0)
                return r;
        before = map_get(&state->objects[kind], object->key);
        if (before && object_equal(before, object))
                return 0;
        if (before && kind == OBJECT_ENDPOINT)
                inherit((Endpoint *) object, (const Endpoint *) before);
        if (kind == OBJECT_ENDPOINT)
                r = inherit_chains(state, (Endpoint *) object);
        if (r < 0)
                return r;
        if (before && kind == OBJECT_PEER &&
            ip_compare(&((Peer *) object)->address, &((const Peer *) before)->address) == 0)
                ((Peer *) object)->number = ((const Peer *) before)->number;
        r = plan_add(change, before, object);
        if (r == 0)
                TAKE_PTR(object);
        return r;
}

static const void *wanted_at(const Net1State *wanted, ObjectKind kind, size_t i)
{
        switch (kind) {
        case OBJECT_NETWORK:
                return i < wanted->n_networks ? &wanted->networks[i] : NULL;
        case OBJECT_INSTANCE:
                return i < wanted->n_instances ? &wanted->instances[i] : NULL;
        case OBJECT_VIP:
                return i < wanted->n_vips ? &wanted->vips[i] : NULL;
        case OBJECT_ENDPOINT:
                return i < wanted->n_endpoints ? &wanted->endpoints[i] : NULL;
        case OBJECT_REACH:
                return i < wanted->n_reaches ? &wanted->reaches[i] : NULL;
        case OBJECT_PEER:
                return i < wanted->n_peers ? &wanted->peers[i] : NULL;
        case OBJECT_SHARE:
                return i < wanted->n_shares ? &wanted->shares[i] : NULL;
        case OBJECT_REMOTE:
                return i < wanted->n_remotes ? &wanted->remotes[i] : NULL;
        default:
                return NULL;
        }
}

static int plan_gone(const State *state, const Net1State *wanted, ObjectKind kind, Map *seen,
                     StateChange *change)
{
        for (size_t i = 0; i < wanted->n_gone; i++) {
                const Net1Gone *gone = &wanted->gone[i];
                Object *before;
                int r;

                if (strcmp(gone->kind, kind_names[kind]) != 0 || map_contains(seen, gone->key))
                        continue;
                before = map_get(&state->objects[kind], gone->key);
                r = map_put(seen, gone->key, NULL);
                if (r == 0 && before)
                        r = plan_add(change, before, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int plan_rest(const State *state, ObjectKind kind, const Map *seen, StateChange *change)
{
        int r;

        MAP_FOREACH (entry, &state->objects[kind]) {
                if (map_contains(seen, entry->key))
                        continue;
                r = plan_add(change, entry->value, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int plan_kind(const State *state, const Net1State *wanted, ObjectKind kind, bool replace,
                     StateChange *change, StateError *error)
{
        _cleanup_(map_deinit) Map seen = {};
        const void *object;
        int r = 0;

        for (size_t i = 0; r == 0 && (object = wanted_at(wanted, kind, i)); i++)
                r = plan_object(state, kind, object, &seen, change, error);
        if (r != 0)
                return r;
        return replace ? plan_rest(state, kind, &seen, change)
                       : plan_gone(state, wanted, kind, &seen, change);
}

static int check_gone(const Net1State *wanted, StateError *error)
{
        for (size_t i = 0; i < wanted->n_gone; i++) {
                bool known = false;

                for (int kind = 0; kind < OBJECT_KINDS; kind++)
                        known = known || strcmp(wanted->gone[i].kind, kind_names[kind]) == 0;
                if (!known)
                        return refuse(error, ERROR_INVALID, "gone: \"%s\" is no kind of object",
                                      wanted->gone[i].kind);
        }
        return 0;
}

int state_plan(const State *state, const Net1State *wanted, bool replace, StateChange *ret_change,
               StateError *error)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        int r;

        r = check_gone(wanted, error);
        for (int kind = 0; r == 0 && kind < OBJECT_KINDS; kind++)
                r = plan_kind(state, wanted, kind, replace, &change, error);
        if (r != 0)
                return r;
        *ret_change = change;
        change = (StateChange) {};
        return 0;
}

static void claims_of(const Object *object, Claims *claims)
{
        char ip[IP_TEXT_MAX];

        claims->n = 0;
        if (object->kind == OBJECT_NETWORK) {
                const Network *n = (const Network *) object;

                snprintf(claims->texts[claims->n++], CLAIM_TEXT, "bridge %s", n->bridge);
                snprintf(claims->texts[claims->n++], CLAIM_TEXT, "vni %u", n->vni);
        } else if (object->kind == OBJECT_INSTANCE) {
                const Instance *n = (const Instance *) object;

                snprintf(claims->texts[claims->n++], CLAIM_TEXT, "tap %s", n->tap);
                snprintf(claims->texts[claims->n++], CLAIM_TEXT, "address %s",
                         ip_format(&n->address, ip));
        } else if (object->kind == OBJECT_ENDPOINT) {
                claim_port((const Endpoint *) object, claims->texts[claims->n++]);
        } else if (object->kind == OBJECT_REMOTE) {
                snprintf(claims->texts[claims->n++], CLAIM_TEXT, "address %s",
                         ip_format(&((const Remote *) object)->address, ip));
        } else if (object->kind == OBJECT_PEER) {
                const Peer *peer = (const Peer *) object;

                claim_address(&peer->address, claims->texts[claims->n++]);
                if (peer->self)
                        snprintf(claims->texts[claims->n++], CLAIM_TEXT, CLAIM_SELF);
        }
}

static void take_out(State *state, const Object *object)
{
        Claims claims;

        claims_of(object, &claims);
        for (size_t i = 0; i < claims.n; i++)
                if (map_get(&state->claims, claims.texts[i]) == object)
                        map_remove(&state->claims, claims.texts[i]);
        if (object->kind == OBJECT_PEER &&
            state->numbers[((const Peer *) object)->number] == (const Peer *) object)
                state->numbers[((const Peer *) object)->number] = NULL;
}

/* A key that has an object before and after keeps its place in the map: nothing is allocated for
 * it. */
static void key_take_out(State *state, const Object *object)
{
        if (map_get(&state->objects[object->kind], object->key) == object)
                map_remove(&state->objects[object->kind], object->key);
}

static int put_in(State *state, Object *object, StateError *error)
{
        const Object *other;
        Claims claims;
        int r;

        claims_of(object, &claims);
        for (size_t i = 0; i < claims.n; i++) {
                other = map_get(&state->claims, claims.texts[i]);
                if (other)
                        return refuse(error, ERROR_CONFLICT, "%s %s: %s is that of %s %s",
                                      kind_names[object->kind], object->key, claims.texts[i],
                                      kind_names[other->kind], other->key);
                r = map_put(&state->claims, claims.texts[i], object);
                if (r < 0)
                        return r;
        }
        if (object->kind == OBJECT_PEER)
                number_peer(state, (Peer *) object);
        return map_put(&state->objects[object->kind], object->key, object);
}

static int check_guest(const State *state, const Object *object, const char *key,
                       const IpAddress *address, StateError *error)
{
        const Network *network = state_network(state, key);

        if (!network)
                return refuse(error, ERROR_UNKNOWN, "%s %s: there is no network %s",
                              kind_names[object->kind], object->key, key);
        if (!ip_in_network(address, &network->gateway, network->prefix) ||
            ip_compare(address, &network->gateway) == 0)
                return refuse(error, ERROR_INVALID,
                              "%s %s: address: is not one for guests of network %s",
                              kind_names[object->kind], object->key, key);
        return 0;
}

static int check_instance(const State *state, const Instance *n, StateError *error)
{
        return check_guest(state, &n->object, n->network, &n->address, error);
}

static int check_remote(const State *state, const Remote *n, StateError *error)
{
        const Peer *peer = state_peer(state, n->peer);

        if (!peer)
                return refuse(error, ERROR_UNKNOWN, "remote %s: there is no peer %s", n->object.key,
                              n->peer);
        if (peer->self)
                return refuse(error, ERROR_CONFLICT, "remote %s: peer %s is this host itself",
                              n->object.key, n->peer);
        return check_guest(state, &n->object, n->network, &n->address, error);
}

/* Remotes refer to networks and to peers. */
static int check_remotes_of(const State *state, const Object *object, StateError *error)
{
        int r = 0;

        MAP_FOREACH (entry, &state->objects[OBJECT_REMOTE]) {
                const Remote *n = entry->value;

                if (r == 0 &&
                    str_equal(object->kind == OBJECT_PEER ? n->peer : n->network, object->key))
                        r = check_remote(state, n, error);
        }
        return r;
}

/* What refers to something that changed or went. Only these kinds are looked up by others. */
static int check_referrers(const State *state, const Object *object, StateError *error)
{
        int r = 0;

        if (object->kind == OBJECT_NETWORK || object->kind == OBJECT_PEER)
                r = check_remotes_of(state, object, error);

        if (object->kind == OBJECT_NETWORK) {
                MAP_FOREACH (entry, &state->objects[OBJECT_INSTANCE])
                        if (r == 0 && str_equal(((Instance *) entry->value)->network, object->key))
                                r = check_instance(state, entry->value, error);
                MAP_FOREACH (reach, &state->objects[OBJECT_REACH])
                        if (r == 0 && str_equal(((Reach *) reach->value)->network, object->key) &&
                            !state_network(state, object->key))
                                r = refuse(error, ERROR_UNKNOWN,
                                           "reach %s: there is no such network", reach->key);
        } else if (object->kind == OBJECT_VIP && !map_get(&state->objects[OBJECT_VIP], object->key))
                MAP_FOREACH (endpoint, &state->objects[OBJECT_ENDPOINT]) {
                        const Endpoint *e = endpoint->value;

                        if (r == 0 && ip_compare(&e->vip, &((const Vip *) object)->address) == 0)
                                r = refuse(error, ERROR_UNKNOWN, "endpoint %s: there is no vip %s",
                                           e->object.key, object->key);
                }
        return r;
}

static int check_object(const State *state, const Object *object, StateError *error)
{
        char ip[IP_TEXT_MAX];

        if (object->kind == OBJECT_INSTANCE)
                return check_instance(state, (const Instance *) object, error);
        if (object->kind == OBJECT_REMOTE)
                return check_remote(state, (const Remote *) object, error);
        if (object->kind == OBJECT_ENDPOINT &&
            !map_contains(&state->objects[OBJECT_VIP],
                          ip_format(&((const Endpoint *) object)->vip, ip)))
                return refuse(error, ERROR_UNKNOWN, "endpoint %s: there is no vip %s", object->key,
                              ip);
        if (object->kind == OBJECT_REACH &&
            !state_network(state, ((const Reach *) object)->network))
                return refuse(error, ERROR_UNKNOWN, "reach %s: there is no such network",
                              object->key);
        return 0;
}

static int check_overlap(const State *state, const Network *network, StateError *error)
{
        int r = 0;

        MAP_FOREACH (entry, &state->objects[OBJECT_NETWORK]) {
                const Network *other = entry->value;
                unsigned prefix = MIN(network->prefix, other->prefix);

                if (r == 0 && other != network &&
                    ip_in_network(&network->gateway, &other->gateway, prefix))
                        r = refuse(error, ERROR_CONFLICT,
                                   "network %s: its addresses overlap those of network %s",
                                   network->object.key, other->object.key);
        }
        return r;
}

static int check_change(const State *state, const StateChange *change, StateError *error)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->n_objects; i++) {
                const ObjectChange *c = &change->objects[i];

                if (c->after)
                        r = check_object(state, c->after, error);
                if (r == 0 && c->after && c->after->kind == OBJECT_NETWORK)
                        r = check_overlap(state, (const Network *) c->after, error);
                if (r == 0 && c->before)
                        r = check_referrers(state, c->before, error);
        }
        return r;
}

void state_revert(State *state, StateChange *change)
{
        StateError error;
        int r;

        assert(change->applied);
        for (size_t i = 0; i < change->n_objects; i++)
                if (change->objects[i].after) {
                        take_out(state, change->objects[i].after);
                        if (!change->objects[i].before)
                                key_take_out(state, change->objects[i].after);
                }
        for (size_t i = 0; i < change->n_objects; i++)
                if (change->objects[i].before) {
                        take_out(state, change->objects[i].before);
                        r = put_in(state, change->objects[i].before, &error);
                        assert(r == 0); /* the maps have had room for it */
                }
        change->applied = false;
}

int state_apply(State *state, StateChange *change, StateError *error)
{
        int r = 0;

        assert(!change->applied);
        for (size_t i = 0; i < change->n_objects; i++)
                if (change->objects[i].before) {
                        take_out(state, change->objects[i].before);
                        if (!change->objects[i].after)
                                key_take_out(state, change->objects[i].before);
                }
        for (size_t i = 0; r == 0 && i < change->n_objects; i++)
                if (change->objects[i].after)
                        r = put_in(state, change->objects[i].after, error);
        change->applied = true;
        if (r == 0)
                r = check_change(state, change, error);
        if (r != 0)
                state_revert(state, change);
        return r;
}

bool state_has_hosts(const State *state)
{
        const Peer *self = state_self(state);

        return self && self->address.family == 4 && map_size(&state->objects[OBJECT_PEER]) > 1;
}

bool state_has_remotes(const State *state, const char *network)
{
        MAP_FOREACH (entry, &state->objects[OBJECT_REMOTE])
                if (str_equal(((Remote *) entry->value)->network, network))
                        return true;
        return false;
}
