/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Elements are a function of an object and of what it refers to, so an object that refers to one of
 * a change has other elements afterwards too. What depends on what:
 *
 *   endpoint    its backends' instances (address, or there at all), its share, the hosts while it
 *               is shared with others
 *   instance,   whether the network it is in has reach rules
 *   remote
 *
 * What is in the change itself is left out: its elements are looked at anyway. */

#include "netd/touched.h"

#include <string.h>

#include "lib/base/array.h"

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

int touched_find(const State *state, const StateChange *change, Touched *touched)
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

int touched_elements(const State *state, const StateChange *change, bool after,
                     const Touched *touched, Elements *elements)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->n_objects; i++) {
                const Object *object = after ? change->objects[i].after : change->objects[i].before;

                if (object)
                        r = elements_of(elements, state, object);
        }
        for (size_t i = 0; r == 0 && i < touched->n_objects; i++)
                r = elements_of(elements, state, touched->objects[i]);
        return r;
}

void touched_deinit(Touched *touched)
{
        free(touched->objects);
        *touched = (Touched) {};
}
