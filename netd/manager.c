/* SPDX-License-Identifier: GPL-3.0-or-later */

/* How a declaration is carried out:
 *
 *   plan     each object checked by itself; the difference from the state
 *   apply    the state changed, if references and claims hold
 *   links    bridges, taps and ways to other hosts that must be there before the rules for them
 *   store    the change written down
 *   kernel   the difference of the elements, in one transaction        <- packets see it here
 *   settle   ports into bridges, remotes, VIPs onto the uplink, probes, what is gone removed
 *
 * Up to and including the kernel's transaction each step can be taken back; what comes after is
 * idempotent and tried again by the repair, which is also what a start does: read the kernel,
 * compare with the state, write the difference. */

#include "netd/manager.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "netd/object.h"
#include "netd/share.h"
#include "netd/sysctl.h"

#define REPAIR_NS NSEC_PER_SEC
#define TELL_MAX  64 /* endpoints between two looks at what else is to be done */

/* Objects that a change touches without being in it: their elements depend on what is. */
typedef struct Touched {
        Object **objects;
        size_t n_objects;
} Touched;

void manager_uplink(Manager *manager, char ret_name[static IFNAMSIZ])
{
        if (manager->uplink[0])
                memcpy(ret_name, manager->uplink, IFNAMSIZ);
        else if (links_uplink(manager->links, ret_name) < 0)
                ret_name[0] = '\0';
}

const char *manager_why(const Manager *manager, const Backend *backend)
{
        const char *why;

        if (endpoint_in_rotation(&manager->state, backend, &why) || strcmp(why, "probe") != 0)
                return why;
        return backend->probe ? probe_why(backend->probe) : "not probed yet";
}

static void repair_later(Manager *manager)
{
        sd_event_source_set_time_relative(manager->repair, REPAIR_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(manager->repair, SD_EVENT_ONESHOT);
}

/* ---- probes */

static bool probe_target(const Manager *manager, const Backend *backend, ProbeTarget *target)
{
        const Instance *instance = state_instance(&manager->state, backend->instance);
        const Endpoint *e = backend->endpoint;
        struct sockaddr_in *to = (struct sockaddr_in *) &target->address;

        if (!instance || e->probe_kind == NET1_PROBE_NONE)
                return false;
        *target = (ProbeTarget) {
                .address_length = sizeof(*to),
                .path = e->probe_path,
                .interval_ns = e->interval_ms * NSEC_PER_MSEC,
                .timeout_ns = e->timeout_ms * NSEC_PER_MSEC,
        };
        to->sin_family = AF_INET;
        to->sin_port = htons(e->probe_port ?: backend->port);
        memcpy(&to->sin_addr, instance->address.bytes, 4);
        return true;
}

/* Probes of an endpoint as they should be; one that goes on asking the same is left alone. */
static void settle_probes(Manager *manager, Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++) {
                Backend *b = &endpoint->backends[i];
                const Instance *instance = state_instance(&manager->state, b->instance);
                ProbeTarget target;
                bool wanted = probe_target(manager, b, &target);
                int r;

                if (b->probe && wanted && ip_compare(&b->probed, &instance->address) == 0)
                        continue;
                probe_free(b->probe);
                b->probe = NULL;
                if (!wanted)
                        continue;
                b->probed = instance->address;
                r = probe_new(manager->prober, &target, b, b->good, &b->probe);
                if (r < 0)
                        log_error_errno(r, "cannot probe %s", b->instance);
        }
}

static void drop_probes(Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++) {
                probe_free(endpoint->backends[i].probe);
                endpoint->backends[i].probe = NULL;
        }
}

