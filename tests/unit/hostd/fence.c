/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The fence against a watchdog of the test's own, over a bus connection of a socket pair: what is
 * looked at is what it says, in which order, and until when VMs are allowed. */

#include "hostd/fence.h"

#include <stdio.h>
#include <string.h>

#include "lib/api/watchdog1.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "tests/unit/bus-pair.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        sd_event *event;
        BusPair bus;
        Fence *fence;
        char said[1024]; /* calls, in order */
        const char *state;
        const char *hold_error; /* NULL: it is held */
        uint64_t sent_ns, until_ns, lease_ms, delay_ms;
        unsigned n_fenced;
        bool starting;
        char dir[64], shared[96];
} Fixture;

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fixture *fixture = userdata;
        const char *member = sd_bus_message_get_member(message);

        if (str_equal(sd_bus_message_get_destination(message), "org.freedesktop.DBus"))
                return sd_bus_reply_method_return(message, "");
        snprintf(fixture->said + strlen(fixture->said),
                 sizeof(fixture->said) - strlen(fixture->said), "%s ", member);
        if (str_equal(member, "Get"))
                return sd_bus_reply_method_return(message, "v", "s", fixture->state);
        if (str_equal(member, "Guard")) {
                sd_bus_message_read(message, "tt", &fixture->lease_ms, &fixture->delay_ms);
                return sd_bus_reply_method_return(message, "");
        }
        if (str_equal(member, "Hold") && fixture->hold_error)
                return sd_bus_reply_method_errorf(message, fixture->hold_error, "not now");
        if (str_equal(member, "Renew") && str_equal(fixture->state, "fenced"))
                return sd_bus_reply_method_errorf(message, WATCHDOG1_ERROR_OVER, "fenced");
        if (str_equal(member, "Hold") || str_equal(member, "Renew"))
                sd_bus_message_read(message, "t", &fixture->sent_ns);
        if (str_equal(member, "Hold"))
                fixture->state = "held";
        if (str_equal(member, "Alone"))
                fixture->state = "alone";
        return sd_bus_reply_method_return(message, "");
}

static void on_allowed(void *userdata, uint64_t until_ns)
{
        ((Fixture *) userdata)->until_ns = until_ns;
}

static void on_fenced(void *userdata)
{
        ((Fixture *) userdata)->n_fenced++;
}

static bool is_starting(void *userdata)
{
        return ((Fixture *) userdata)->starting;
}

static void make_fence(Fixture *fixture, bool off)
{
        FenceHandlers handlers = {fixture, on_allowed, on_fenced, is_starting};

        assert_int_equal(fence_new(fixture->event,
                                   &(FenceConfig) {.off = off, .shared_path = fixture->shared},
                                   &handlers, &fixture->fence),
                         0);
}

static int setup(void **state)
{
        static Fixture fixture;

        fixture = (Fixture) {.state = "idle", .dir = "/tmp/troupe-fence-XXXXXX", .until_ns = 1};
        assert_non_null(mkdtemp(fixture.dir));
        snprintf(fixture.shared, sizeof(fixture.shared), "%s/shared", fixture.dir);
        assert_int_equal(sd_event_new(&fixture.event), 0);
        bus_pair_begin(&fixture.bus, fixture.event, on_call, &fixture);
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;

        fence_free(fixture->fence);
        bus_pair_end(&fixture->bus);
        sd_event_unref(fixture->event);
        unlink(fixture->shared);
        return rmdir(fixture->dir);
}

static void join(Fixture *fixture, bool others)
{
        ClusterRecord cluster = {.lease_ms = 10000, .leader_delay_ms = 2000, .n_vip_pools = 1};

        assert_int_equal(ip_parse("198.18.100.1", &cluster.vip_pools[0].first), 0);
        assert_int_equal(ip_parse("198.18.100.9", &cluster.vip_pools[0].last), 0);
        fence_set_bus(fixture->fence, fixture->bus.client);
        fence_set_cluster(fixture->fence, &cluster);
        fence_set_cluster(fixture->fence, &cluster); /* is no news */
        fence_set_others(fixture->fence, others);
}

static void the_only_host_needs_no_lease(void **state)
{
        Fixture *fixture = *state;

        make_fence(fixture, false);
        assert_int_equal(fixture->until_ns, 0);
        join(fixture, false);
        RUN_UNTIL(fixture->event, str_equal(fixture->said, "Guard Get "));
        run_loop_for(fixture->event, 50);
        assert_string_equal(fixture->said, "Guard Get ");
        assert_int_equal(fixture->lease_ms, 10000);
        assert_int_equal(fixture->until_ns, 0);
        fence_clean(fixture->fence);
        RUN_UNTIL(fixture->event, fixture->until_ns == UINT64_MAX);
        assert_string_equal(fixture->said, "Guard Get Alone ");
        assert_null(fence_problem(fixture->fence));
        fence_renewed(fixture->fence, 5);
        fence_lost(fixture->fence, "etcd was lost");
        run_loop_for(fixture->event, 50);
        assert_string_equal(fixture->said, "Guard Get Alone ");
        assert_int_equal(fixture->until_ns, UINT64_MAX);
        assert_int_not_equal(access(fixture->shared, F_OK), 0);
}

