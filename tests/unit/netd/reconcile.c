/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/reconcile.h"

#include "netd/elements.h"
#include "tests/unit/netd/machine.h"

static size_t kernel_elements(Manager *m)
{
        _cleanup_(elements_deinit) Elements kernel = {};
        bool current = false;

        assert_int_equal(nftables_read(m->nftables, &current, &kernel), 0);
        assert_true(current);
        return kernel.n_items;
}

/* From nothing, again, and after somebody has taken a part away. */
static void the_kernel_is_made_equal_to_the_state(void **unused)
{
        _cleanup_(elements_deinit) Elements all = {}, none = {};
        bool current = false;
        char why[NFTABLES_WHY_MAX];
        Manager m;

        machine_begin(&m);
        example_state(&m.state);
        assert_int_equal(reconcile(&m), 0);
        assert_int_not_equal(if_nametoindex("tvx1"), 0);
        assert_int_equal(nftables_read(m.nftables, &current, &all), 0);
        assert_true(all.n_items > 0);
        assert_int_equal(reconcile(&m), 0);
        assert_int_equal(kernel_elements(&m), all.n_items);

        assert_int_equal(nftables_write(m.nftables, false, &all, &none, why), 0);
        assert_int_equal(links_remove(m.links, "tvx1"), 0);
        assert_int_equal(kernel_elements(&m), 0);
        assert_int_equal(reconcile(&m), 0);
        assert_int_equal(kernel_elements(&m), all.n_items);
        assert_int_not_equal(if_nametoindex("tvx1"), 0);
        machine_end(&m);
}

static void what_nobody_declared_goes(void **unused)
{
        Manager m;

        machine_begin(&m);
        example_state(&m.state);
        assert_int_equal(reconcile(&m), 0);
        state_deinit(&m.state);
        assert_int_equal(reconcile(&m), 0);
        assert_int_equal(if_nametoindex("tbx"), 0);
        assert_int_equal(if_nametoindex("tvx0"), 0);
        assert_int_equal(kernel_elements(&m), 0);
        machine_end(&m);
}

/* The next netd finds VIPs as closed as the last one left them, and good what was good. */
static void a_start_takes_over_what_the_kernel_remembers(void **unused)
{
        _cleanup_(net1_state_deinit) Net1State wanted = {};
        StateError error = {};
        Backend *backends;
        Manager m;

        machine_begin(&m);
        example_wanted(&wanted);
        wanted.endpoints[0].probe = (Net1Probe) {
                .kind = NET1_PROBE_HTTP, .path = "/", .interval_ms = 1000, .timeout_ms = 5000};
        assert_int_equal(example_declare(&m.state, &wanted, true, &error), 0);
        backends = state_endpoint(&m.state, "http")->backends;
        assert_int_equal(reconcile(&m), 0); /* a kernel that knows nothing: all are good */
        assert_true(backends[0].in_rotation);
        backends[0].good = false; /* as a new netd knows it */
        probes_drop(state_endpoint(&m.state, "http"));
        assert_int_equal(manager_fence(&m, true, &error), 0);

        m.fenced = false;
        assert_int_equal(reconcile(&m), 0);
        assert_true(m.fenced);
        assert_true(backends[0].good);
        machine_end(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_kernel_is_made_equal_to_the_state),
                cmocka_unit_test(what_nobody_declared_goes),
                cmocka_unit_test(a_start_takes_over_what_the_kernel_remembers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
