/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/holders.h"

#include "lib/base/hash.h"
#include "tests/unit/fabric/world.h"

#define DIGEST SAMPLE_DIGEST

/* ---- the rule */

static const HoldersHost three[] = {{"h1", "a", true}, {"h2", "b", true}, {"h3", "c", true}};

/* Which of the hosts are to fetch, as a set of bits. */
static unsigned fetching(const char *digest, const HoldersHost *hosts, size_t n,
                         const RecordName *holders, size_t n_holders)
{
        unsigned set = 0;

        for (size_t i = 0; i < n; i++)
                if (holders_should_fetch(digest, hosts, n, holders, n_holders, hosts[i].name))
                        set |= 1U << i;
        return set;
}

static void one_other_fetches(void **state)
{
        static const RecordName h1[] = {"h1"}, h1h3[] = {"h1", "h3"}, gone[] = {"h9"};
        unsigned set = fetching(DIGEST, three, 3, h1, 1), n_chosen[3] = {};

        assert_true(set == 2 || set == 4);
        assert_int_equal(fetching(DIGEST, three, 3, h1h3, 2), 0);
        assert_int_equal(fetching(DIGEST, three, 1, h1, 1), 0);   /* there is no other */
        assert_int_equal(fetching(DIGEST, three, 3, gone, 1), 0); /* nobody to fetch from */
        assert_int_equal(fetching(DIGEST, three, 3, NULL, 0), 0);
        for (unsigned i = 0; i < 100; i++) { /* not always the same one */
                char digest[] = DIGEST;

                digest[0] = (char) ('0' + i % 10);
                digest[1] = (char) ('0' + i / 10);
                set = fetching(digest, three, 3, h1, 1);
                n_chosen[set == 2 ? 1 : 2]++;
        }
        assert_true(n_chosen[1] > 20 && n_chosen[2] > 20);
}

static void other_fault_domains_come_first(void **state)
{
        static const HoldersHost racks[] = {
                {"h1", "a", true}, {"h2", "a", true}, {"h3", "a", true}, {"h4", "b", true}};
        static const RecordName h1[] = {"h1"}, both[] = {"h1", "h2"}, apart[] = {"h1", "h4"};

        assert_int_equal(fetching(DIGEST, racks, 4, h1, 1), 8);
        assert_int_equal(fetching(DIGEST, racks, 4, both, 2), 8); /* two, but in one rack */
        assert_int_equal(fetching(DIGEST, racks, 4, apart, 2), 0);
        /* one rack only: the second copy is better than none */
        assert_int_not_equal(fetching(DIGEST, racks, 3, h1, 1), 0);
        assert_int_equal(fetching(DIGEST, racks, 3, both, 2), 0);
}

static void lost_hosts_do_not_count(void **state)
{
        HoldersHost hosts[] = {{"h1", "a", true}, {"h2", "b", false}, {"h3", "c", true}};
        static const RecordName h1h2[] = {"h1", "h2"}, h2[] = {"h2"};

        assert_int_equal(fetching(DIGEST, hosts, 3, h1h2, 2), 4);
        assert_int_equal(fetching(DIGEST, hosts, 3, h2, 1), 0);
        hosts[1].counts = true;
        assert_int_equal(fetching(DIGEST, hosts, 3, h1h2, 2), 0);
}

/* Whatever the cluster: those that are chosen are enough, and not one too many. */
static void enough_and_no_more(void **state)
{
        uint64_t seed = 7;

        for (unsigned round = 0; round < 3000; round++) {
                size_t n = 1 + random_below(&seed, 6), n_holders = 0, n_after = 0, n_chosen = 0;
                static const char *const names[] = {"h1", "h2", "h3", "h4", "h5", "h6"};
                static const char *const domains[] = {"a", "b", "c"};
                unsigned seen = 0, possible = 0, n_counting = 0, set;
                RecordName holders[6] = {};
                HoldersHost hosts[6];

                for (size_t i = 0; i < n; i++) {
                        hosts[i] = (HoldersHost) {names[i], domains[random_below(&seed, 3)],
                                                  random_below(&seed, 4) > 0};
                        if (random_below(&seed, 3) == 0)
                                memcpy(holders[n_holders++], names[i], 3);
                }
                set = fetching(DIGEST, hosts, n, holders, n_holders);
                for (size_t i = 0; i < n; i++) {
                        bool has = set & (1U << i);

                        n_chosen += has;
                        for (size_t j = 0; j < n_holders; j++)
                                has |= strcmp(holders[j], names[i]) == 0;
                        if (!hosts[i].counts)
                                continue;
                        n_counting++;
                        possible |= 1U << (hosts[i].fault_domain[0] - 'a');
                        if (!has)
                                continue;
                        n_after++;
                        seen |= 1U << (hosts[i].fault_domain[0] - 'a');
                }
                if (n_after == 0) {
                        assert_int_equal(set, 0);
                        continue;
                }
                assert_true(n_after >= MIN(n_counting, (unsigned) HOLDERS_COPIES));
                assert_true(__builtin_popcount(seen) >= MIN(__builtin_popcount(possible), 2));
                assert_true(n_chosen <= 1 || n_after <= HOLDERS_COPIES);
        }
}

