/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/probes.h"

#include "tests/unit/netd/example.h"

static void unconcerned(Probe *probe, void *userdata)
{
}

typedef struct World {
        sd_event *event;
        Prober *prober;
        State state;
        Endpoint *http;
} World;

static void begin(World *w)
{
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        StateError error = {};

        *w = (World) {};
        assert_true(sd_event_new(&w->event) >= 0);
        assert_int_equal(prober_new(w->event, 1, unconcerned, NULL, &w->prober), 0);
        example_wanted(&wanted);
        wanted.endpoints[0].probe = (Net1Probe) {
                .kind = NET1_PROBE_HTTP, .path = "/", .interval_ms = 1000, .timeout_ms = 5000};
        assert_int_equal(example_declare(&w->state, &wanted, true, &error), 0);
        w->http = state_endpoint(&w->state, "http");
}

static void end(World *w)
{
        probes_drop(w->http);
        state_deinit(&w->state);
        prober_free(w->prober);
        sd_event_unref(w->event);
}

static void each_backend_is_probed_once(void **unused)
{
        Probe *first;
        World w;

        begin(&w);
        probes_settle(w.prober, &w.state, w.http);
        first = w.http->backends[0].probe;
        assert_non_null(first);
        assert_non_null(w.http->backends[1].probe);
        assert_ptr_equal(probe_userdata(first), &w.http->backends[0]);
        probes_settle(w.prober, &w.state, w.http);
        assert_ptr_equal(w.http->backends[0].probe, first);
        end(&w);
}

static void nothing_is_asked_where_nothing_was_told(void **unused)
{
        World w;

        begin(&w);
        w.http->probe_kind = NET1_PROBE_NONE;
        probes_settle(w.prober, &w.state, w.http);
        assert_null(w.http->backends[0].probe);
        end(&w);
}

/* The verdict of a probe that goes over is not lost; one that asks another thing begins anew. */
static void probes_go_over_to_what_is_probed_alike(void **unused)
{
        Backend backends[2];
        Endpoint next;
        World w;

        begin(&w);
        w.http->backends[0].good = true;
        probes_settle(w.prober, &w.state, w.http);
        next = *w.http;
        memcpy(backends, w.http->backends, sizeof(backends));
        for (size_t i = 0; i < 2; i++)
                backends[i].probe = NULL;
        backends[1].port = 8081;
        next.backends = backends;
        probes_hand_over(w.http, &next);
        assert_null(w.http->backends[0].probe);
        assert_null(w.http->backends[1].probe);
        assert_non_null(backends[0].probe);
        assert_true(probe_good(backends[0].probe));
        assert_ptr_equal(probe_userdata(backends[0].probe), &backends[0]);
        assert_null(backends[1].probe);

        next.probe_path = "/other";
        probes_hand_over(&next, w.http);
        assert_null(w.http->backends[0].probe);
        assert_null(backends[0].probe);
        end(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_backend_is_probed_once),
                cmocka_unit_test(nothing_is_asked_where_nothing_was_told),
                cmocka_unit_test(probes_go_over_to_what_is_probed_alike),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
