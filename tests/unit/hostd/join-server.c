/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/join-server.h"

#include "hostd/join-client.h"
#include "tests/unit/hostd/cluster-world.h"

/* One who joins. */
typedef struct Guest {
        ClusterWorld *world;
        char *dir;
        Identity identity;
        Config config;
        JoinClient *client;
        bool answered;
        JoinOutcome outcome;
        char message[300], member[64];
        bool accepted;
} Guest;

static void on_result(void *userdata, const JoinResult *result)
{
        Guest *guest = userdata;

        guest->answered = true;
        guest->outcome = result->outcome;
        snprintf(guest->message, sizeof(guest->message), "%s", result->message);
        if (result->outcome != JOIN_DONE)
                return;
        snprintf(guest->member, sizeof(guest->member), "%s", result->members[0]);
        guest->accepted = identity_accept(&guest->identity, result->ca, result->certificate) == 0;
}

static void guest_init(Guest *guest, ClusterWorld *world, const char *name, const char *address)
{
        *guest = (Guest) {.world = world, .dir = str_printf("%s/%s", world->dir, name)};
        mkdir(guest->dir, 0700);
        assert_true(identity_load(&guest->identity, guest->dir) >= 0);
        guest->config.host = strdup(name);
        guest->config.fault_domain = strdup("fd2");
        assert_int_equal(ip_parse(address, &guest->config.address), 0);
}

static void guest_deinit(Guest *guest)
{
        join_client_free(guest->client);
        identity_deinit(&guest->identity);
        config_deinit(&guest->config);
        free(guest->dir);
}

static JoinOutcome guest_join(Guest *guest, const Token *token)
{
        guest->answered = false;
        guest->client = join_client_free(guest->client);
        assert_int_equal(join_client_new(guest->world->event, &guest->identity, &guest->config,
                                         token, on_result, guest, &guest->client),
                         0);
        RUN_UNTIL(guest->world->event, guest->answered);
        return guest->outcome;
}

static void make_token(ClusterWorld *world, uint64_t lifetime_s, Token *token)
{
        Record record;
        PkiFacts facts;

        record_init(&record, RECORD_TOKEN);
        assert_int_equal(pki_examine(world->identity.ca, &facts), 0);
        token_make(&world->address, facts.fingerprint, clock_realtime_us(), lifetime_s, token,
                   &record.token);
        cluster_world_write(world, &record);
}

static JoinServer *serve(ClusterWorld *world)
{
        static const Config config = {.certificate_s = 3600};
        JoinServer *server;

        assert_int_equal(join_server_new(world->peers, world->etcd, world->store, &config, &server),
                         0);
        return server;
}

static void a_good_token_lets_one_host_in(void **state)
{
        ClusterWorld *world = *state;
        JoinServer *server = serve(world);
        const Record *host;
        Guest guest, second;
        Token token;

        make_token(world, 60, &token);
        guest_init(&guest, world, "h2", "192.0.2.2");
        assert_int_equal(guest_join(&guest, &token), JOIN_DONE);
        assert_true(guest.accepted);
        assert_string_equal(guest.identity.facts.name, "h2");
        assert_non_null(strstr(guest.member, ":2379"));
        RUN_UNTIL(world->event,
                  store_named(world->store, RECORD_ISSUED, guest.identity.facts.serial));
        assert_false(issue_is_revoked(world->store, guest.identity.facts.serial));
        host = store_named(world->store, RECORD_HOST, "h2");
        assert_non_null(host);
        assert_string_equal(host->host.fault_domain, "fd2");
        assert_int_equal(map_size(store_records(world->store, RECORD_TOKEN)), 0);

        guest_init(&second, world, "h3", "192.0.2.3");
        assert_int_equal(guest_join(&second, &token), JOIN_REFUSED);
        assert_null(store_named(world->store, RECORD_HOST, "h3"));
        guest_deinit(&guest);
        guest_deinit(&second);
        join_server_free(server);
}

