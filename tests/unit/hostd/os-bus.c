/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How guest operating systems come: what is refused before anything is read or asked for. What
 * comes of the rest: tests/control/content, tests/control/guest-os-source. */

#include "tests/unit/hostd/bus-world.h"

static void nothing_is_begun_without_a_leader(void **state)
{
        BusWorld *world = *state;

        bus_world_expect(world, BUS_CALL "FetchGuestOs ss http://127.0.0.1:1/x ''",
                         "has no leader yet");
        assert_int_equal(world->host1->n_intakes, 0);
        assert_null(world->host1->fetching);
}

static void nothing_is_being_fetched(void **state)
{
        OsSourceProgress progress;
        BusWorld *world = *state;

        os_source_progress(world->host1->source, &progress);
        assert_string_equal(progress.url, "");
        assert_int_equal(progress.size, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(nothing_is_begun_without_a_leader),
                BUS_TEST(nothing_is_being_fetched),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
