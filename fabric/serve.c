/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Serving, worked out from the records at each check. */

#include "fabric/serve.h"

#include "fabric/instance.h"
#include "lib/base/str.h"

static bool has_public_endpoint(const Instance *instance)
{
        const DeploymentRecord *d = deployment_record(instance->deployment);

        for (size_t i = 0; i < d->n_endpoints; i++)
                if (d->endpoints[i].kind == RECORD_ENDPOINT_INPUT &&
                    str_equal(d->endpoints[i].role, instance->item.record.instance.id.role))
                        return true;
        return false;
}

/* Whether it will be taken down for what was asked of it. */
static bool is_asked_more(const Instance *instance)
{
        for (unsigned a = 0; a < ACTIONS; a++)
                if (instance->item.record.instance.wanted[a] > instance->observed->done[a])
                        return true;
        return false;
}

void serve_wake(Fabric *fabric, Instance *instance, uint64_t at_ns)
{
        if (instance->timer.place == 0 || instance->timer.at_ns > at_ns)
                state_timer(fabric, &instance->timer, at_ns);
}

bool serve_check(Fabric *fabric, Instance *instance)
{
        uint64_t due_ns = state_after(instance->phase_ns, SERVE_ROTATION_MS);

        if (!instance_is_ready(instance) || is_asked_more(instance))
                return false;
        if (instance->observed->in_rotation || !has_public_endpoint(instance) ||
            fabric->now_ns >= due_ns)
                return true;
        serve_wake(fabric, instance, due_ns);
        return false;
}

/* Whether a guest OS walk has brought it to the version that is being tried. */
static bool is_on_trial(const Instance *instance)
{
        const DeploymentRecord *d = deployment_record(instance->deployment);

        return d->os_next[0] && str_equal(d->os_next, instance->item.record.instance.os_version);
}

bool serve_is_moving(Fabric *fabric, Instance *instance)
{
        if (instance->item.record.instance.power != POWER_RUNNING || !instance->host->alive)
                return true;
        switch (instance->phase) {
        case PHASE_BOOT:
        case PHASE_ROLE:
                return true;
        case PHASE_READY:
                return !serve_check(fabric, instance);
        case PHASE_CYCLING:
        case PHASE_SILENT:
                return is_on_trial(instance) || is_asked_more(instance);
        case PHASE_FAILED: /* what is asked of it may never be done here */
                break;
        }
        return is_on_trial(instance);
}
