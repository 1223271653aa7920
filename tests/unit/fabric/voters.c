/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/voters.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

#define HOSTS_MAX 12
#define SECOND    NSEC_PER_SEC

static const VoterSettings settings = {.patience_ns = 30 * SECOND};

/* A cluster that takes the steps it is told, as etcd would. */
typedef struct World {
        VoterHost hosts[HOSTS_MAX];
        char names[HOSTS_MAX][24], domains[HOSTS_MAX][24]; /* any size_t */
        size_t n;
        uint64_t now_ns;
        StrBuffer log;
} World;

static void world_init(World *world, size_t n, size_t n_domains)
{
        *world = (World) {.n = n, .now_ns = 1000 * SECOND};
        for (size_t i = 0; i < n; i++) {
                snprintf(world->names[i], sizeof(world->names[i]), "h%zu", i + 1);
                snprintf(world->domains[i], sizeof(world->domains[i]), "fd%zu", i % n_domains + 1);
                world->hosts[i] = (VoterHost) {.name = world->names[i],
                                               .fault_domain = world->domains[i],
                                               .alive = true,
                                               .wanted = true};
        }
        world->hosts[0].role = VOTER_VOTES;
}

static void check_majority(const World *world)
{
        size_t voters = 0, alive = 0;

        for (size_t i = 0; i < world->n; i++) {
                voters += world->hosts[i].role == VOTER_VOTES;
                alive += world->hosts[i].role == VOTER_VOTES && world->hosts[i].alive;
        }
        assert_true(alive >= voters / 2 + 1);
}

static void lose(World *world, size_t i)
{
        world->hosts[i].alive = false;
        world->hosts[i].lost_ns = world->now_ns;
}

/* Takes steps until there is none, and returns them as text. Learners catch up when nothing else is
 * left to do. */
static const char *run(World *world)
{
        str_buffer_deinit(&world->log);
        str_buffer_add(&world->log, "");
        for (size_t steps = 0;;) {
                VoterHost *host;
                VoterStep step;
                size_t i = SIZE_MAX;

                assert_true(steps++ < 100);
                step = voters_step(world->hosts, world->n, &settings, world->now_ns, &i);
                if (step == VOTER_REST) {
                        bool more = false;

                        for (i = 0; i < world->n; i++)
                                if (world->hosts[i].role == VOTER_ADDED && world->hosts[i].alive) {
                                        world->hosts[i].role = VOTER_CAUGHT_UP;
                                        more = true;
                                        break;
                                }
                        if (!more)
                                return world->log.data;
                        continue;
                }
                host = &world->hosts[i];
                str_buffer_addf(&world->log, "%s%s %s", world->log.length ? ", " : "",
                                voter_step_to_string(step), host->name);
                host->role = step == VOTER_ADD       ? VOTER_ADDED
                             : step == VOTER_PROMOTE ? VOTER_VOTES
                                                     : VOTER_NONE;
                if (step == VOTER_PROMOTE || step == VOTER_REMOVE)
                        check_majority(world);
        }
}

static void grow(World *world)
{
        run(world);
        assert_int_equal(world->hosts[0].role, VOTER_VOTES);
}

#define EXPECT(world, text)                                                                        \
        do {                                                                                       \
                assert_string_equal(run(world), text);                                             \
                str_buffer_deinit(&(world)->log);                                                  \
        } while (0)

static void one_and_two_hosts_have_one_voter(void **state)
{
        World world;

        world_init(&world, 1, 1);
        EXPECT(&world, "");
        world_init(&world, 2, 2);
        EXPECT(&world, "");
}

static void three_hosts_vote_and_never_two_for_long(void **state)
{
        World world;

        world_init(&world, 3, 3);
        EXPECT(&world, "add h2, promote h2, add h3, promote h3");
        EXPECT(&world, "");
}

static void a_learner_that_ends_an_even_number_is_awaited_with_haste(void **state)
{
        World world;

        world_init(&world, 3, 3);
        world.hosts[1].role = VOTER_ADDED; /* one votes: nothing is lost by waiting */
        assert_false(voters_in_haste(world.hosts, world.n));
        world.hosts[1].role = VOTER_VOTES;
        assert_false(voters_in_haste(world.hosts, world.n)); /* for whom? */
        world.hosts[2].role = VOTER_ADDED;
        assert_true(voters_in_haste(world.hosts, world.n));
        world.hosts[2].role = VOTER_CAUGHT_UP;
        assert_true(voters_in_haste(world.hosts, world.n));
        lose(&world, 2);
        assert_false(voters_in_haste(world.hosts, world.n));
        world.hosts[2].role = VOTER_VOTES;
        assert_false(voters_in_haste(world.hosts, world.n));
}

static void a_third_that_is_away_is_waited_for(void **state)
{
        World world;

        world_init(&world, 3, 3);
        lose(&world, 2);
        EXPECT(&world, "add h2");
        world.hosts[2].alive = true;
        EXPECT(&world, "promote h2, add h3, promote h3");
}

