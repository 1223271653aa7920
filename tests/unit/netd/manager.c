/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Without a bus: it is set up after the kernel, so a bus address that leads nowhere ends the start,
 * when everything else has been done. The whole is tested with packets in tests/net. */

#include "netd/manager.h"

#include "tests/unit/netd/example.h"

static void the_kernel_is_made_equal_before_the_bus(void **unused)
{
        char directory[] = "/tmp/netd-manager-XXXXXX", path[64];
        ManagerOptions options = {
                .directory = directory, .uplink = "", .bus = "unix:path=/nowhere"};
        Elements elements = {};
        Manager *manager = NULL;
        Nftables *nftables;
        bool current = false;

        example_namespace();
        assert_non_null(mkdtemp(directory));
        assert_true(manager_new(&options, &manager) < 0);
        assert_null(manager);
        assert_int_equal(nftables_new(&nftables), 0);
        assert_int_equal(nftables_read(nftables, &current, &elements), 0);
        assert_true(current);
        nftables_free(nftables);
        elements_deinit(&elements);
        snprintf(path, sizeof(path), "%s/state", directory);
        unlink(path);
        rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_kernel_is_made_equal_before_the_bus),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
