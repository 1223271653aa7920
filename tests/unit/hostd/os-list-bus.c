/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods about guest operating systems that are there: what they show, and what they refuse.
 */

#include "tests/unit/hostd/bus-world.h"

static void write_os(BusWorld *world)
{
        Record record;

        record_init(&record, RECORD_OS);
        strcpy(record.os.family, "debian-13");
        strcpy(record.os.version, "7");
        memset(record.os.digest, 'a', RECORD_DIGEST_MAX);
        record.os.imported = true;
        record.os.added_us = 5;
        record.os.n_files = 1;
        strcpy(record.os.files[0].name, "root.raw");
        memset(record.os.files[0].digest, 'a', RECORD_DIGEST_MAX);
        record.os.files[0].size_bytes = 9;
        record.os.n_holders = 1;
        strcpy(record.os.holders[0], "h2");
        bus_world_write(world, &record);
}

static void versions_are_listed(void **state)
{
        BusWorld *world = *state;

        bus_world_expect(world, BUS_CALL "ListGuestOs", "a(ssbbttuas) 0");
        write_os(world);
        bus_world_expect(world, BUS_CALL "ListGuestOs",
                         "a(ssbbttuas) 1 \"debian-13\" \"7\" false true 9 5 0 1 \"h2\"\n");
}

static void what_is_not_a_version_is_refused(void **state)
{
        BusWorld *world = *state;

        bus_world_expect(world, BUS_CALL "DisableGuestOs ss .. 7", "is not a family and a version");
        bus_world_expect(world, BUS_CALL "DisableGuestOs ss debian-13 7", "has no leader yet");
        bus_world_expect(world, BUS_CALL "RemoveGuestOs ss debian-13 7", "has no leader yet");
        assert_int_equal(world->host1->n_intakes, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(versions_are_listed),
                BUS_TEST(what_is_not_a_version_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