/* The old object's probes go over to the new one's backends that are probed in the same way. */
static void hand_probes_over(Endpoint *from, Endpoint *to)
{
        bool same = from->probe_kind == to->probe_kind && from->probe_port == to->probe_port &&
                    from->interval_ms == to->interval_ms && from->timeout_ms == to->timeout_ms &&
                    str_equal(from->probe_path, to->probe_path);

        for (size_t i = 0; same && i < to->n_backends; i++)
                for (size_t j = 0; j < from->n_backends; j++) {
                        Backend *a = &from->backends[j], *b = &to->backends[i];

                        if (!a->probe || a->port != b->port ||
                            strcmp(a->instance, b->instance) != 0)
                                continue;
                        b->probe = TAKE_PTR(a->probe);
                        b->probed = a->probed;
                        probe_set_userdata(b->probe, b);
                        if (b->ready && !a->ready)
                                probe_soon(b->probe);
                }
        drop_probes(from);
}

/* ---- rotation */

static void rotate(const Manager *manager, Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++) {
                Backend *b = &endpoint->backends[i];

                b->was_in_rotation = b->in_rotation;
                b->in_rotation = endpoint_in_rotation(&manager->state, b, NULL);
        }
}

static void unrotate(Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++)
                endpoint->backends[i].in_rotation = endpoint->backends[i].was_in_rotation;
}

/* Signals are sent later, after the answer to the call that was the cause: a thousand of them must
 * not keep it waiting. */
static void tell_rotation(Manager *manager, const Endpoint *endpoint)
{
        int r = map_put(&manager->untold, endpoint->object.key, NULL);

        if (r == 0)
                r = sd_event_source_set_enabled(manager->teller, SD_EVENT_ON);
        if (r < 0)
                log_error_errno(r, "cannot tell the rotation of %s", endpoint->object.key);
}

static void tell_now(Manager *manager, Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++) {
                Backend *b = &endpoint->backends[i];

                if (b->in_rotation == b->told)
                        continue;
                net1_bus_rotation(manager, b);
                b->told = b->in_rotation;
        }
}

static int on_tell(sd_event_source *source, void *userdata)
{
        Manager *manager = userdata;
        Endpoint *endpoint;
        unsigned n = 0;

        MAP_FOREACH (entry, &manager->untold) {
                if (n++ == TELL_MAX)
                        return 0;
                endpoint = state_endpoint(&manager->state, entry->key);
                if (endpoint)
                        tell_now(manager, endpoint);
                map_remove(&manager->untold, entry->key);
        }
        map_deinit(&manager->untold);
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static void inherit_backend(Backend *after, const Backend *before)
{
        after->in_rotation = before->in_rotation;
        after->told = before->told;
}

/* A backend's new self begins where its old one was, so that only a true change is told. */
static void inherit_rotation(Endpoint *after, const Endpoint *before)
{
        for (size_t i = 0; i < after->n_backends; i++)
                for (size_t j = 0; j < before->n_backends; j++)
                        if (after->backends[i].port == before->backends[j].port &&
                            strcmp(after->backends[i].instance, before->backends[j].instance) == 0)
                                inherit_backend(&after->backends[i], &before->backends[j]);
}

static int write_difference(Manager *manager, Elements *before, Elements *after, char *why)
{
        _cleanup_(elements_deinit) Elements gone = {}, new = {};
        int r;

        elements_sort(before);
        elements_sort(after);
        r = elements_diff(before, after, &gone, &new);
        if (r < 0) {
                snprintf(why, NFTABLES_WHY_MAX, "out of memory");
                return r;
        }
        return nftables_write(manager->nftables, false, &gone, &new, why);
}

static void on_probe_changed(Probe *probe, void *userdata)
{
        _cleanup_(elements_deinit) Elements before = {}, after = {};
        Backend *backend = probe_userdata(probe);
        Endpoint *e = backend->endpoint;
        Manager *manager = userdata;
        char why[NFTABLES_WHY_MAX] = "";
        int r;

        backend->good = probe_good(probe);
        if (endpoint_in_rotation(&manager->state, backend, NULL) == backend->in_rotation)
                return;
        r = elements_of(&before, &manager->state, &e->object);
        rotate(manager, e);
        if (r == 0)
                r = share_step(&manager->state, e);
        if (r == 0)
                r = elements_of(&after, &manager->state, &e->object);
        if (r == 0)
                r = write_difference(manager, &before, &after, why);
        share_settle(e);
        if (r < 0) {
                log_error_errno(r, "endpoint %s: cannot change rotation: %s", e->object.key, why);
                repair_later(manager);
        }
        tell_rotation(manager, e);
}

/* ---- a declaration */

static bool names_any(const Endpoint *endpoint, const Map *instances)
{
        for (size_t i = 0; i < endpoint->n_backends; i++)
                if (map_contains(instances, endpoint->backends[i].instance))
                        return true;
        return false;
}

/* What of the change others' elements depend on: instances come, gone or moved; networks whose
 * reach rules changed; endpoints whose share did; hosts. */
typedef struct Dependencies {
        Map instances;
        Map networks;
        Map shares;
        bool peers;
        Map changed[OBJECT_KINDS]; /* what is in the change itself */
} Dependencies;

static void dependencies_deinit(Dependencies *d)
{
        map_deinit(&d->instances);
        map_deinit(&d->networks);
        map_deinit(&d->shares);
        for (int kind = 0; kind < OBJECT_KINDS; kind++)
                map_deinit(&d->changed[kind]);
}

static bool has_moved(const Object *before, const Object *after)
{
        return !before || !after ||
               ip_compare(&((const Instance *) before)->address,
                          &((const Instance *) after)->address) != 0;
}

static int dependencies(const StateChange *change, Dependencies *d)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->n_objects; i++) {
                const Object *before = change->objects[i].before, *after = change->objects[i].after;
                const Object *any = after ?: before;

                assert(any);

                if (any->kind == OBJECT_INSTANCE && has_moved(before, after))
                        r = map_put(&d->instances, any->key, NULL);
                if (r == 0 && any->kind == OBJECT_REACH)
                        r = map_put(&d->networks, ((const Reach *) any)->network, NULL);
                if (r == 0 && any->kind == OBJECT_SHARE)
                        r = map_put(&d->shares, any->key, NULL);
                d->peers = d->peers || any->kind == OBJECT_PEER;
                if (r == 0)
                        r = map_put(&d->changed[any->kind], any->key, NULL);
        }
        return r;
}

