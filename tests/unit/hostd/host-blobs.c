/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/hostd/half.h"

#define OTHER "blobs/sha256-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MINE  "blobs/payload-" HALF_PACKAGE "-web.erofs"

static void only_what_deployments_need_stays(void **state)
{
        World *world = *state;
        _cleanup_free_ char *other = world_path(world, OTHER), *mine = world_path(world, MINE);
        DeploymentRecord deployment = test_deployment(HALF_DEPLOYMENT);

        world_write(world, OTHER, "x");
        strcpy(deployment.package, HALF_PACKAGE);
        assert_int_equal(host_half_deployment_put(world->half, &deployment), 0);
        run_loop_for(world->event, 200);
        assert_int_equal(access(other, F_OK), 0); /* perhaps something needs it: not known yet */
        host_half_synced(world->half);
        WORLD_UNTIL(world, access(other, F_OK) < 0);
        assert_int_equal(access(mine, F_OK), 0);
        host_half_deployment_deleted(world->half, HALF_DEPLOYMENT);
        WORLD_UNTIL(world, access(mine, F_OK) < 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(only_what_deployments_need_stays, world_setup,
                                                world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
