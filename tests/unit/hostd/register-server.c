/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/register-server.h"

#include "tests/unit/hostd/cluster-world.h"

static void a_host_says_what_it_is_and_the_leader_what_it_may(void **state)
{
        Record before, record;

        record_init(&before, RECORD_HOST);
        strcpy(before.host.name, "h2");
        before.host.cordoned = true;
        before.host.joined_us = 5;
        record_init(&record, RECORD_HOST);
        strcpy(record.host.name, "h2");
        record.host.vcpus = 4;
        record.host.joined_us = 9;
        assert_true(register_merge(NULL, "h2", &record));
        assert_true(register_merge(&before, "h2", &record));
        assert_int_equal(record.host.vcpus, 4);
        assert_int_equal(record.host.joined_us, 5);
        assert_true(record.host.cordoned);
        before = record;
        assert_false(register_merge(&before, "h2", &record));
}

static void holders_are_gathered(void **state)
{
        Record before, record;

        record_init(&before, RECORD_OS);
        strcpy(before.os.family, "debian-13");
        strcpy(before.os.version, "1");
        memset(before.os.digest, 'a', RECORD_DIGEST_MAX);
        strcpy(before.os.holders[0], "h1");
        before.os.n_holders = 1;
        before.os.disabled = true;
        record = before;
        record.os.disabled = false;
        strcpy(record.os.holders[0], "h2");
        assert_true(register_merge(&before, "h2", &record));
        assert_int_equal(record.os.n_holders, 2);
        assert_string_equal(record.os.holders[1], "h2");
        assert_true(record.os.disabled);
        before = record;
        assert_false(register_merge(&before, "h1", &record));

        record.os.n_holders = 1; /* other files under the same name */
        strcpy(record.os.holders[0], "h3");
        memset(record.os.digest, 'b', RECORD_DIGEST_MAX);
        assert_false(register_merge(&before, "h3", &record));
}

typedef struct Answer {
        bool there;
        unsigned status;
} Answer;

static void on_answer(void *userdata, const HttpResult *result)
{
        *(Answer *) userdata = (Answer) {true, result->status};
}

static void who_does_not_lead_registers_nobody(void **state)
{
        ClusterWorld *world = *state;
        RegisterServer *server;
        Controller *controller;
        Pulses *pulses;
        Answer answer = {};
        Record record;

        assert_int_equal(pulses_new(world->etcd, &(PulsesHandlers) {}, &pulses), 0);
        assert_int_equal(controller_new(world->etcd, world->store, pulses, "h1",
                                        &(ControllerHandlers) {}, &controller),
                         0);
        assert_int_equal(register_server_new(world->peers, world->store, controller, &server), 0);
        assert_int_equal(peers_post(world->peers, &world->address, REGISTER_PATH "hosts/h1", "{}",
                                    2, on_answer, &answer, NULL),
                         0);
        RUN_UNTIL(world->event, answer.there);
        assert_int_equal(answer.status, 503);

        record_init(&record, RECORD_HOST);
        strcpy(record.host.name, "h1");
        answer = (Answer) {};
        assert_int_equal(register_server_ask(world->peers, &world->address, &record, true,
                                             on_answer, &answer, NULL),
                         0);
        RUN_UNTIL(world->event, answer.there);
        assert_int_equal(answer.status, 503); /* whoever asks is told */
        controller_free(controller);
        pulses_free(pulses);
        register_server_free(server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_host_says_what_it_is_and_the_leader_what_it_may),
                cmocka_unit_test(holders_are_gathered),
                CLUSTER_TEST(who_does_not_lead_registers_nobody),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