static void among_others_it_is_held_and_renewed(void **state)
{
        Fixture *fixture = *state;

        make_fence(fixture, false);
        join(fixture, true);
        fence_clean(fixture->fence);
        RUN_UNTIL(fixture->event, str_equal(fixture->said, "Guard Get "));
        run_loop_for(fixture->event, 50);
        assert_string_equal(fixture->said, "Guard Get ");
        fence_renewed(fixture->fence, 1000);
        RUN_UNTIL(fixture->event, fixture->until_ns == 1000 + 5 * NSEC_PER_SEC);
        RUN_UNTIL(fixture->event, str_equal(fixture->said, "Guard Get Hold Renew "));
        fence_renewed(fixture->fence, 2000);
        assert_int_equal(fixture->until_ns, 2000 + 5 * NSEC_PER_SEC);
        RUN_UNTIL(fixture->event, fixture->sent_ns == 2000);
        assert_true(fence_guards_against_others(fixture->fence));
        /* the bus breaks and comes back: the watchdog went on */
        fence_set_bus(fixture->fence, NULL);
        assert_int_equal(fixture->until_ns, 0);
        fixture->said[0] = '\0';
        fence_set_bus(fixture->fence, fixture->bus.client);
        RUN_UNTIL(fixture->event, fixture->until_ns == 2000 + 5 * NSEC_PER_SEC);
        assert_int_equal(fixture->n_fenced, 0);
}

static void fenced_it_is_held_again_only_when_it_is_clean(void **state)
{
        Fixture *fixture = *state;

        make_fence(fixture, false);
        join(fixture, true);
        fence_clean(fixture->fence);
        fence_renewed(fixture->fence, 1000);
        RUN_UNTIL(fixture->event, fixture->until_ns > 0);
        fixture->state = "fenced";
        fence_renewed(fixture->fence, 2000);
        RUN_UNTIL(fixture->event, fixture->n_fenced == 1);
        assert_int_equal(fixture->until_ns, 0);
        assert_non_null(strstr(fence_problem(fixture->fence), "fenced"));
        fixture->said[0] = '\0';
        fence_renewed(fixture->fence, 3000);
        run_loop_for(fixture->event, 50);
        assert_string_equal(fixture->said, "");
        /* what was being started when the fence fell is not to be let off */
        fixture->starting = true;
        fence_clean(fixture->fence);
        run_loop_for(fixture->event, 300);
        assert_string_equal(fixture->said, "");
        fixture->starting = false;
        fixture->hold_error = WATCHDOG1_ERROR_BUSY;
        RUN_UNTIL(fixture->event, fixture->said[0] != '\0');
        fixture->hold_error = NULL;
        RUN_UNTIL(fixture->event, fixture->until_ns == 3000 + 5 * NSEC_PER_SEC);
        assert_int_equal(fixture->n_fenced, 1);
}

static void lost_it_says_so_at_once(void **state)
{
        Fixture *fixture = *state;

        make_fence(fixture, false);
        join(fixture, true);
        fence_clean(fixture->fence);
        fence_renewed(fixture->fence, clock_boottime_ns());
        RUN_UNTIL(fixture->event, fixture->until_ns > 0);
        fence_lost(fixture->fence, "its lease has expired");
        assert_true(fixture->until_ns <= clock_boottime_ns());
        RUN_UNTIL(fixture->event, strstr(fixture->said, "Fence"));
}

static void the_first_other_host_makes_it_strict_for_ever(void **state)
{
        Fixture *fixture = *state;

        make_fence(fixture, false);
        join(fixture, false);
        fence_clean(fixture->fence);
        RUN_UNTIL(fixture->event, fixture->until_ns == UINT64_MAX);
        assert_false(fence_guards_against_others(fixture->fence));
        assert_int_equal(access(fixture->shared, F_OK), 0);
        fence_renewed(fixture->fence, 7000);
        RUN_UNTIL(fixture->event, fence_guards_against_others(fixture->fence));
        assert_int_equal(fixture->until_ns, 7000 + 5 * NSEC_PER_SEC);
        assert_non_null(strstr(fixture->said, "Alone Hold "));
        /* a later hostd does not take itself for the only one */
        fence_free(fixture->fence);
        fixture->said[0] = '\0';
        make_fence(fixture, false);
        join(fixture, false);
        fence_clean(fixture->fence);
        run_loop_for(fixture->event, 100);
        assert_null(strstr(fixture->said, "Alone"));
}

static void without_a_watchdog_all_is_allowed_if_it_is_off(void **state)
{
        Fixture *fixture = *state;

        make_fence(fixture, true);
        assert_int_equal(fixture->until_ns, UINT64_MAX);
        join(fixture, true);
        fence_renewed(fixture->fence, 1000);
        fence_lost(fixture->fence, "x");
        run_loop_for(fixture->event, 50);
        assert_string_equal(fixture->said, "");
        assert_int_equal(fixture->until_ns, UINT64_MAX);
        assert_true(fence_guards_against_others(fixture->fence));
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(the_only_host_needs_no_lease),
                WITH_FIXTURE(among_others_it_is_held_and_renewed),
                WITH_FIXTURE(fenced_it_is_held_again_only_when_it_is_clean),
                WITH_FIXTURE(lost_it_says_so_at_once),
                WITH_FIXTURE(the_first_other_host_makes_it_strict_for_ever),
                WITH_FIXTURE(without_a_watchdog_all_is_allowed_if_it_is_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
