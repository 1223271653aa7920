/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/peers.h"

#include "tests/unit/hostd/cluster-world.h"

typedef struct Answer {
        bool there;
        int error;
        unsigned status;
        char body[64];
} Answer;

static void on_answer(void *userdata, const HttpResult *result)
{
        Answer *answer = userdata;

        *answer = (Answer) {true, result->error, result->status, ""};
        snprintf(answer->body, sizeof(answer->body), "%s", result->body ?: "");
}

static void on_hello(void *userdata, HttpsRequest *request)
{
        https_answer_text(request, 200, "hello %s", request->peer ?: "nobody");
}

static Answer ask(ClusterWorld *world, Peers *peers, const char *path)
{
        Answer answer = {};

        assert_int_equal(peers_post(peers, &world->address, path, "x", 1, on_answer, &answer, NULL),
                         0);
        RUN_UNTIL(world->event, answer.there);
        return answer;
}

static void add_hello(ClusterWorld *world)
{
        assert_int_equal(peers_route(world->peers, &(HttpsRoute) {.method = "POST",
                                                                  .path = "/1/hello",
                                                                  .needs_peer = true,
                                                                  .body_max = 10,
                                                                  .handler = on_hello}),
                         0);
}

static void a_host_of_the_cluster_is_known_by_its_name(void **state)
{
        ClusterWorld *world = *state;
        Answer answer;

        add_hello(world);
        answer = ask(world, world->peers, "/1/hello");
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "hello h1");
}

/* Somebody with a certificate of the cluster's CA that is no host of it. */
static void a_host_that_was_removed_is_nobody(void **state)
{
        ClusterWorld *world = *state;
        _cleanup_free_ char *request = NULL, *certificate = NULL, *dir = NULL;
        const Record *cluster = store_named(world->store, RECORD_CLUSTER, "");
        IssueRequest issue = {.host = "h9", .now_us = clock_realtime_us(), .lifetime_s = 3600};
        Identity stranger;
        IssuedRecord issued;
        Peers *peers;
        Record host;

        add_hello(world);
        dir = str_printf("%s/h9", world->dir);
        assert_int_equal(mkdir(dir, 0700), 0);
        assert_int_equal(identity_load(&stranger, dir), IDENTITY_NONE);
        assert_int_equal(identity_request(&stranger, &request), 0);
        issue.request = request;
        assert_int_equal(issue_certificate(&cluster->cluster, &issue, &certificate, &issued), 0);
        assert_int_equal(identity_accept(&stranger, cluster->cluster.ca, certificate), 0);
        assert_int_equal(peers_new(world->event, &stranger, world->store, &peers), 0);
        assert_int_equal(ask(world, peers, "/1/hello").status, 403);

        record_init(&host, RECORD_HOST);
        strcpy(host.host.name, "h9");
        cluster_world_write(world, &host);
        assert_int_equal(ask(world, peers, "/1/hello").status, 200);
        peers_free(peers);
        identity_deinit(&stranger);
}

static void nobody_without_an_address_is_served(void **state)
{
        ClusterWorld *world = *state;
        IpAddress none = {};
        Peers *peers;

        assert_int_equal(peers_new(world->event, &world->identity, world->store, &peers), 0);
        assert_int_equal(peers_serve(peers, &none), 0);
        assert_int_equal(
                peers_route(peers,
                            &(HttpsRoute) {.method = "GET", .path = "/x", .handler = on_hello}),
                0);
        peers_reload(peers);
        assert_int_equal(peers_leader_address(peers).family, 0);
        peers_free(peers);
}

static void urls_are_of_the_address(void **state)
{
        _cleanup_free_ char *four = NULL, *six = NULL;
        IpAddress address;

        ip_parse("192.0.2.1", &address);
        four = peers_url(&address, "/1/x");
        assert_string_equal(four, "https://192.0.2.1:7400/1/x");
        ip_parse("2001:db8::1", &address);
        six = peers_url(&address, "/1/x");
        assert_string_equal(six, "https://[2001:db8::1]:7400/1/x");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(a_host_of_the_cluster_is_known_by_its_name),
                CLUSTER_TEST(a_host_that_was_removed_is_nobody),
                CLUSTER_TEST(nobody_without_an_address_is_served),
                cmocka_unit_test(urls_are_of_the_address),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
