/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What hosts may ask for, and what they may not; calls that are made are in forward.c. */

#include "hostd/forward-server.h"

#include "tests/unit/hostd/forward-world.h"

static void on_answer(void *userdata, const HttpResult *result)
{
        assert_int_equal(result->error, 0);
        *(unsigned *) userdata = result->status;
}

static unsigned ask(ForwardWorld *world, const char *path, const char *body)
{
        unsigned status = 0;

        assert_int_equal(peers_post(world->cluster->peers, &world->cluster->address, path, body,
                                    body ? strlen(body) : 0, on_answer, &status, NULL),
                         0);
        RUN_UNTIL(world->cluster->event, status > 0);
        return status;
}

#define CALL(interface, member, signature, arguments, files)                                       \
        "{\"path\":\"" FORWARD_OBJECT "\",\"interface\":\"" interface "\",\"member\":\"" member    \
        "\",\"signature\":\"" signature "\",\"arguments\":" arguments ",\"files\":" files "}"

static void what_the_leader_does_not_decide_is_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                "[]",
                CALL("org.troupe.Other", "Deploy", "", "[]", "[]"),
                CALL("org.troupe.Host1.Manager", "SetHome", "", "[]", "[]"),
                CALL("org.troupe.Host1.Manager", "Deploy", "hh", "[0,1]", "[]"),
                CALL("org.troupe.Host1.Manager", "Deploy", "s", "[1]", "[]"),
                CALL("org.troupe.Host1.Manager", "Deploy", "", "[]", "[{}]"),
                CALL("org.troupe.Host1.Manager", "Deploy", "", "[]",
                     "[{\"id\":\"none\",\"size\":\"1\",\"sha256\":\"\"}]"),
                CALL("org.troupe.Host1.Manager", "Deploy", "", "[]", "[1,2,3]"),
        };
        ForwardWorld world;

        forward_world_begin(&world, state);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_int_equal(ask(&world, FORWARD_PATH, wrong[i]), 400);
        assert_int_equal(world.n_made, 0);
        assert_int_equal(ask(&world, FORWARD_PATH "/0123", NULL), 404);
        forward_world_end(&world);
}

static void without_a_bus_no_call_is_taken(void **state)
{
        ForwardWorld world;

        forward_world_begin(&world, state);
        forward_set_bus(world.forward, NULL);
        assert_int_equal(ask(&world, FORWARD_PATH,
                             CALL("org.troupe.Host1.Manager", "Deploy", "", "[]", "[]")),
                         503);
        forward_world_end(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(what_the_leader_does_not_decide_is_refused),
                CLUSTER_TEST(without_a_bus_no_call_is_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
