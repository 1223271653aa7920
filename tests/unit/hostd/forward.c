/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls with files go all the way: sent, made, asked about, answered. */

#include "hostd/forward.h"

#include <sys/mman.h>

#include "tests/unit/hostd/forward-world.h"

static int file_with(const char *text)
{
        int fd = memfd_create("file", MFD_CLOEXEC);

        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        return fd;
}

static void a_call_with_files_is_made_by_the_leader(void **state)
{
        _cleanup_close_ int a = file_with("package"), b = file_with("configuration");
        const char *first, *second;
        ForwardWorld world;

        forward_world_begin(&world, state);
        forward_world_call(&world, "Deploy", a, b);
        RUN_UNTIL(world.cluster->event, world.reply);
        assert_true(sd_bus_message_read(world.reply, "ss", &first, &second) >= 0);
        assert_string_equal(first, "package");
        assert_string_equal(second, "configuration");
        assert_int_equal(world.n_made, 1);
        forward_world_end(&world);
}

/* The leader says by its own words that a file is too long: it gets one byte too many. */
static void not_more_than_the_leader_takes_is_sent(void **state)
{
        char text[300];
        _cleanup_close_ int b = file_with("b");
        const char *first, *second;
        ForwardWorld world;
        int a;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        a = file_with(text);
        forward_world_begin(&world, state);
        forward_world_call(&world, "Deploy", a, b);
        close(a);
        RUN_UNTIL(world.cluster->event, world.reply);
        assert_true(sd_bus_message_read(world.reply, "ss", &first, &second) >= 0);
        assert_int_equal(strlen(first), 101);
        forward_world_end(&world);
}

static void the_leaders_error_comes_back_as_it_is(void **state)
{
        _cleanup_close_ int a = file_with("bad"), b = file_with("b");
        const sd_bus_error *error;
        ForwardWorld world;

        forward_world_begin(&world, state);
        forward_world_call(&world, "Deploy", a, b);
        RUN_UNTIL(world.cluster->event, world.reply);
        error = sd_bus_message_get_error(world.reply);
        assert_string_equal(error->name, BUS_ERROR_PREFIX "PackageInvalid");
        assert_string_equal(error->message, "it is bad");
        forward_world_end(&world);
}

/* The leader is gone when it has the files: whoever called is told, and soon. */
static void a_leader_that_is_lost_is_an_error(void **state)
{
        _cleanup_close_ int a = file_with("a"), b = file_with("b");
        ForwardWorld world;

        forward_world_begin(&world, state);
        world.silent = true;
        forward_world_call(&world, "Deploy", a, b);
        RUN_UNTIL(world.cluster->event, world.unanswered);
        forward_set_bus(world.forward, NULL); /* as far as those who ask can see */
        RUN_UNTIL(world.cluster->event, world.reply);
        assert_string_equal(sd_bus_message_get_error(world.reply)->name,
                            BUS_ERROR_PREFIX "Unavailable");
        assert_non_null(strstr(sd_bus_message_get_error(world.reply)->message, "troupectl status"));
        forward_world_end(&world);
}

static void on_finished(void *userdata)
{
        (*(unsigned *) userdata)++;
}

/* A host that becomes another one answers first. */
static void the_end_waits_for_calls(void **state)
{
        _cleanup_close_ int a = file_with("a"), b = file_with("b");
        ForwardWorld world;
        unsigned finished = 0;

        forward_world_begin(&world, state);
        world.silent = true;
        forward_world_call(&world, "Deploy", a, b);
        RUN_UNTIL(world.cluster->event, world.unanswered);
        forward_finish(world.forward, on_finished, &finished);
        assert_int_equal(finished, 0);
        assert_true(sd_bus_reply_method_return(world.unanswered, "ss", "a", "b") >= 0);
        RUN_UNTIL(world.cluster->event, finished > 0);
        RUN_UNTIL(world.cluster->event, world.reply);
        assert_null(sd_bus_message_get_error(world.reply));
        forward_finish(world.forward, on_finished, &finished);
        assert_int_equal(finished, 2);
        forward_world_end(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(a_call_with_files_is_made_by_the_leader),
                CLUSTER_TEST(not_more_than_the_leader_takes_is_sent),
                CLUSTER_TEST(the_leaders_error_comes_back_as_it_is),
                CLUSTER_TEST(a_leader_that_is_lost_is_an_error),
                CLUSTER_TEST(the_end_waits_for_calls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
