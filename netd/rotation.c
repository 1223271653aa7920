/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Which backends get new connections. What decides is endpoint_in_rotation(); here its answer is
 * kept with each backend, as the kernel has it (in_rotation) and as it was last told (told).
 *
 *   a probe's verdict -> the elements of its endpoint before and after -> the kernel -> a signal
 *
 * Signals are sent later, after the answer to the call that was the cause: a thousand of them must
 * not keep it waiting. */

#include "netd/rotation.h"

#include <string.h>

#include "lib/base/log.h"
#include "netd/elements.h"
#include "netd/share.h"

#define TELL_MAX 64 /* endpoints between two looks at what else is to be done */

void rotation_turn(const State *state, Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++) {
                Backend *b = &endpoint->backends[i];

                b->was_in_rotation = b->in_rotation;
                b->in_rotation = endpoint_in_rotation(state, b, NULL);
        }
}

int rotation_step(const State *state, Endpoint *endpoint)
{
        rotation_turn(state, endpoint);
        return share_step(state, endpoint);
}

void rotation_undo(Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++)
                endpoint->backends[i].in_rotation = endpoint->backends[i].was_in_rotation;
        share_undo(endpoint);
}

void rotation_tell(Manager *manager, const Endpoint *endpoint)
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

int rotation_begin(Manager *manager)
{
        int r;

        r = sd_event_add_defer(manager->event, &manager->teller, on_tell, manager);
        if (r >= 0)
                r = sd_event_source_set_priority(manager->teller, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->teller, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

static void inherit_backend(Backend *after, const Backend *before)
{
        after->in_rotation = before->in_rotation;
        after->told = before->told;
}

void rotation_inherit(Endpoint *after, const Endpoint *before)
{
        for (size_t i = 0; i < after->n_backends; i++)
                for (size_t j = 0; j < before->n_backends; j++)
                        if (after->backends[i].port == before->backends[j].port &&
                            strcmp(after->backends[i].instance, before->backends[j].instance) == 0)
                                inherit_backend(&after->backends[i], &before->backends[j]);
}

void rotation_probe_changed(Probe *probe, void *userdata)
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
        rotation_turn(&manager->state, e);
        if (r == 0)
                r = share_step(&manager->state, e);
        if (r == 0)
                r = elements_of(&after, &manager->state, &e->object);
        if (r == 0)
                r = nftables_write_difference(manager->nftables, &before, &after, why);
        share_settle(e);
        if (r < 0) {
                log_error_errno(r, "endpoint %s: cannot change rotation: %s", e->object.key, why);
                manager_repair_later(manager);
        }
        rotation_tell(manager, e);
}