static bool is_changed(const Dependencies *d, const Object *object)
{
        return map_contains(&d->changed[object->kind], object->key);
}

static int touch(Touched *touched, void *object)
{
        return ARRAY_APPEND(touched->objects, touched->n_objects, object);
}

static int touch_endpoints(const State *state, const Dependencies *d, Touched *touched)
{
        int r = 0;

        if (!d->peers && map_size(&d->instances) == 0 && map_size(&d->shares) == 0)
                return 0;
        MAP_FOREACH (entry, &state->objects[OBJECT_ENDPOINT]) {
                Endpoint *e = entry->value;
                bool routed = d->peers && (e->chains.size > 0 || state_share(state, entry->key));

                if (r == 0 && !is_changed(d, &e->object) &&
                    (routed || names_any(e, &d->instances) || map_contains(&d->shares, entry->key)))
                        r = touch(touched, e);
        }
        return r;
}

static int find_touched(const State *state, const StateChange *change, Touched *touched)
{
        _cleanup_(dependencies_deinit) Dependencies d = {};
        int r = dependencies(change, &d);

        if (r == 0)
                r = touch_endpoints(state, &d, touched);
        if (r < 0 || map_size(&d.networks) == 0)
                return r;
        MAP_FOREACH (instance, &state->objects[OBJECT_INSTANCE])
                if (r == 0 && !is_changed(&d, instance->value) &&
                    map_contains(&d.networks, ((Instance *) instance->value)->network))
                        r = touch(touched, instance->value);
        MAP_FOREACH (remote, &state->objects[OBJECT_REMOTE])
                if (r == 0 && !is_changed(&d, remote->value) &&
                    map_contains(&d.networks, ((Remote *) remote->value)->network))
                        r = touch(touched, remote->value);
        return r;
}

