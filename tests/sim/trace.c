/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What has happened as lines of text, and the first thing that must not. */

#include "tests/sim/trace.h"

#include <stdarg.h>
#include <string.h>

#include "lib/base/str.h"

void _printf_(2, 3) trace_note(World *world, const char *format, ...)
{
        va_list args;

        if (!world->config.log)
                return;
        fprintf(world->config.log, "%10.3f  ", (double) world->now_ns / 1e9);
        va_start(args, format);
        vfprintf(world->config.log, format, args);
        va_end(args);
        fputc('\n', world->config.log);
}

void _printf_(2, 3) trace_violation(World *world, const char *format, ...)
{
        va_list args;

        if (world->violation[0])
                return;
        world->violation_kind = format;
        va_start(args, format);
        vsnprintf(world->violation, sizeof(world->violation), format, args);
        va_end(args);
        trace_note(world, "VIOLATION: %s", world->violation);
}

static void note_instance(World *world, const Record *old, const Record *new)
{
        const InstanceRecord *o = old ? &old->instance : NULL, *n = new ? &new->instance : NULL;
        char id[RECORD_KEY_MAX + 1];

        instance_id_format(n ? &n->id : &o->id, id);
        if (!n)
                trace_note(world, "remove  %s #%llu", id, (unsigned long long) o->incarnation);
        else if (!o || o->incarnation != n->incarnation)
                trace_note(world, "place   %s #%llu on %s (%s, upgrade domain %u)", id,
                           (unsigned long long) n->incarnation, n->host, n->fault_domain,
                           n->upgrade_domain);
        else if (o->power != n->power)
                trace_note(world, "stop    %s #%llu on %s%s", id,
                           (unsigned long long) n->incarnation, n->host,
                           n->power == POWER_STOPPED ? " at once" : "");
        for (unsigned a = 0; o && n && a < ACTIONS; a++)
                if (n->wanted[a] > o->wanted[a])
                        trace_note(world, "%-7s %s #%llu on %s", instance_action_to_string(a), id,
                                   (unsigned long long) n->incarnation, n->host);
        if (o && n && o->rung != HEAL_NONE && n->rung == HEAL_NONE)
                trace_note(world, "stable  %s", id);
}

static void note_operation(World *world, const Record *old, const Record *new)
{
        const OperationRecord *o = new ? &new->operation : NULL;

        if (!o || (old && old->operation.state == o->state &&
                   (world->config.brief || old->operation.done == o->done)))
                return;
        trace_note(world, "%s %s: %s, %u of %u%s%s", o->id, operation_kind_to_string(o->kind),
                   operation_state_to_string(o->state), o->done, o->total,
                   o->message[0] ? ": " : "", o->message);
}

static void note_owner(World *world, const ServiceRecord *service, unsigned slot)
{
        char vip[IP_TEXT_MAX];

        if (service->slots[slot].owner[0])
                trace_note(world, "vip     %s is on %s", ip_format(&service->slots[slot].vip, vip),
                           service->slots[slot].owner);
}

static bool same_slots(const ServiceRecord *a, const ServiceRecord *b)
{
        for (unsigned slot = 0; slot < SLOTS; slot++)
                if (!str_equal(a->slots[slot].deployment, b->slots[slot].deployment) ||
                    ip_compare(&a->slots[slot].vip, &b->slots[slot].vip) != 0)
                        return false;
        return true;
}

static void note_service(World *world, const Record *old, const Record *new)
{
        const ServiceRecord *s = new ? &new->service : NULL;
        char production[IP_TEXT_MAX], staging[IP_TEXT_MAX];

        if (!s) {
                trace_note(world, "service %s is removed", old->service.name);
                return;
        }
        for (unsigned slot = 0; slot < SLOTS; slot++)
                if (!old || !str_equal(old->service.slots[slot].owner, s->slots[slot].owner))
                        note_owner(world, s, slot);
        if (old && same_slots(&old->service, s))
                return;
        trace_note(world, "service %s: production %s %s, staging %s %s", s->name,
                   s->slots[0].deployment[0] ? s->slots[0].deployment : "-",
                   ip_format(&s->slots[0].vip, production),
                   s->slots[1].deployment[0] ? s->slots[1].deployment : "-",
                   ip_format(&s->slots[1].vip, staging));
}

static void note_cluster(World *world, const Record *old, const Record *new)
{
        if (old && new && old->cluster.braked != new->cluster.braked)
                trace_note(world, "the brake is %s", new->cluster.braked ? "on" : "off");
}

static void note_host(World *world, const Record *old, const Record *new)
{
        if (!new)
                trace_note(world, "host %s is removed", old->host.name);
        if (old && new && !old->host.update.boot[0] && new->host.update.boot[0])
                trace_note(world, "host %s is to update itself", new->host.name);
        if (old && new &&
            (old->host.cordoned != new->host.cordoned || old->host.draining != new->host.draining))
                trace_note(world, "host %s is %s", new->host.name,
                           new->host.draining   ? "draining"
                           : new->host.cordoned ? "cordoned"
                                                : "uncordoned");
}

static void note_alive(World *world, const Record *old, const Record *new)
{
        if (!old != !new)
                trace_note(world, "lease   of %s %s", new ? new->alive.host : old->alive.host,
                           new ? "granted" : "expired");
}

static void note_observed(World *world, const Record *old, const Record *new)
{
        const ObservedRecord *o = new ? &new->observed : NULL;
        char id[RECORD_KEY_MAX + 1];

        if (!o || (old && old->observed.status == o->status &&
                   old->observed.incarnation == o->incarnation))
                return;
        if (world->config.brief &&
            (o->status == STATUS_CREATING_VM || o->status == STATUS_STARTING_VM))
                return;
        trace_note(world, "        %s #%llu on %s is %s", instance_id_format(&o->id, id),
                   (unsigned long long) o->incarnation, o->host,
                   instance_status_to_string(o->status));
}

static void note_os(World *world, const Record *old, const Record *new)
{
        if (!old || !new || old->os.disabled != new->os.disabled)
                trace_note(world, "guest OS %s is %s", (new ?: old)->os.version,
                           !new               ? "dropped"
                           : new->os.disabled ? "disabled"
                                              : "there");
}

static void note_deployment(World *world, const Record *old, const Record *new)
{
        const DeploymentRecord *d = new ? &new->deployment : NULL;

        if (old && d &&
            (!str_equal(old->deployment.os_current, d->os_current) ||
             !str_equal(old->deployment.os_next, d->os_next)))
                trace_note(world, "%s: guest OS %s%s%s%s%s", d->id, d->os_current,
                           d->os_next[0] ? ", walked to " : "", d->os_next,
                           d->os_failed[0] ? ", not to " : "", d->os_failed);
}

static void note_package(World *world, const Record *old, const Record *new)
{
        if (!new)
                trace_note(world, "package %.12s is dropped", old->package.digest);
}

void trace_change(World *world, const Record *old, const Record *record)
{
        static void (*const notes[RECORD_TYPES])(World *, const Record *, const Record *) = {
                [RECORD_INSTANCE] = note_instance,
                [RECORD_OPERATION] = note_operation,
                [RECORD_SERVICE] = note_service,
                [RECORD_CLUSTER] = note_cluster,
                [RECORD_HOST] = note_host,
                [RECORD_ALIVE] = note_alive,
                [RECORD_OBSERVED] = note_observed,
                [RECORD_OS] = note_os,
                [RECORD_DEPLOYMENT] = note_deployment,
                [RECORD_PACKAGE] = note_package,
        };
        RecordType type = (record ?: old)->type;

        if (world->config.log && notes[type])
                notes[type](world, old, record);
}
