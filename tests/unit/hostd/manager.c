/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/manager.h"

#include <signal.h>

#include "tests/unit/hostd/manager-world.h"

static void ends_cleanly_on_sigterm(void **state)
{
        ManagerWorld world;

        manager_world_begin(&world);
        assert_int_equal(manager_startup(world.manager), 0);
        raise(SIGTERM);
        assert_int_equal(manager_run(world.manager), 0);
        manager_world_end(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ends_cleanly_on_sigterm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