static int elements_of_side(const Manager *manager, const StateChange *change, bool after,
                            const Touched *touched, Elements *elements)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->n_objects; i++) {
                const Object *object = after ? change->objects[i].after : change->objects[i].before;

                if (object)
                        r = elements_of(elements, &manager->state, object);
        }
        for (size_t i = 0; r == 0 && i < touched->n_objects; i++)
                r = elements_of(elements, &manager->state, touched->objects[i]);
        return r;
}

static int turn(Manager *manager, Endpoint *endpoint)
{
        rotate(manager, endpoint);
        return share_step(&manager->state, endpoint);
}

static int rotate_all(Manager *manager, const StateChange *change, const Touched *touched)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->n_objects; i++) {
                Object *before = change->objects[i].before, *after = change->objects[i].after;

                if (!after || after->kind != OBJECT_ENDPOINT)
                        continue;
                if (before)
                        inherit_rotation((Endpoint *) after, (const Endpoint *) before);
                r = turn(manager, (Endpoint *) after);
        }
        for (size_t i = 0; r == 0 && i < touched->n_objects; i++)
                if (touched->objects[i]->kind == OBJECT_ENDPOINT)
                        r = turn(manager, (Endpoint *) touched->objects[i]);
        return r;
}

/* Whether there are hosts to hand packets to. */
static bool has_hosts(const State *state)
{
        const Peer *self = state_self(state);

        return self && self->address.family == 4 && map_size(&state->objects[OBJECT_PEER]) > 1;
}

/* The ways to all other hosts; that to one which is not alive stays, it is only not gone. */
static int ensure_hosts(Manager *manager)
{
        char uplink[IFNAMSIZ];
        int r;

        if (!has_hosts(&manager->state))
                return 0;
        manager_uplink(manager, uplink);
        r = links_ensure_fabric(manager->links, &state_self(&manager->state)->address, uplink);
        MAP_FOREACH (entry, &manager->state.objects[OBJECT_PEER]) {
                const Peer *peer = entry->value;

                if (r == 0 && !peer->self && peer->address.family == 4)
                        r = links_ensure_peer(manager->links,
                                              &(LinkPeer) {peer->number, peer->address});
        }
        return r;
}

/* The bridges and taps that the rules and everything later need. */
static int make_links(Manager *manager, const StateChange *change, StateError *error)
{
        bool peers = false;
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->n_objects; i++) {
                const Object *after = change->objects[i].after;

                if (after && after->kind == OBJECT_NETWORK)
                        r = links_ensure_bridge(manager->links, (const Network *) after);
                else if (after && after->kind == OBJECT_INSTANCE)
                        r = links_ensure_tap(manager->links, (const Instance *) after);
                peers = peers || (after && after->kind == OBJECT_PEER);
        }
        if (r == 0 && peers)
                r = ensure_hosts(manager);
        return r < 0 ? refuse(error, ERROR_KERNEL, "%s", links_why(manager->links)) : 0;
}

static const char *link_name(const Object *object)
{
        return object->kind == OBJECT_NETWORK    ? ((const Network *) object)->bridge
               : object->kind == OBJECT_INSTANCE ? ((const Instance *) object)->tap
                                                 : NULL;
}

/* Removes the interface of @object, unless @other has the same. */
static void remove_link(Manager *manager, const Object *object, const Object *other)
{
        const char *name = object ? link_name(object) : NULL;

        if (!name || (other && strcmp(link_name(other), name) == 0))
                return;
        if (links_remove(manager->links, name) < 0) {
                log_error("%s", links_why(manager->links));
                repair_later(manager);
        }
}

static const char *vip_uplink(Manager *manager, const Vip *vip, char name[static IFNAMSIZ])
{
        if (vip->uplink[0])
                return vip->uplink;
        manager_uplink(manager, name);
        return name;
}

/* Before the kernel's tables forget a VIP its address goes: else the host's own services would
 * answer on it for a moment. */
