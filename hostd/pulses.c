/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A renewal's age counts from when this process was told of it, which is never before it was sent.
 * Reading everything anew does not make a known one younger: its revision is the same.
 *
 * Silence is a difference between hosts. Where nobody's renewals come, because etcd has no quorum
 * or because this host is cut off or was frozen, nothing is said of anybody; and when they come
 * again after a long time, all are taken for as old as that moment: nobody could renew meanwhile.
 */

#include "hostd/pulses.h"

#include "lib/api/records.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

#define LOOK_AGAIN_NS (500 * NSEC_PER_MSEC)

typedef struct Entry {
        Pulse pulse;
        uint64_t generation; /* of the reading that has seen it */
} Entry;

struct Pulses {
        Etcd *etcd;
        PulsesHandlers handlers;
        EtcdWatch *watch;
        Map hosts; /* name -> Entry * */
        uint64_t lease_ns;
        uint64_t generation;
        uint64_t newest_ns; /* of all */
        bool loading;
        bool synced;
        sd_event_source *timer;
};

static void look_at(Pulses *pulses, uint64_t time_ns)
{
        sd_event_source_set_time(pulses->timer, time_ns / NSEC_PER_USEC + 1);
        sd_event_source_set_enabled(pulses->timer, SD_EVENT_ONESHOT);
}

/* Tells of those that have fallen silent, and sets the timer for the next that may. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Pulses *pulses = userdata;
        uint64_t now_ns = clock_boottime_ns(), next_ns = UINT64_MAX;

        MAP_FOREACH (entry, &pulses->hosts) {
                Pulse *pulse = &((Entry *) entry->value)->pulse;
                uint64_t due_ns = pulse->since_ns + pulses->lease_ns;

                if (pulse->silent)
                        continue;
                if (due_ns > now_ns) {
                        next_ns = MIN(next_ns, due_ns);
                } else if (pulses->newest_ns < pulse->since_ns + pulses->lease_ns / 2) {
                        next_ns = MIN(next_ns, now_ns + LOOK_AGAIN_NS);
                } else {
                        pulse->silent = true;
                        pulses->handlers.silent(pulses->handlers.userdata, entry->key);
                }
        }
        if (next_ns < UINT64_MAX)
                look_at(pulses, next_ns);
        return 0;
}

/* One has come: after a long time without any, the others are not to blame for theirs. */
static void note_newest(Pulses *pulses, uint64_t now_ns)
{
        if (pulses->newest_ns > 0 && now_ns - pulses->newest_ns >= pulses->lease_ns / 10 * 8)
                MAP_FOREACH (entry, &pulses->hosts)
                        if (!((Entry *) entry->value)->pulse.silent)
                                ((Entry *) entry->value)->pulse.since_ns = now_ns;
        pulses->newest_ns = now_ns;
}

static void on_put(Pulses *pulses, const EtcdKv *kv)
{
        const char *host = str_after(kv->key, RECORD_RENEWAL_PREFIX);
        Entry *entry = map_get(&pulses->hosts, host);
        uint64_t now_ns = clock_boottime_ns();
        bool was_silent;

        if (entry && entry->pulse.revision == kv->mod_revision) {
                entry->generation = pulses->generation;
                return;
        }
        note_newest(pulses, now_ns);
        if (!entry) {
                entry = calloc(1, sizeof(*entry));
                if (!entry || map_put(&pulses->hosts, host, entry) < 0) {
                        log_error("memory is short: a renewal of %s is not noted", host);
                        free(entry);
                        return;
                }
        }
        was_silent = entry->pulse.silent;
        *entry = (Entry) {{kv->mod_revision, now_ns, false}, pulses->generation};
        if (sd_event_source_get_enabled(pulses->timer, NULL) == 0)
                look_at(pulses, now_ns + pulses->lease_ns);
        if (was_silent)
                pulses->handlers.heard(pulses->handlers.userdata, host);
}

static void on_synced(Pulses *pulses)
{
        size_t index = 0;
        const MapEntry *m;

        if (!pulses->loading)
                return;
        while ((m = map_next(&pulses->hosts, &index)))
                if (((Entry *) m->value)->generation != pulses->generation)
                        free(map_remove(&pulses->hosts, m->key));
        pulses->loading = false;
        pulses->synced = true;
        pulses->handlers.synced(pulses->handlers.userdata);
}

static void on_event(void *userdata, const EtcdEvent *event)
{
        Pulses *pulses = userdata;

        switch (event->type) {
        case ETCD_EVENT_RESET:
                pulses->generation++;
                pulses->loading = true;
                break;
        case ETCD_EVENT_PUT:
                on_put(pulses, &event->kv);
                break;
        case ETCD_EVENT_DELETE:
                free(map_remove(&pulses->hosts, str_after(event->kv.key, RECORD_RENEWAL_PREFIX)));
                break;
        case ETCD_EVENT_SYNC:
                on_synced(pulses);
                break;
        case ETCD_EVENT_LOST:
                break;
        }
}

int pulses_new(Etcd *etcd, const PulsesHandlers *handlers, Pulses **ret_pulses)
{
        Pulses *pulses = calloc(1, sizeof(*pulses));
        int r;

        if (!pulses)
                return -ENOMEM;
        pulses->etcd = etcd;
        pulses->handlers = *handlers;
        pulses->hosts.value_free = free;
        r = sd_event_add_time(etcd_loop(etcd), &pulses->timer, CLOCK_BOOTTIME, 0, 1000, on_timer,
                              pulses);
        if (r >= 0)
                r = sd_event_source_set_enabled(pulses->timer, SD_EVENT_OFF);
        if (r < 0) {
                pulses_free(pulses);
                return r;
        }
        *ret_pulses = pulses;
        return 0;
}

static void stop(Pulses *pulses)
{
        pulses->watch = etcd_watch_free(pulses->watch);
        map_deinit(&pulses->hosts);
        pulses->newest_ns = 0;
        pulses->synced = pulses->loading = false;
}

Pulses *pulses_free(Pulses *pulses)
{
        if (!pulses)
                return NULL;
        stop(pulses);
        sd_event_source_disable_unref(pulses->timer);
        free(pulses);
        return NULL;
}

void pulses_follow(Pulses *pulses, uint64_t lease_ns)
{
        if (lease_ns == 0) {
                stop(pulses);
                sd_event_source_set_enabled(pulses->timer, SD_EVENT_OFF);
                return;
        }
        pulses->lease_ns = lease_ns;
        if (!pulses->watch && etcd_watch_new(pulses->etcd, RECORD_RENEWAL_PREFIX, on_event, pulses,
                                             &pulses->watch) < 0)
                log_error("memory is short: renewals are not followed");
}

bool pulses_synced(const Pulses *pulses)
{
        return pulses->synced;
}

bool pulses_get(const Pulses *pulses, const char *host, Pulse *ret_pulse)
{
        const Entry *entry = map_get(&pulses->hosts, host);

        *ret_pulse = entry ? entry->pulse : (Pulse) {};
        return entry != NULL;
}
