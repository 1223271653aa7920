/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/manager.h"

#include <signal.h>
#include <stdio.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

static void ends_cleanly_on_sigterm(void **state)
{
        char command[64], dir[] = "/tmp/troupe-manager-XXXXXX";
        Manager *manager;
        ManagerConfig config = {.host_half = {.libvirt_uri = "test:///nonexistent"},
                                .bus_address = "unix:path=/nonexistent"};
        char *wrong;

        assert_non_null(mkdtemp(dir));
        config.host_half.state_dir = config.host_half.runtime_dir = config.host_half.os_dir = dir;
        assert_int_equal(config_load(&config.config, "/nonexistent", NULL, &wrong), 0);
        assert_int_equal(str_set(&config.config.etcd[0], "http://127.0.0.1:9"), 0);
        config.config.n_etcd = 1;
        assert_int_equal(manager_new(&config, &manager), 0);
        assert_int_equal(manager_startup(manager), 0);
        raise(SIGTERM);
        assert_int_equal(manager_run(manager), 0);
        manager_free(manager);
        config_deinit(&config.config);
        snprintf(command, sizeof(command), "rm -rf %s", dir);
        assert_int_equal(system(command), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ends_cleanly_on_sigterm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