static void withdraw_vips(Manager *manager, const StateChange *change)
{
        char name[IFNAMSIZ];

        for (size_t i = 0; i < change->n_objects; i++) {
                const Vip *before = (const Vip *) change->objects[i].before;
                const Vip *after = (const Vip *) change->objects[i].after;

                if (!before || before->object.kind != OBJECT_VIP)
                        continue;
                if (!after)
                        links_remove_carried(manager->links, &before->address);
                if (!before->owned ||
                    (after && after->owned && strcmp(after->uplink, before->uplink) == 0))
                        continue;
                announcer_remove(manager->announcer, &before->address);
                if (links_remove_vip(manager->links, vip_uplink(manager, before, name),
                                     &before->address) < 0)
                        log_error("%s", links_why(manager->links));
        }
}

static int settle_vip(Manager *manager, const Vip *vip)
{
        char name[IFNAMSIZ];
        const char *uplink = vip_uplink(manager, vip, name);
        int r;

        if (manager->fenced)
                return 0;
        r = links_ensure_carried(manager->links, &vip->address);
        if (r < 0)
                log_error("vip %s: %s", vip->object.key, links_why(manager->links));
        if (r < 0 || !vip->owned)
                return r;
        r = links_ensure_vip(manager->links, uplink, &vip->address);
        if (r < 0) {
                log_error("vip %s: %s", vip->object.key, links_why(manager->links));
                return r;
        }
        return announcer_add(manager->announcer, &vip->address, uplink);
}

static int settle_instance(Manager *manager, const Instance *instance)
{
        const Network *network = state_network(&manager->state, instance->network);
        int r = links_ensure_port(manager->links, instance, network);

        if (r < 0)
                log_error("instance %s: %s", instance->object.key, links_why(manager->links));
        return r;
}

static int settle_remote(Manager *manager, const Remote *remote)
{
        const Network *network = state_network(&manager->state, remote->network);
        const Peer *peer = state_peer(&manager->state, remote->peer);
        int r;

        if (!has_hosts(&manager->state) || peer->address.family != 4)
                return 0;
        r = links_ensure_overlay(manager->links, network, &state_self(&manager->state)->address);
        if (r == 0)
                r = links_know_remote(manager->links, remote, network, &peer->address);
        if (r < 0)
                log_error("remote %s: %s", remote->object.key, links_why(manager->links));
        return r;
}

static int settle_object(Manager *manager, Object *object)
{
        switch (object->kind) {
        case OBJECT_INSTANCE:
                return settle_instance(manager, (Instance *) object);
        case OBJECT_VIP:
                return settle_vip(manager, (Vip *) object);
        case OBJECT_ENDPOINT:
                settle_probes(manager, (Endpoint *) object);
                share_settle((Endpoint *) object);
                return 0;
        case OBJECT_REMOTE:
                return settle_remote(manager, (Remote *) object);
        default:
                return 0;
        }
}

static bool has_remotes(const State *state, const char *network)
{
        MAP_FOREACH (entry, &state->objects[OBJECT_REMOTE])
                if (str_equal(((Remote *) entry->value)->network, network))
                        return true;
        return false;
}

static void remove_overlay(Manager *manager, const Network *network)
{
        char name[IFNAMSIZ];

        links_overlay_name(network, name);
        if (links_remove(manager->links, name) < 0) {
                log_error("%s", links_why(manager->links));
                repair_later(manager);
        }
}

static void settle_gone_remote(Manager *manager, const Remote *before)
{
        const Network *network = state_network(&manager->state, before->network);

        if (!network)
                return; /* and its bridge and overlay with it */
        links_forget_remote(manager->links, before, network);
        if (!has_remotes(&manager->state, before->network))
                remove_overlay(manager, network);
}

static void settle_gone_peer(Manager *manager, const Peer *before, const Peer *after)
{
        if (!has_hosts(&manager->state))
                links_remove(manager->links, FABRIC_LINK);
        if (!before->self && before->address.family == 4 &&
            (!after || after->number != before->number))
                links_remove_peer(manager->links, &(LinkPeer) {before->number, before->address});
}

