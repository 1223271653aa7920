/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Tells the owner what is observed, when it has changed. */

#include "hostd/host-half-internal.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"

bool host_report_is_for(const HostHalf *half, const InstanceRecord *record)
{
        return str_equal(record->host, half->host);
}

static void tell(HostHalf *half, const ObservedRecord *observed)
{
        char text[RECORD_KEY_MAX + 1];
        ObservedRecord *last;

        instance_id_format(&observed->id, text);
        last = map_get(&half->reported, text);
        /* where only the bytes between members differ it is told once more, which does no harm */
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
        if (last && memcmp(last, observed, sizeof(*last)) == 0)
                return;
        if (!last) {
                last = calloc(1, sizeof(*last));
                if (!last || map_put(&half->reported, text, last) < 0) {
                        free(last);
                        return;
                }
        }
        memcpy(last, observed, sizeof(*last));
        if (half->sink.observed)
                half->sink.observed(half->sink.userdata, observed);
}

void host_report_instances(HostHalf *half)
{
        MAP_FOREACH (entry, &half->instances) {
                Instance *instance = entry->value;
                char text[RECORD_KEY_MAX + 1];
                ObservedRecord observed;

                if (host_instance_newest(half, &instance->id) != instance)
                        continue;
                instance_report(instance, &observed);
                observed.in_rotation =
                        map_contains(&half->serving, instance_id_format(&instance->id, text));
                tell(half, &observed);
        }
}

/* The word that an incarnation which is to be off never runs again. */
static void tell_stopped(HostHalf *half)
{
        MAP_FOREACH (entry, &half->records) {
                const InstanceRecord *record = entry->value;
                ObservedRecord observed;
                const ObservedRecord *last = map_get(&half->reported, entry->key);

                if (!host_report_is_for(half, record) || record->power == POWER_RUNNING ||
                    !half->synced || host_instance_newest(half, &record->id))
                        continue;
                memset(&observed, 0,
                       sizeof(observed)); /* padding as well, as in instance_report() */
                observed.id = record->id;
                observed.incarnation = record->incarnation;
                observed.status = STATUS_STOPPED_VM;
                snprintf(observed.host, sizeof(observed.host), "%s", half->host);
                memcpy(observed.done, record->wanted, sizeof(observed.done));
                observed.since_us = last && last->status == STATUS_STOPPED_VM &&
                                                    last->incarnation == record->incarnation
                                            ? last->since_us
                                            : clock_realtime_us();
                tell(half, &observed);
        }
}

static void tell_gone(HostHalf *half)
{
        MAP_FOREACH (entry, &half->reported) {
                const InstanceRecord *record = map_get(&half->records, entry->key);
                InstanceId id;

                if (instance_id_parse(entry->key, &id) < 0 || host_instance_newest(half, &id) ||
                    (record && host_report_is_for(half, record)))
                        continue;
                free(map_remove(&half->reported, entry->key));
                if (half->sink.gone)
                        half->sink.gone(half->sink.userdata, &id);
        }
}

void host_report_rest(HostHalf *half)
{
        tell_stopped(half);
        if (half->synced)
                tell_gone(half);
}