/* ---- who holds what */

static const PackageRecord *package(World *world)
{
        RecordKey key = {.type = RECORD_PACKAGE, .name = DIGEST};

        return &fabric_record(world->fabric, &key)->package;
}

static FabricRefusal say(World *world, const char *host, bool holds)
{
        Record record;

        record_init(&record, RECORD_PACKAGE);
        memcpy(record.package.digest, DIGEST, sizeof(DIGEST));
        return world_request(world, (FabricRequest) {.kind = holds ? FABRIC_HOLD : FABRIC_UNHOLD,
                                                     .record = &record,
                                                     .host = host});
}

static void hosts_say_what_they_hold(void **state)
{
        Record again, unknown;
        World world;

        world_init(&world, 3, 3);
        assert_int_equal(say(&world, "h1", true), 0);
        assert_int_equal(world.plan->n_transactions, 1);
        assert_int_equal(say(&world, "h1", true), 0);
        assert_int_equal(world.plan->n_transactions, 0); /* nothing new, nothing written */
        assert_int_equal(say(&world, "h2", true), 0);
        assert_int_equal(package(&world)->n_holders, 2);
        assert_string_equal(package(&world)->holders[1], "h2");
        assert_int_equal(say(&world, "h9", true), FABRIC_NO_SUCH_HOST);
        record_init(&unknown, RECORD_PACKAGE);
        memset(unknown.package.digest, 'f', RECORD_DIGEST_MAX);
        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_HOLD,
                                                                .record = &unknown,
                                                                .host = "h1"}),
                         FABRIC_NO_SUCH_PACKAGE);
        /* uploaded once more, to another host */
        again = (Record) {.type = RECORD_PACKAGE, .package = *package(&world)};
        again.package.n_holders = 1;
        memcpy(again.package.holders[0], "h0", 3);
        world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &again});
        assert_int_equal(package(&world)->n_holders, 3);
        assert_int_equal(say(&world, "h1", false), 0);
        assert_int_equal(package(&world)->n_holders, 2);
        assert_string_equal(package(&world)->holders[0], "h0");
        assert_string_equal(package(&world)->holders[1], "h2");
        world_deinit(&world);
}

static void a_full_list_makes_room_for_who_is_up(void **state)
{
        char name[8];
        World world;

        world_init(&world, RECORD_HOLDERS_MAX + 2, 3);
        for (unsigned i = 0; i < RECORD_HOLDERS_MAX + 1; i++) {
                snprintf(name, sizeof(name), "h%u", i);
                assert_int_equal(say(&world, name, true), 0);
        }
        assert_int_equal(package(&world)->n_holders, RECORD_HOLDERS_MAX);
        world_alive(&world, "h3", false);
        snprintf(name, sizeof(name), "h%u", RECORD_HOLDERS_MAX + 1);
        assert_int_equal(say(&world, name, true), 0);
        assert_int_equal(package(&world)->n_holders, RECORD_HOLDERS_MAX);
        for (size_t i = 0; i < RECORD_HOLDERS_MAX; i++)
                assert_string_not_equal(package(&world)->holders[i], "h3");
        assert_string_equal(package(&world)->holders[RECORD_HOLDERS_MAX - 1], name);
        world_deinit(&world);
}

/* The same version with other files: not while another host has the old ones. */
static void a_guest_os_is_not_replaced_under_others(void **state)
{
        RecordKey key = {.type = RECORD_OS, .name = "debian-13", .version = "7"};
        Record os;
        World world;

        world_init(&world, 3, 3);
        record_init(&os, RECORD_OS);
        memcpy(os.os.family, "debian-13", 10);
        memcpy(os.os.version, "7", 2);
        memset(os.os.digest, 'a', RECORD_DIGEST_MAX);
        memcpy(os.os.holders[0], "h1", 3);
        os.os.n_holders = 1;
        world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &os});
        memset(os.os.digest, 'b', RECORD_DIGEST_MAX);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &os}),
                0); /* it is the only one that has it */
        memcpy(os.os.holders[0], "h2", 3);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &os}), 0);
        assert_int_equal(fabric_record(world.fabric, &key)->os.n_holders, 2);
        memset(os.os.digest, 'c', RECORD_DIGEST_MAX);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &os}),
                FABRIC_REFUSED_NOW);
        assert_int_equal(fabric_record(world.fabric, &key)->os.digest[0], 'b');
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_other_fetches),
                cmocka_unit_test(other_fault_domains_come_first),
                cmocka_unit_test(lost_hosts_do_not_count),
                cmocka_unit_test(enough_and_no_more),
                cmocka_unit_test(hosts_say_what_they_hold),
                cmocka_unit_test(a_full_list_makes_room_for_who_is_up),
                cmocka_unit_test(a_guest_os_is_not_replaced_under_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