static void settle_gone(Manager *manager, const ObjectChange *c)
{
        const Network *network;

        if (c->before->kind == OBJECT_ENDPOINT && c->after)
                hand_probes_over((Endpoint *) c->before, (Endpoint *) c->after);
        else if (c->before->kind == OBJECT_ENDPOINT)
                drop_probes((Endpoint *) c->before);
        if (c->before->kind == OBJECT_INSTANCE) {
                network = state_network(&manager->state, ((Instance *) c->before)->network);
                if (network)
                        links_forget_guest(manager->links, &((Instance *) c->before)->address,
                                           network->bridge);
        }
        if (c->before->kind == OBJECT_REMOTE)
                settle_gone_remote(manager, (Remote *) c->before);
        if (c->before->kind == OBJECT_PEER)
                settle_gone_peer(manager, (Peer *) c->before, (Peer *) c->after);
        if (c->before->kind == OBJECT_NETWORK &&
            (!c->after || ((Network *) c->after)->vni != ((Network *) c->before)->vni))
                remove_overlay(manager, (Network *) c->before);
        remove_link(manager, c->before, c->after);
}

/* A network that changed has ports that stay: their MTU and bridge follow. A host that changed is
 * where its instances are. */
static int settle_ports_of(Manager *manager, const Object *object)
{
        bool network = object->kind == OBJECT_NETWORK;
        bool self = object->kind == OBJECT_PEER && ((const Peer *) object)->self;
        int r = 0, one;

        MAP_FOREACH (entry, &manager->state.objects[OBJECT_INSTANCE])
                if (network && str_equal(((Instance *) entry->value)->network, object->key)) {
                        one = settle_instance(manager, entry->value);
                        r = r < 0 ? r : one;
                }
        MAP_FOREACH (remote, &manager->state.objects[OBJECT_REMOTE]) {
                Remote *n = remote->value;

                if (!self && !str_equal(network ? n->network : n->peer, object->key))
                        continue;
                one = settle_remote(manager, n);
                r = r < 0 ? r : one;
        }
        return r;
}

static void settle(Manager *manager, const StateChange *change, const Touched *touched)
{
        bool failed = false;

        for (size_t i = 0; i < change->n_objects; i++)
                if (change->objects[i].before)
                        settle_gone(manager, &change->objects[i]);
        for (size_t i = 0; i < change->n_objects; i++) {
                Object *before = change->objects[i].before, *after = change->objects[i].after;

                if (!after)
                        continue;
                failed = settle_object(manager, after) < 0 || failed;
                if ((before && after->kind == OBJECT_NETWORK) || after->kind == OBJECT_PEER)
                        failed = settle_ports_of(manager, after) < 0 || failed;
                if (after->kind == OBJECT_ENDPOINT)
                        tell_rotation(manager, (Endpoint *) after);
        }
        for (size_t i = 0; i < touched->n_objects; i++)
                if (touched->objects[i]->kind == OBJECT_ENDPOINT) {
                        share_settle((Endpoint *) touched->objects[i]);
                        settle_probes(manager, (Endpoint *) touched->objects[i]);
                        tell_rotation(manager, (Endpoint *) touched->objects[i]);
                }
        if (failed)
                repair_later(manager);
}

/* The applied change into the kernel. On STATE_REFUSED the links it made are gone again and the log
 * is as it was. */
static int carry_out(Manager *manager, const StateChange *change, Elements *before, Elements *after,
                     StateError *error)
{
        char why[NFTABLES_WHY_MAX] = "";
        int r;

        r = make_links(manager, change, error);
        if (r == 0) {
                r = store_append(manager->store, change, manager->generation + 1);
                if (r < 0)
                        r = refuse(error, ERROR_STORAGE, "cannot write the state: %s",
                                   strerror(-r));
        }
        if (r == 0) {
                withdraw_vips(manager, change);
                r = write_difference(manager, before, after, why);
                if (r < 0) {
                        r = refuse(error, ERROR_KERNEL, "%s", why);
                        if (store_undo(manager->store) < 0)
                                log_error("the log of the state could not be taken back");
                        repair_later(manager); /* VIPs that were withdrawn come back */
                }
        }
        for (size_t i = 0; r != 0 && i < change->n_objects; i++)
                remove_link(manager, change->objects[i].after, change->objects[i].before);
        return r;
}

