/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A manager without bus and store, in a network namespace of the test's own. */

#include <net/if.h>

#include "netd/manager.h"
#include "netd/probes.h"
#include "netd/rotation.h"
#include "netd/settle.h"
#include "tests/unit/netd/example.h"

static inline int never(sd_event_source *source, uint64_t usec, void *userdata)
{
        return 0;
}

static inline void machine_begin(Manager *m)
{
        *m = (Manager) {};
        example_namespace();
        assert_true(sd_event_new(&m->event) >= 0);
        assert_true(sd_event_add_time_relative(m->event, &m->repair, CLOCK_MONOTONIC, 0, 0, never,
                                               NULL) >= 0);
        assert_true(sd_event_source_set_enabled(m->repair, SD_EVENT_OFF) >= 0);
        assert_int_equal(rotation_begin(m), 0);
        assert_int_equal(links_new(&m->links), 0);
        assert_int_equal(nftables_new(&m->nftables), 0);
        assert_int_equal(announcer_new(m->event, &m->announcer), 0);
        assert_int_equal(paths_new(m->event, settle_path, m, &m->paths), 0);
        assert_int_equal(prober_new(m->event, 1, rotation_probe_changed, m, &m->prober), 0);
}

static inline void machine_end(Manager *m)
{
        MAP_FOREACH (entry, &m->state.objects[OBJECT_ENDPOINT])
                probes_drop(entry->value);
        state_deinit(&m->state);
        announcer_free(m->announcer);
        paths_free(m->paths);
        prober_free(m->prober);
        nftables_free(m->nftables);
        links_free(m->links);
        map_deinit(&m->untold);
        sd_event_source_disable_unref(m->repair);
        sd_event_source_disable_unref(m->teller);
        sd_event_unref(m->event);
}

/* Whether something was left to the repair. */
static inline bool machine_repairs(const Manager *m)
{
        int enabled = SD_EVENT_OFF;

        assert_true(sd_event_source_get_enabled(m->repair, &enabled) >= 0);
        return enabled != SD_EVENT_OFF;
}
