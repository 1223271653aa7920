/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A probe belongs to a backend and points back at it. Declarations replace objects; a probe that
 * goes on asking the same goes over to the new object with its verdict, so that what was in
 * rotation stays in rotation through any declaration that does not concern it. */

#include "netd/probes.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

static bool probe_target(const State *state, const Backend *backend, ProbeTarget *target)
{
        const Instance *instance = state_instance(state, backend->instance);
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
void probes_settle(Prober *prober, const State *state, Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++) {
                Backend *b = &endpoint->backends[i];
                const Instance *instance = state_instance(state, b->instance);
                ProbeTarget target;
                bool wanted = probe_target(state, b, &target);
                int r;

                if (b->probe && wanted && ip_compare(&b->probed, &instance->address) == 0)
                        continue;
                probe_free(b->probe);
                b->probe = NULL;
                if (!wanted)
                        continue;
                b->probed = instance->address;
                r = probe_new(prober, &target, b, b->good, &b->probe);
                if (r < 0)
                        log_error_errno(r, "cannot probe %s", b->instance);
        }
}

void probes_drop(Endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->n_backends; i++) {
                probe_free(endpoint->backends[i].probe);
                endpoint->backends[i].probe = NULL;
        }
}

/* The old object's probes go over to the new one's backends that are probed in the same way. */
void probes_hand_over(Endpoint *from, Endpoint *to)
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
        probes_drop(from);
}