static int make_true(Manager *manager, StateChange *change, const Touched *touched,
                     StateError *error)
{
        _cleanup_(elements_deinit) Elements before = {}, after = {};
        int r;

        r = elements_of_side(manager, change, false, touched, &before);
        if (r == 0)
                r = state_apply(&manager->state, change, error);
        if (r != 0)
                return r;
        r = rotate_all(manager, change, touched);
        if (r == 0)
                r = elements_of_side(manager, change, true, touched, &after);
        if (r == 0)
                r = carry_out(manager, change, &before, &after, error);
        if (r == 0)
                return 0;
        for (size_t i = 0; i < touched->n_objects; i++)
                if (touched->objects[i]->kind == OBJECT_ENDPOINT) {
                        unrotate((Endpoint *) touched->objects[i]);
                        share_undo((Endpoint *) touched->objects[i]);
                }
        state_revert(&manager->state, change);
        return r;
}

int manager_declare(Manager *manager, const Net1State *wanted, bool replace, StateError *error)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        Touched touched = {};
        int r;

        r = state_plan(&manager->state, wanted, replace, &change, error);
        if (r == 0)
                r = find_touched(&manager->state, &change, &touched);
        if (r == 0)
                r = make_true(manager, &change, &touched, error);
        if (r == 0) {
                manager->generation++;
                settle(manager, &change, &touched);
                if (store_compact(manager->store, &manager->state, manager->generation) < 0)
                        log_error("the log of the state could not be compacted");
        }
        free(touched.objects);
        return r;
}

/* ---- closing all VIPs */

int manager_fence(Manager *manager, bool closed, StateError *error)
{
        _cleanup_(elements_deinit) Elements element = {}, none = {};
        char why[NFTABLES_WHY_MAX] = "", name[IFNAMSIZ];
        const Element fenced = element_fenced();
        int r;

        if (manager->fenced == closed)
                return 0;
        r = elements_add(&element, &fenced);
        if (r == 0)
                r = nftables_write(manager->nftables, false, closed ? &none : &element,
                                   closed ? &element : &none, why);
        if (r < 0)
                return refuse(error, ERROR_KERNEL, "%s", why[0] ? why : strerror(-r));
        manager->fenced = closed;
        MAP_FOREACH (entry, &manager->state.objects[OBJECT_VIP]) {
                const Vip *vip = entry->value;

                if (closed)
                        links_remove_carried(manager->links, &vip->address);
                if (closed && vip->owned) {
                        announcer_remove(manager->announcer, &vip->address);
                        r = links_remove_vip(manager->links, vip_uplink(manager, vip, name),
                                             &vip->address);
                } else if (!closed)
                        r = settle_vip(manager, vip);
                if (r < 0) /* no packet passes or all do, as told; the address follows */
                        repair_later(manager);
        }
        log_info("VIPs are %s", closed ? "closed" : "open");
        net1_bus_fenced(manager);
        return 0;
}

/* ---- start and repair */

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
                rotate(manager, e);
                one = recall_chains(manager, kernel, e);
                r = r < 0 ? r : one;
                for (size_t i = 0; !manager->bus && i < e->n_backends; i++)
                        e->backends[i].told = e->backends[i].in_rotation;
                tell_rotation(manager, e);
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
        r = current ? write_difference(manager, &kernel, &wanted, why)
                    : nftables_write(manager->nftables, true, &none, &wanted, why);
        return r < 0 ? log_error_errno(r, "cannot write nf_tables: %s", why) : 0;
}

