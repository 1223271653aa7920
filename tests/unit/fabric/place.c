/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/place.h"

#include "lib/base/hash.h"
#include "tests/unit/test.h"

static const PlaceSize small = {1, 1 * GIB, 1 * GIB};
static const PlaceSize full = {32, 16 * GIB, 100 * GIB};

static void make(Place *place, uint32_t n_domains, uint32_t n_hosts)
{
        place_init(place);
        for (uint32_t d = 0; d < n_domains; d++)
                assert_int_equal(place_domain_add(place, hash_mix(d), &(uint32_t) {0}), 0);
        for (uint32_t h = 0; h < n_hosts; h++) {
                assert_int_equal(place_host_add(place, hash_mix(1000 + h), &(uint32_t) {0}), 0);
                place_host_set(place, h, h % n_domains, &full, true);
        }
}

/* Places one instance; its host. */
static uint32_t put(Place *place, PlaceSpread *spread, const PlaceSize *size)
{
        uint32_t host;

        assert_int_equal(place_pick(place, spread, size, PLACE_NONE, &host), 0);
        place_take(place, host, size);
        assert_int_equal(place_spread_add(spread, place, host), 0);
        return host;
}

static void a_role_is_spread_over_domains_then_hosts(void **state)
{
        uint32_t of_domain[5] = {}, of_host[20] = {};
        PlaceSpread spread = {};
        Place place;

        make(&place, 5, 20);
        for (unsigned i = 0; i < 42; i++) {
                uint32_t host = put(&place, &spread, &small);

                of_host[host]++;
                of_domain[host % 5]++;
        }
        for (unsigned d = 0; d < 5; d++)
                assert_in_range(of_domain[d], 8, 9);
        for (unsigned h = 0; h < 20; h++)
                assert_in_range(of_host[h], 2, 3);
        place_spread_deinit(&spread);
        place_deinit(&place);
}

static void uneven_domains_still_get_even_shares(void **state)
{
        uint32_t of_domain[2] = {};
        PlaceSpread spread = {};
        Place place;

        make(&place, 2, 6);
        place_host_set(&place, 2, 1, &full, true); /* domain 0: two hosts, domain 1: four */
        for (unsigned i = 0; i < 10; i++)
                of_domain[place.hosts[put(&place, &spread, &small)].domain]++;
        assert_int_equal(of_domain[0], 5);
        place_spread_deinit(&spread);
        place_deinit(&place);
}

static void within_a_domain_the_best_fit_wins(void **state)
{
        static const PlaceSize most = {1, 15 * GIB, GIB}, half = {1, 8 * GIB, GIB};
        PlaceSpread spread = {};
        uint32_t host;
        Place place;

        make(&place, 1, 4);
        place_take(&place, 1, &half);
        place_take(&place, 2, &(PlaceSize) {1, 12 * GIB, GIB});
        assert_int_equal(place_pick(&place, &spread, &small, PLACE_NONE, &host), 0);
        assert_int_equal(host, 2);
        assert_int_equal(place_pick(&place, &spread, &half, PLACE_NONE, &host), 0);
        assert_int_equal(host, 1);
        assert_int_equal(place_pick(&place, &spread, &half, 1, &host), 0);
        assert_true(host == 0 || host == 3);
        assert_int_equal(place_pick(&place, &spread, &most, PLACE_NONE, &host), 0);
        place_give(&place, 1, &half);
        assert_int_equal(place_pick(&place, &spread, &small, PLACE_NONE, &host), 0);
        assert_int_equal(host, 2);
        place_spread_deinit(&spread);
        place_deinit(&place);
}

