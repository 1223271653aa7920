/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who makes a copy, by records in a real etcd. */

#include "hostd/copies.h"

#include "tests/unit/hostd/bus-world.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static Record package_of(const char *first, const char *second)
{
        Record record;

        record_init(&record, RECORD_PACKAGE);
        strcpy(record.package.digest, DIGEST);
        snprintf(record.package.holders[0], sizeof(RecordName), "%s", first);
        snprintf(record.package.holders[1], sizeof(RecordName), "%s", second);
        record.package.n_holders = 1 + (second[0] != '\0');
        return record;
}

static void holders_are_read(void **state)
{
        Record record = package_of("h1", "h2");
        size_t n;

        assert_string_equal(copies_holders(&record, &n)[1], "h2");
        assert_int_equal(n, 2);
        assert_true(copies_holds(&record, "h2"));
        assert_false(copies_holds(&record, "h3"));
        assert_false(copies_are_full(&record));
        record.package.n_holders = RECORD_HOLDERS_MAX;
        assert_true(copies_are_full(&record));
}

static void the_only_other_host_makes_the_second_copy(void **state)
{
        BusWorld *world = *state;
        Record one = package_of("h2", ""), two = package_of("h1", "h2");
        Copies *copies;

        bus_world_write_host(world, "h1", "h1", "127.0.0.1", true);
        bus_world_write_host(world, "h2", "h2", "127.0.0.1", true);
        assert_int_equal(copies_new(world->store, "h1", &copies), 0);
        assert_true(copies_is_chosen(copies, &one, DIGEST));
        assert_false(copies_is_chosen(copies, &two, DIGEST));
        copies_free(copies);
}

static void a_lost_holder_is_waited_for(void **state)
{
        BusWorld *world = *state;
        Record package = package_of("h2", "h3"), cluster;
        Copies *copies;

        record_init(&cluster, RECORD_CLUSTER);
        strcpy(cluster.cluster.id, "c1");
        cluster.cluster.lease_ms = 100;
        bus_world_write(world, &cluster);
        bus_world_write_host(world, "h1", "h1", "127.0.0.1", true);
        bus_world_write_host(world, "h2", "h2", "127.0.0.1", true);
        bus_world_write_host(world, "h3", "h3", "127.0.0.1", false);
        assert_int_equal(copies_new(world->store, "h1", &copies), 0);
        assert_false(copies_is_chosen(copies, &package, DIGEST));
        while (!copies_is_chosen(copies, &package, DIGEST))
                assert_true(sd_event_run(world->event, 10000) >= 0);
        copies_free(copies);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(holders_are_read),
                cmocka_unit_test_setup_teardown(the_only_other_host_makes_the_second_copy,
                                                bus_world_set_up, bus_world_tear_down),
                cmocka_unit_test_setup_teardown(a_lost_holder_is_waited_for, bus_world_set_up,
                                                bus_world_tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
