/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Reconciles this host with the records. */

#include "hostd/host-half.h"

#include "hostd/worker.h"
#include "lib/base/str.h"

/* Starting a VM takes libvirt a good part of a second, mostly waiting. */
#define WORKER_THREADS 4

struct HostHalf {
        sd_event *event;
        HostHalfSink sink;
        char *host;
        char *state_dir;
        char *runtime_dir;
        char *os_dir;
        char *libvirt_uri;
        sd_bus *bus; /* NULL while there is none */
        Worker *worker;
};

static int copy_config(HostHalf *half, const HostHalfConfig *config)
{
        const struct {
                char **to;
                const char *from;
        } texts[] = {
                {&half->host, config->host},
                {&half->state_dir, config->state_dir},
                {&half->runtime_dir, config->runtime_dir},
                {&half->os_dir, config->os_dir},
                {&half->libvirt_uri, config->libvirt_uri},
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                r = str_set(texts[i].to, texts[i].from);
                if (r < 0)
                        return r;
        }
        return 0;
}

int host_half_new(sd_event *event, const HostHalfConfig *config, const HostHalfSink *sink,
                  HostHalf **ret_half)
{
        _cleanup_(host_half_freep) HostHalf *half = NULL;
        int r;

        half = calloc(1, sizeof(*half));
        if (!half)
                return -ENOMEM;
        half->event = sd_event_ref(event);
        half->sink = *sink;
        r = copy_config(half, config);
        if (r < 0)
                return r;
        r = worker_new(event, WORKER_THREADS, &half->worker);
        if (r < 0)
                return r;
        *ret_half = TAKE_PTR(half);
        return 0;
}

HostHalf *host_half_free(HostHalf *half)
{
        if (!half)
                return NULL;
        worker_free(half->worker);
        sd_bus_unref(half->bus);
        sd_event_unref(half->event);
        free(half->host);
        free(half->state_dir);
        free(half->runtime_dir);
        free(half->os_dir);
        free(half->libvirt_uri);
        free(half);
        return NULL;
}

int host_half_start(HostHalf *half)
{
        return 0;
}

void host_half_set_bus(HostHalf *half, sd_bus *bus)
{
        sd_bus_ref(bus);
        sd_bus_unref(half->bus);
        half->bus = bus;
}