static void five_hosts_in_three_domains_have_five(void **state)
{
        World world;

        world_init(&world, 5, 3);
        assert_int_equal(voters_target(world.hosts, world.n), 5);
        EXPECT(&world, "add h2, promote h2, add h3, promote h3, add h4, promote h4, add h5, "
                       "promote h5");
        world_init(&world, 6, 2); /* either domain's loss may take three of five */
        assert_int_equal(voters_target(world.hosts, world.n), 3);
}

static void voters_are_spread_over_domains(void **state)
{
        World world;

        world_init(&world, 4, 4);
        strcpy(world.domains[1], "fd1");
        EXPECT(&world, "add h3, promote h3, add h4, promote h4");
}

static void a_better_spread_is_taken_when_it_comes(void **state)
{
        World world;

        world_init(&world, 3, 3);
        strcpy(world.domains[1], "fd1");
        grow(&world);
        str_buffer_deinit(&world.log);
        world.n = 4;
        strcpy(world.names[3], "h4");
        strcpy(world.domains[3], "fd4");
        world.hosts[3] =
                (VoterHost) {.name = "h4", .fault_domain = "fd4", .alive = true, .wanted = true};
        EXPECT(&world, "add h4, promote h4, remove h2");
}

static void a_lost_voter_is_replaced_after_a_while(void **state)
{
        World world;

        world_init(&world, 4, 4);
        grow(&world);
        lose(&world, 1);
        EXPECT(&world, "");
        world.now_ns += settings.patience_ns;
        EXPECT(&world, "remove h2, add h4, promote h4");
        world.hosts[1].alive = true;
        EXPECT(&world, "");
}

static void without_a_spare_a_lost_voter_stays(void **state)
{
        World world;

        world_init(&world, 3, 3);
        grow(&world);
        lose(&world, 0);
        world.now_ns += 10 * settings.patience_ns;
        EXPECT(&world, "");
        str_buffer_deinit(&world.log);
}

static void without_a_majority_nothing_is_done(void **state)
{
        World world;

        world_init(&world, 4, 4);
        grow(&world);
        str_buffer_deinit(&world.log);
        lose(&world, 0);
        lose(&world, 1);
        world.now_ns += settings.patience_ns;
        world.hosts[3].role = VOTER_CAUGHT_UP;
        /* taking one out would make the remaining one of two; the learner's vote makes two of four
         */
        for (size_t i = 0; i < 3; i++) {
                size_t index = SIZE_MAX;

                assert_int_equal(voters_step(world.hosts, world.n, &settings, world.now_ns, &index),
                                 VOTER_REST);
        }
}

static size_t voters_alive(const World *world)
{
        size_t n = 0;

        for (size_t i = 0; i < world->n; i++)
                n += world->hosts[i].role == VOTER_VOTES && world->hosts[i].alive;
        return n;
}

/* Every step on the way leaves a majority: run() sees to that. */
static void five_voters_outlive_a_fault_domain(void **state)
{
        World world;

        world_init(&world, 9, 3);
        grow(&world);
        assert_int_equal(voters_alive(&world), 5);
        for (size_t i = 0; i < world.n; i++)
                if (str_equal(world.hosts[i].fault_domain, "fd1"))
                        lose(&world, i);
        assert_in_range(voters_alive(&world), 3, 4);
        world.now_ns += settings.patience_ns - 1;
        assert_string_equal(run(&world), "");
        world.now_ns++;
        run(&world);
        assert_int_equal(voters_alive(&world), 5);
        for (size_t i = 0; i < world.n; i++)
                assert_true(world.hosts[i].alive || world.hosts[i].role == VOTER_NONE);
        str_buffer_deinit(&world.log);
}

/* One voter, and then another one, with time to replace the first in between. */
static void two_of_three_are_lost_one_after_the_other(void **state)
{
        World world;

        world_init(&world, 5, 5);
        world.hosts[3].wanted = world.hosts[4].wanted = false;
        grow(&world);
        str_buffer_deinit(&world.log);
        world.hosts[3].wanted = true;
        lose(&world, 0);
        world.now_ns += settings.patience_ns;
        EXPECT(&world, "remove h1, add h4, promote h4");
        lose(&world, 1);
        world.hosts[4].wanted = true;
        world.now_ns += settings.patience_ns;
        EXPECT(&world, "remove h2, add h5, promote h5");
        assert_int_equal(voters_alive(&world), 3);
}

static void a_host_that_leaves_is_replaced_first(void **state)
{
        World world;

        world_init(&world, 4, 4);
        grow(&world);
        world.hosts[2].wanted = false;
        EXPECT(&world, "add h4, promote h4, remove h3");
}

