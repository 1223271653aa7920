/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How client and server get on is in join-server.c; here: what a client makes of others. */

#include "hostd/join-client.h"

#include "hostd/join-server.h"
#include "tests/unit/hostd/cluster-world.h"

typedef struct Guest {
        unsigned n_results;
        JoinOutcome outcome;
} Guest;

static const char *answer_body;
static unsigned answer_status;

static void on_result(void *userdata, const JoinResult *result)
{
        Guest *guest = userdata;

        guest->n_results++;
        guest->outcome = result->outcome;
}

static void on_join(void *userdata, HttpsRequest *request)
{
        https_answer_text(request, answer_status, "%s", answer_body);
}

static void what_is_no_answer_is_not_taken(void **state)
{
        static const struct {
                unsigned status;
                const char *body;
                JoinOutcome outcome;
        } answers[] = {
                {200, "", JOIN_REFUSED},
                {200, "[]", JOIN_REFUSED},
                {200,
                 "{\"ca\":\"x\",\"certificate\":\"y\",\"revoked\":\"z\",\"members\":[\"https://"
                 "a\"]}",
                 JOIN_REFUSED},
                {200, "{\"members\":[\"http://a\"]}", JOIN_REFUSED},
                {403, "no\n", JOIN_REFUSED},
                {409, "no\n", JOIN_REFUSED},
                {429, "slowly\n", JOIN_LATER},
                {503, "later\n", JOIN_BUSY},
        };
        ClusterWorld *world = *state;
        char host[] = "h2", domain[] = "fd2";
        Config config = {.host = host, .fault_domain = domain};
        _cleanup_free_ char *dir = str_printf("%s/h2", world->dir);
        Identity identity;
        TokenRecord record;
        PkiFacts facts;
        Token token;

        assert_int_equal(mkdir(dir, 0700), 0);
        assert_int_equal(identity_load(&identity, dir), IDENTITY_NONE);
        assert_int_equal(pki_examine(world->identity.ca, &facts), 0);
        token_make(&world->address, facts.fingerprint, clock_realtime_us(), 60, &token, &record);
        assert_int_equal(peers_route(world->peers, &(HttpsRoute) {.method = "POST",
                                                                  .path = JOIN_PATH,
                                                                  .body_max = JOIN_BODY_MAX,
                                                                  .handler = on_join}),
                         0);
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                JoinClient *client;
                Guest guest = {};

                answer_status = answers[i].status;
                answer_body = answers[i].body;
                assert_int_equal(join_client_new(world->event, &identity, &config, &token,
                                                 on_result, &guest, &client),
                                 0);
                RUN_UNTIL(world->event, guest.n_results == 1);
                assert_int_equal(guest.outcome, answers[i].outcome);
                if (i + 1 == ARRAY_SIZE(answers)) /* it asks again by itself */
                        RUN_UNTIL(world->event, guest.n_results == 2);
                join_client_free(client);
        }
        identity_deinit(&identity);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(what_is_no_answer_is_not_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