static bool is_overlay(const State *state, const char *name)
{
        char overlay[IFNAMSIZ];

        if (strcmp(name, FABRIC_LINK) == 0)
                return has_hosts(state);
        MAP_FOREACH (entry, &state->objects[OBJECT_NETWORK]) {
                links_overlay_name(entry->value, overlay);
                if (strcmp(overlay, name) == 0)
                        return has_hosts(state) && has_remotes(state, entry->key);
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
static int recall_numbers(Manager *manager)
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
                r = ensure_hosts(manager);
        return r < 0 ? log_error_errno(r, "%s", links_why(manager->links)) : 0;
}

static int reconcile(Manager *manager)
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

static int on_repair(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;

        if (reconcile(manager) < 0)
                repair_later(manager);
        return 0;
}

static int open_bus(Manager *manager, const char *address)
{
        int r;

        r = sd_bus_new(&manager->bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(manager->bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(manager->bus, true);
        return r < 0 ? r : sd_bus_start(manager->bus);
}

static int begin_bus(Manager *manager, const char *address)
{
        int r;

        r = address ? open_bus(manager, address) : sd_bus_open_system(&manager->bus);
        if (r < 0)
                return log_error_errno(r, "cannot connect to the bus");
        r = sd_bus_attach_event(manager->bus, manager->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(manager->bus, true);
        if (r >= 0)
                r = net1_bus_begin(manager);
        return r < 0 ? log_error_errno(r, "cannot offer " NET1_NAME) : 0;
}

static int begin_parts(Manager *manager, const ManagerOptions *options)
{
        int r;

        r = sd_event_default(&manager->event);
        if (r >= 0)
                r = sd_event_add_time_relative(manager->event, &manager->repair, CLOCK_MONOTONIC, 0,
                                               0, on_repair, manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->repair, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(manager->event, &manager->teller, on_tell, manager);
        if (r >= 0)
                r = sd_event_source_set_priority(manager->teller, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->teller, SD_EVENT_OFF);
        if (r >= 0)
                r = links_new(&manager->links);
        if (r >= 0)
                r = nftables_new(&manager->nftables);
        if (r >= 0)
                r = announcer_new(manager->event, &manager->announcer);
        if (r >= 0)
                r = prober_new(manager->event, clock_boottime_ns(), on_probe_changed, manager,
                               &manager->prober);
        if (r < 0)
                return log_error_errno(r, "cannot begin");
        r = store_open(options->directory, &manager->state, &manager->generation, &manager->store);
        if (r < 0)
                return log_error_errno(r, "cannot open the state in %s", options->directory);
        r = recall_numbers(manager);
        return r < 0 ? log_error_errno(r, "%s", links_why(manager->links)) : 0;
}

int manager_new(const ManagerOptions *options, Manager **ret_manager)
{
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        int r;

        if (!manager)
                return log_error_errno(-ENOMEM, "cannot begin");
        strncpy(manager->uplink, options->uplink, IFNAMSIZ - 1);
        r = begin_parts(manager, options);
        if (r == 0)
                r = sysctl_for_host();
        if (r < 0)
                return r;
        if (reconcile(manager) < 0)
                repair_later(manager);
        r = begin_bus(manager, options->bus);
        if (r < 0)
                return r;
        *ret_manager = TAKE_PTR(manager);
        return 0;
}

void manager_free(Manager *manager)
{
        if (!manager)
                return;
        MAP_FOREACH (entry, &manager->state.objects[OBJECT_ENDPOINT])
                drop_probes(entry->value);
        state_deinit(&manager->state);
        store_free(manager->store);
        sd_bus_flush_close_unref(manager->bus);
        announcer_free(manager->announcer);
        prober_free(manager->prober);
        nftables_free(manager->nftables);
        links_free(manager->links);
        sd_event_source_disable_unref(manager->repair);
        sd_event_source_disable_unref(manager->teller);
        map_deinit(&manager->untold);
        sd_event_unref(manager->event);
        free(manager);
}

int manager_run(Manager *manager)
{
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return log_error_errno(-errno, "cannot block signals");
        r = sd_event_add_signal(manager->event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(manager->event, NULL, SIGINT, NULL, NULL);
        if (r < 0)
                return log_error_errno(r, "cannot wait for signals");
        sd_notify(0, "READY=1");
        r = sd_event_loop(manager->event);
        return r < 0 ? log_error_errno(r, "the event loop ended") : 0;
}
