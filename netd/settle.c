/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Interfaces, addresses, neighbours, probes and announcements of declared objects. The rules need
 * some of them first (settle_links()), and the address of a VIP goes before its rules
 * (settle_withdrawn()); all else follows the rules, may be done again any number of times, and what
 * fails is left to the repair. */

#include "netd/settle.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "netd/object.h"
#include "netd/probes.h"
#include "netd/rotation.h"
#include "netd/share.h"

void manager_uplink(Manager *manager, char ret_name[static IFNAMSIZ])
{
        if (manager->uplink[0])
                memcpy(ret_name, manager->uplink, IFNAMSIZ);
        else if (links_uplink(manager->links, ret_name) < 0)
                ret_name[0] = '\0';
}

bool settle_path(void *userdata, const LinkPeer *peer, bool directly)
{
        Manager *manager = userdata;

        if (links_lead_directly(manager->links, peer, directly) == 0)
                return true;
        log_error("%s", links_why(manager->links));
        return false;
}

/* Where there is no such thing, all goes by the overlay. */
static void ensure_direct(Manager *manager, const char *uplink)
{
        int r = links_ensure_direct(manager->links, &state_self(&manager->state)->address, uplink);

        if (r < 0 && !manager->overlay_only)
                log_info("hosts are reached by the overlay alone: %s", links_why(manager->links));
        manager->overlay_only = r < 0;
        r = paths_use(manager->paths, r < 0 ? "" : FABRIC_DIRECT);
        if (r < 0)
                log_error_errno(r, "cannot find out who is reached directly");
}

int settle_hosts(Manager *manager)
{
        char uplink[IFNAMSIZ] = "";
        int r;

        if (!state_has_hosts(&manager->state))
                return 0;
        /* where this host has the address that others know; there need not be a default route */
        r = links_device_of(manager->links, &state_self(&manager->state)->address, uplink);
        if (r < 0 || !uplink[0])
                manager_uplink(manager, uplink);
        r = links_ensure_fabric(manager->links, &state_self(&manager->state)->address, uplink);
        if (r == 0)
                ensure_direct(manager, uplink);
        MAP_FOREACH (entry, &manager->state.objects[OBJECT_PEER]) {
                const Peer *peer = entry->value;
                const LinkPeer way = {peer->number, peer->address};

                if (r == 0 && !peer->self && peer->address.family == 4)
                        r = links_ensure_peer(manager->links, &way);
                if (r == 0 && !peer->self && peer->address.family == 4)
                        r = paths_add(manager->paths, &way);
        }
        return r;
}

int settle_links(Manager *manager, const StateChange *change, StateError *error)
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
                r = settle_hosts(manager);
        return r < 0 ? refuse(error, ERROR_KERNEL, "%s", links_why(manager->links)) : 0;
}

static const char *link_name(const Object *object)
{
        return object->kind == OBJECT_NETWORK    ? ((const Network *) object)->bridge
               : object->kind == OBJECT_INSTANCE ? ((const Instance *) object)->tap
                                                 : NULL;
}

void settle_remove_link(Manager *manager, const Object *object, const Object *other)
{
        const char *name = object ? link_name(object) : NULL;

        if (!name || (other && strcmp(link_name(other), name) == 0))
                return;
        if (links_remove(manager->links, name) < 0) {
                log_error("%s", links_why(manager->links));
                manager_repair_later(manager);
        }
}

const char *settle_uplink(Manager *manager, const Vip *vip, char name[static IFNAMSIZ])
{
        if (vip->uplink[0])
                return vip->uplink;
        manager_uplink(manager, name);
        return name;
}

void settle_withdrawn(Manager *manager, const StateChange *change)
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
                if (links_remove_vip(manager->links, settle_uplink(manager, before, name),
                                     &before->address) < 0)
                        log_error("%s", links_why(manager->links));
        }
}

int settle_vip(Manager *manager, const Vip *vip)
{
        char name[IFNAMSIZ];
        const char *uplink = settle_uplink(manager, vip, name);
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

        if (!state_has_hosts(&manager->state) || peer->address.family != 4)
                return 0;
        r = links_ensure_overlay(manager->links, network, &state_self(&manager->state)->address);
        if (r == 0)
                r = links_know_remote(manager->links, remote, network, &peer->address);
        if (r < 0)
                log_error("remote %s: %s", remote->object.key, links_why(manager->links));
        return r;
}

int settle_object(Manager *manager, Object *object)
{
        switch (object->kind) {
        case OBJECT_INSTANCE:
                return settle_instance(manager, (Instance *) object);
        case OBJECT_VIP:
                return settle_vip(manager, (Vip *) object);
        case OBJECT_ENDPOINT:
                probes_settle(manager->prober, &manager->state, (Endpoint *) object);
                share_settle((Endpoint *) object);
                return 0;
        case OBJECT_REMOTE:
                return settle_remote(manager, (Remote *) object);
        default:
                return 0;
        }
}

static void remove_overlay(Manager *manager, const Network *network)
{
        char name[IFNAMSIZ];

        links_overlay_name(network, name);
        if (links_remove(manager->links, name) < 0) {
                log_error("%s", links_why(manager->links));
                manager_repair_later(manager);
        }
}

static void settle_gone_remote(Manager *manager, const Remote *before)
{
        const Network *network = state_network(&manager->state, before->network);

        if (!network)
                return; /* and its bridge and overlay with it */
        links_forget_remote(manager->links, before, network);
        if (!state_has_remotes(&manager->state, before->network))
                remove_overlay(manager, network);
}

static void settle_gone_peer(Manager *manager, const Peer *before, const Peer *after)
{
        const LinkPeer way = {before->number, before->address};

        if (!before->self && before->address.family == 4 &&
            (!after || after->number != before->number)) {
                paths_remove(manager->paths, &way);
                links_remove_peer(manager->links, &way);
        }
        if (!state_has_hosts(&manager->state)) {
                paths_use(manager->paths, "");
                links_remove(manager->links, FABRIC_DIRECT);
                links_remove(manager->links, FABRIC_LINK);
        }
}

static void settle_gone(Manager *manager, const ObjectChange *c)
{
        const Network *network;

        if (c->before->kind == OBJECT_ENDPOINT && c->after)
                probes_hand_over((Endpoint *) c->before, (Endpoint *) c->after);
        else if (c->before->kind == OBJECT_ENDPOINT)
                probes_drop((Endpoint *) c->before);
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
        settle_remove_link(manager, c->before, c->after);
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

void settle_change(Manager *manager, const StateChange *change, const Touched *touched)
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
                        rotation_tell(manager, (Endpoint *) after);
        }
        for (size_t i = 0; i < touched->n_objects; i++)
                if (touched->objects[i]->kind == OBJECT_ENDPOINT) {
                        settle_object(manager, touched->objects[i]);
                        rotation_tell(manager, (Endpoint *) touched->objects[i]);
                }
        if (failed)
                manager_repair_later(manager);
}