static void every_size_is_a_filter(void **state)
{
        static const PlaceSize wrong[] = {{33, GIB, GIB}, {1, 17 * GIB, GIB}, {1, GIB, 101 * GIB}};
        PlaceSpread spread = {};
        uint32_t host;
        Place place;

        make(&place, 1, 2);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_int_equal(place_pick(&place, &spread, &wrong[i], PLACE_NONE, &host),
                                 PLACE_NO_ROOM);
        assert_int_equal(place_pick(&place, &spread, &full, PLACE_NONE, &host), 0);
        place_take(&place, 0, &small);
        assert_int_equal(place_pick(&place, &spread, &full, PLACE_NONE, &host), 0);
        assert_int_equal(host, 1);
        assert_int_equal(place_pick(&place, &spread, &full, 1, &host), PLACE_NO_ROOM);
        place_host_set(&place, 1, 0, &full, false);
        assert_int_equal(place_pick(&place, &spread, &full, PLACE_NONE, &host), PLACE_NO_ROOM);
        assert_int_equal(place_pick(&place, &spread, &small, PLACE_NONE, &host), 0);
        assert_int_equal(host, 0);
        place_take(&place, 1, &small); /* also where nothing new may go */
        place_host_set(&place, 1, 0, &full, true);
        assert_int_equal(place_pick(&place, &spread, &full, PLACE_NONE, &host), PLACE_NO_ROOM);
        place_deinit(&place);
}

static void a_full_domain_gives_way_to_the_next(void **state)
{
        PlaceSpread spread = {};
        Place place;

        make(&place, 2, 3); /* domain 0: hosts 0 and 2, domain 1: host 1 */
        place_take(&place, 1, &(PlaceSize) {1, 15 * GIB, GIB});
        for (unsigned i = 0; i < 20; i++)
                put(&place, &spread, &small);
        assert_int_equal(place.hosts[1].used.memory_bytes, 16 * GIB);
        place_spread_deinit(&spread);
        place_deinit(&place);
}

/* What the search chooses is what looking at every host and domain would choose. */
static void agrees_with_the_obvious_search(void **state)
{
        uint64_t seed = 11;

        for (unsigned round = 0; round < 200; round++) {
                uint32_t n_domains = 1 + (uint32_t) random_below(&seed, 6);
                uint32_t n_hosts = n_domains + (uint32_t) random_below(&seed, 20);
                uint32_t of_domain[8] = {}, of_host[32] = {};
                PlaceSpread spread = {};
                Place place;

                make(&place, n_domains, n_hosts);
                for (uint32_t h = 0; h < n_hosts; h++)
                        place_take(&place, h, &(PlaceSize) {0, random_below(&seed, 16) * GIB, 0});
                for (unsigned i = 0; i < 60; i++) {
                        PlaceSize size = {1, (1 + random_below(&seed, 4)) * GIB, GIB};
                        uint64_t fewest = UINT64_MAX;
                        uint32_t host;
                        int r;

                        for (uint32_t h = 0; h < n_hosts; h++)
                                if (place.hosts[h].used.memory_bytes + size.memory_bytes <=
                                            16 * GIB &&
                                    of_domain[h % n_domains] < fewest)
                                        fewest = of_domain[h % n_domains];
                        r = place_pick(&place, &spread, &size, PLACE_NONE, &host);
                        assert_int_equal(r == 0, fewest != UINT64_MAX);
                        if (r != 0)
                                continue;
                        assert_int_equal(of_domain[host % n_domains], fewest);
                        for (uint32_t h = host % n_domains; h < n_hosts; h += n_domains) {
                                uint64_t used = place.hosts[h].used.memory_bytes;

                                if (used + size.memory_bytes > 16 * GIB)
                                        continue;
                                assert_true(of_host[host] <= of_host[h]);
                                if (of_host[host] == of_host[h])
                                        assert_true(place.hosts[host].used.memory_bytes >= used);
                        }
                        place_take(&place, host, &size);
                        assert_int_equal(place_spread_add(&spread, &place, host), 0);
                        of_domain[host % n_domains]++;
                        of_host[host]++;
                }
                place_spread_deinit(&spread);
                place_deinit(&place);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_role_is_spread_over_domains_then_hosts),
                cmocka_unit_test(uneven_domains_still_get_even_shares),
                cmocka_unit_test(within_a_domain_the_best_fit_wins),
                cmocka_unit_test(every_size_is_a_filter),
                cmocka_unit_test(a_full_domain_gives_way_to_the_next),
                cmocka_unit_test(agrees_with_the_obvious_search),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