static void wrong_used_and_expired_look_the_same(void **state)
{
        ClusterWorld *world = *state;
        JoinServer *server = serve(world);
        char said[3][300];
        Token token, wrong;
        Guest guest;

        guest_init(&guest, world, "h2", "192.0.2.2");
        make_token(world, 60, &token);
        wrong = token;
        wrong.secret[0] = wrong.secret[0] == '0' ? '1' : '0';
        assert_int_equal(guest_join(&guest, &wrong), JOIN_REFUSED);
        strcpy(said[0], guest.message);
        wrong = token;
        wrong.id[0] = wrong.id[0] == '0' ? '1' : '0'; /* as one that was used */
        assert_int_equal(guest_join(&guest, &wrong), JOIN_REFUSED);
        strcpy(said[1], guest.message);
        make_token(world, 0, &wrong);
        assert_int_equal(guest_join(&guest, &wrong), JOIN_REFUSED);
        strcpy(said[2], guest.message);
        assert_string_equal(said[0], said[1]);
        assert_string_equal(said[0], said[2]);
        assert_string_not_equal(said[0], "");
        assert_int_equal(guest_join(&guest, &token), JOIN_DONE); /* and the good one is still so */
        guest_deinit(&guest);
        join_server_free(server);
}

static void the_secret_goes_to_the_right_cluster_only(void **state)
{
        ClusterWorld *world = *state;
        JoinServer *server = serve(world);
        Token token;
        Guest guest;

        guest_init(&guest, world, "h2", "192.0.2.2");
        make_token(world, 60, &token);
        token.fingerprint[0] = token.fingerprint[0] == '0' ? '1' : '0';
        assert_int_equal(guest_join(&guest, &token), JOIN_LATER);
        assert_string_not_equal(guest.message, "");
        guest_deinit(&guest);
        join_server_free(server);
}

static void a_name_or_address_that_is_taken_is_not_given_again(void **state)
{
        ClusterWorld *world = *state;
        JoinServer *server = serve(world);
        char address[IP_TEXT_MAX];
        Token token;
        Guest guest;

        make_token(world, 60, &token);
        guest_init(&guest, world, "h1", "192.0.2.2");
        assert_int_equal(guest_join(&guest, &token), JOIN_REFUSED);
        assert_non_null(strstr(guest.message, "name"));
        guest_deinit(&guest);
        guest_init(&guest, world, "h2", ip_format(&world->address, address));
        assert_int_equal(guest_join(&guest, &token), JOIN_REFUSED);
        assert_non_null(strstr(guest.message, "address"));
        guest_deinit(&guest);
        guest_init(&guest, world, "h3", "192.0.2.3"); /* it has not been used up by that */
        assert_int_equal(guest_join(&guest, &token), JOIN_DONE);
        guest_deinit(&guest);
        join_server_free(server);
}

static bool is_open(void *userdata)
{
        const bool *open = userdata;

        return *open;
}

/* The token is good and stays so, nothing is given out meanwhile. */
static void nobody_is_let_in_while_the_gate_is_closed(void **state)
{
        ClusterWorld *world = *state;
        JoinServer *server = serve(world);
        bool open = false;
        Token token;
        Guest guest;

        join_server_set_gate(server, is_open, &open);
        make_token(world, 60, &token);
        guest_init(&guest, world, "h2", "192.0.2.2");
        assert_int_equal(guest_join(&guest, &token), JOIN_BUSY);
        assert_non_null(strstr(guest.message, "fence"));
        assert_null(store_named(world->store, RECORD_HOST, "h2"));
        open = true;
        assert_int_equal(guest_join(&guest, &token), JOIN_DONE);
        guest_deinit(&guest);
        join_server_free(server);
}

static void garbage_is_refused(void **state)
{
        ClusterWorld *world = *state;
        JoinServer *server = serve(world);
        Token token;
        Guest guest;

        make_token(world, 60, &token);
        guest_init(&guest, world, "h2", "192.0.2.2");
        free(guest.config.host);
        guest.config.host = strdup("no name/..");
        assert_int_equal(guest_join(&guest, &token), JOIN_REFUSED);
        guest_deinit(&guest);
        join_server_free(server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(a_good_token_lets_one_host_in),
                CLUSTER_TEST(wrong_used_and_expired_look_the_same),
                CLUSTER_TEST(the_secret_goes_to_the_right_cluster_only),
                CLUSTER_TEST(a_name_or_address_that_is_taken_is_not_given_again),
                CLUSTER_TEST(nobody_is_let_in_while_the_gate_is_closed),
                CLUSTER_TEST(garbage_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