/* Were its vote taken away, the loss of one more host could be that of the cluster. */
static void a_drained_host_votes_until_another_can(void **state)
{
        World world;

        world_init(&world, 4, 4);
        world.hosts[3].wanted = false;
        grow(&world);
        str_buffer_deinit(&world.log);
        world.hosts[1].draining = true;
        EXPECT(&world, "");
        lose(&world, 1); /* switched off, as it was drained for */
        world.now_ns += settings.patience_ns;
        EXPECT(&world, "");
        world.hosts[1].alive = true;
        world.hosts[3].wanted = true;
        EXPECT(&world, "add h4, promote h4, remove h2");
        world.hosts[0].draining = true; /* h2 is drained, too: it is not given a vote again */
        EXPECT(&world, "");
        world.hosts[1].draining = false;
        EXPECT(&world, "add h2, promote h2, remove h1");
}

static void the_only_voter_hands_over_when_it_is_drained(void **state)
{
        World world;

        world_init(&world, 2, 2);
        EXPECT(&world, "");
        world.hosts[0].draining = true;
        EXPECT(&world, "add h2, promote h2, remove h1");
}

static void a_cluster_shrinks(void **state)
{
        World world;

        world_init(&world, 3, 3);
        grow(&world);
        world.hosts[2].wanted = false;
        EXPECT(&world, "remove h3, remove h2");
        world.hosts[1].wanted = false;
        EXPECT(&world, "");
}

static void a_dead_host_that_was_removed_goes(void **state)
{
        World world;

        world_init(&world, 3, 3);
        grow(&world);
        lose(&world, 0);
        world.hosts[0].wanted = false;
        EXPECT(&world, "remove h1, remove h3");
}

static void a_member_of_nobody_is_taken_out(void **state)
{
        World world;

        world_init(&world, 3, 3);
        grow(&world);
        world.hosts[3] = (VoterHost) {.name = "", .fault_domain = "", .role = VOTER_ADDED};
        world.n = 4;
        EXPECT(&world, "remove ");
        world.hosts[3].role = VOTER_VOTES;
        EXPECT(&world, "remove ");
}

static void a_learner_that_died_makes_room(void **state)
{
        World world;

        world_init(&world, 4, 4);
        world.hosts[1].role = VOTER_ADDED;
        lose(&world, 1);
        EXPECT(&world, "remove h2, add h3, promote h3, add h4, promote h4");
}

static void every_fault_of_one_host_leaves_a_majority(void **state)
{
        /* each host of five lost, back, leaving, in turn, at every stage: run() checks each step */
        for (size_t seed = 0; seed < 2000; seed++) {
                World world;
                uint64_t random = seed * 0x9e3779b97f4a7c15u + 1;

                world_init(&world, 5, 3 + seed % 3);
                for (size_t turn = 0; turn < 20; turn++) {
                        VoterHost *host;
                        size_t away = 0, count;

                        random = random * 6364136223846793005u + 1442695040888963407u;
                        host = &world.hosts[(random >> 33) % world.n];
                        for (size_t i = 0; i < world.n; i++)
                                away += !world.hosts[i].alive;
                        if (!host->alive)
                                host->alive = true;
                        else if (away == 0 && host->role != VOTER_NONE)
                                lose(&world, (size_t) (host - world.hosts));
                        world.now_ns += (random >> 20) % (2 * settings.patience_ns);
                        run(&world);
                        count = 0;
                        for (size_t i = 0; i < world.n; i++)
                                count += world.hosts[i].role == VOTER_VOTES;
                        if (count % 2 == 0)
                                fail_msg("seed %zu turn %zu: %s", seed, turn, world.log.data);
                }
                str_buffer_deinit(&world.log);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_and_two_hosts_have_one_voter),
                cmocka_unit_test(three_hosts_vote_and_never_two_for_long),
                cmocka_unit_test(a_learner_that_ends_an_even_number_is_awaited_with_haste),
                cmocka_unit_test(a_third_that_is_away_is_waited_for),
                cmocka_unit_test(five_hosts_in_three_domains_have_five),
                cmocka_unit_test(voters_are_spread_over_domains),
                cmocka_unit_test(a_better_spread_is_taken_when_it_comes),
                cmocka_unit_test(a_lost_voter_is_replaced_after_a_while),
                cmocka_unit_test(without_a_spare_a_lost_voter_stays),
                cmocka_unit_test(without_a_majority_nothing_is_done),
                cmocka_unit_test(five_voters_outlive_a_fault_domain),
                cmocka_unit_test(two_of_three_are_lost_one_after_the_other),
                cmocka_unit_test(a_host_that_leaves_is_replaced_first),
                cmocka_unit_test(a_drained_host_votes_until_another_can),
                cmocka_unit_test(the_only_voter_hands_over_when_it_is_drained),
                cmocka_unit_test(a_cluster_shrinks),
                cmocka_unit_test(a_dead_host_that_was_removed_goes),
                cmocka_unit_test(a_member_of_nobody_is_taken_out),
                cmocka_unit_test(a_learner_that_died_makes_room),
                cmocka_unit_test(every_fault_of_one_host_leaves_a_majority),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
