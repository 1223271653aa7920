/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/membership.h"

#include "hostd/etcd-unit.h"
#include "hostd/join-server.h"
#include "hostd/token.h"
#include "tests/unit/hostd/cluster-world.h"

typedef struct Host {
        char *dir;
        Config config;
        Membership *membership;
        bool restarted, answered, joined;
        char why[300];
} Host;

static void on_restart(void *userdata)
{
        ((Host *) userdata)->restarted = true;
}

static void on_joined(void *userdata, bool joined, const char *why)
{
        Host *host = userdata;

        host->answered = true;
        host->joined = joined;
        snprintf(host->why, sizeof(host->why), "%s", why);
}

static void host_start(Host *host, ClusterWorld *world)
{
        host->restarted = false;
        host->membership = membership_free(host->membership);
        assert_int_equal(membership_new(&(MembershipConfig) {.event = world->event,
                                                             .config = &host->config,
                                                             .state_dir = host->dir,
                                                             .restart = on_restart,
                                                             .userdata = host},
                                        &host->membership),
                         0);
}

static void host_init(Host *host, ClusterWorld *world, const char *name, const char *address)
{
        *host = (Host) {.dir = str_printf("%s/%s", world->dir, name)};
        mkdir(host->dir, 0700);
        host->config.host = strdup(name);
        host->config.fault_domain = strdup(name);
        host->config.certificate_s = 3600;
        assert_int_equal(ip_parse(address, &host->config.address), 0);
}

static void host_deinit(Host *host)
{
        membership_free(host->membership);
        config_deinit(&host->config);
        free(host->dir);
}

static void make_token(ClusterWorld *world, char text[static TOKEN_TEXT_MAX])
{
        Record record;
        PkiFacts facts;
        Token token;

        record_init(&record, RECORD_TOKEN);
        assert_int_equal(pki_examine(world->identity.ca, &facts), 0);
        token_make(&world->address, facts.fingerprint, clock_realtime_us(), 60, &token,
                   &record.token);
        cluster_world_write(world, &record);
        token_format(&token, text);
}

static size_t members(const ClusterWorld *world)
{
        return store_named(world->store, RECORD_MEMBERS, "")->members.n_members;
}

static void a_host_that_was_told_nothing_founds_a_cluster(void **state)
{
        ClusterWorld *world = *state;
        RecordDigest fingerprint;
        EtcdConfig etcd;
        EtcdUnit unit;
        Host host;

        host_init(&host, world, "h7", "192.0.2.7");
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        membership_etcd_config(host.membership, &etcd);
        assert_int_equal(etcd.n_endpoints, 1);
        assert_string_equal(etcd.endpoints[0], "https://127.0.0.1:2379");
        assert_non_null(etcd.certificate_path);
        assert_int_equal(etcd_unit_load(host.dir, &unit), 0);
        assert_string_equal(unit.members, "h7=https://192.0.2.7:2380");
        assert_false(unit.joins);
        etcd_unit_deinit(&unit);
        strcpy(fingerprint, membership_identity(host.membership)->facts.fingerprint);

        host_start(&host, world); /* and is the same one after it was switched off */
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        assert_string_equal(fingerprint, membership_identity(host.membership)->facts.fingerprint);
        host_deinit(&host);
}

static void an_etcd_of_others_is_left_alone(void **state)
{
        ClusterWorld *world = *state;
        EtcdConfig etcd;
        Host host;

        host_init(&host, world, "h7", "192.0.2.7");
        host.config.etcd[0] = strdup("http://127.0.0.1:1");
        host.config.n_etcd = 1;
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_EXTERNAL);
        membership_etcd_config(host.membership, &etcd);
        assert_string_equal(etcd.endpoints[0], "http://127.0.0.1:1");
        assert_null(etcd.certificate_path);
        membership_synced(host.membership, world->store);
        host_deinit(&host);
}

static void a_token_at_the_first_start_joins(void **state)
{
        static const Config config = {.certificate_s = 3600};
        ClusterWorld *world = *state;
        char text[TOKEN_TEXT_MAX];
        JoinServer *server;
        EtcdConfig etcd;
        EtcdUnit unit;
        Record record;
        Host host;

        assert_int_equal(join_server_new(world->peers, world->etcd, world->store, &config, &server),
                         0);
        host_init(&host, world, "h2", "192.0.2.2");
        make_token(world, text);
        host.config.join_token = strdup(text);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_JOINING);
        RUN_UNTIL(world->event, host.restarted);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        assert_string_equal(membership_identity(host.membership)->facts.name, "h2");
        assert_string_equal(membership_identity(host.membership)->ca, world->identity.ca);
        membership_etcd_config(host.membership, &etcd);
        assert_null(strstr(etcd.endpoints[0], "127.0.0.1:"));
        assert_int_equal(etcd_unit_load(host.dir, &unit), ETCD_UNIT_NONE);

        /* the leader wants it to carry a member, and then not any more */
        record = *store_named(world->store, RECORD_MEMBERS, "");
        record.members.members[1] =
                (ClusterMember) {.id = 0x1234, .host = "h2", .address = host.config.address};
        record.members.n_members = 2;
        cluster_world_write(world, &record);
        RUN_UNTIL(world->event, members(world) == 2);
        membership_synced(host.membership, world->store);
        assert_int_equal(etcd_unit_load(host.dir, &unit), 0);
        assert_true(unit.joins);
        assert_string_equal(unit.data, "0000000000001234");
        etcd_unit_deinit(&unit);
        membership_etcd_config(host.membership, &etcd);
        assert_int_equal(etcd.n_endpoints, 2);
        assert_string_equal(etcd.endpoints[0], "https://127.0.0.1:2379"); /* its own comes first */
        record.members.n_members = 1;
        cluster_world_write(world, &record);
        RUN_UNTIL(world->event, members(world) == 1);
        membership_synced(host.membership, world->store);
        assert_int_equal(etcd_unit_load(host.dir, &unit), ETCD_UNIT_NONE);
        host_deinit(&host);
        join_server_free(server);
}

static void who_is_refused_stays_what_it_was(void **state)
{
        static const Config config = {.certificate_s = 3600};
        ClusterWorld *world = *state;
        char text[TOKEN_TEXT_MAX];
        JoinServer *server;
        Host host;

        assert_int_equal(join_server_new(world->peers, world->etcd, world->store, &config, &server),
                         0);
        host_init(&host, world, "h1", "192.0.2.2"); /* a name that is taken */
        host_start(&host, world);
        make_token(world, text);
        assert_int_equal(membership_join(host.membership, "no token", on_joined, &host), TOKEN_BAD);
        assert_int_equal(membership_join(host.membership, text, on_joined, &host), 0);
        RUN_UNTIL(world->event, host.answered);
        assert_false(host.joined);
        assert_non_null(strstr(host.why, "name"));
        assert_false(host.restarted);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        assert_string_not_equal(membership_identity(host.membership)->ca, world->identity.ca);
        host_deinit(&host);
        join_server_free(server);
}

static bool opens_at_the_second_call(void *userdata)
{
        unsigned *calls = userdata;

        return ++*calls > 1;
}

/* It says that it cannot yet: the same token lets the host in a moment later. */
static void who_waits_for_an_answer_waits_for_a_busy_cluster(void **state)
{
        static const Config config = {.certificate_s = 3600};
        ClusterWorld *world = *state;
        char text[TOKEN_TEXT_MAX];
        JoinServer *server;
        unsigned calls = 0;
        Host host;

        assert_int_equal(join_server_new(world->peers, world->etcd, world->store, &config, &server),
                         0);
        join_server_set_gate(server, opens_at_the_second_call, &calls);
        host_init(&host, world, "h2", "192.0.2.2");
        host_start(&host, world);
        make_token(world, text);
        assert_int_equal(membership_join(host.membership, text, on_joined, &host), 0);
        RUN_UNTIL(world->event, host.answered);
        assert_true(host.joined);
        assert_int_equal(calls, 2);
        host_deinit(&host);
        join_server_free(server);
}

static void who_left_is_out_until_told_otherwise(void **state)
{
        ClusterWorld *world = *state;
        EtcdUnit unit;
        Host host;

        host_init(&host, world, "h7", "192.0.2.7");
        host_start(&host, world);
        assert_int_equal(membership_found(host.membership), -EBUSY);
        assert_int_equal(membership_leave(host.membership, "left"), 0);
        assert_true(host.restarted);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_OUT);
        assert_string_equal(membership_detail(host.membership), "left");
        assert_int_equal(etcd_unit_load(host.dir, &unit), ETCD_UNIT_NONE);
        assert_int_equal(membership_leave(host.membership, "left"), -EBUSY);
        assert_int_equal(membership_found(host.membership), 0);
        host_start(&host, world);
        assert_int_equal(membership_state(host.membership), MEMBERSHIP_IN);
        host_deinit(&host);
}

/* systemd at the other end of a connection of its own: refuses once, then does as it is told. */
typedef struct Systemd {
        sd_bus *bus, *client;
        unsigned asked, started;
} Systemd;

static int on_start_unit(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Systemd *systemd = userdata;

        if (systemd->asked++ == 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_TIMEOUT, "polkit is being started");
        systemd->started++;
        return sd_bus_reply_method_return(message, "o", "/job/1");
}

static void systemd_init(Systemd *systemd, sd_event *event)
{
        static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("StartUnit", "ss", "o", on_start_unit, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("RestartUnit", "ss", "o", on_start_unit, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
        };
        sd_id128_t id =
                SD_ID128_MAKE(00, 11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff);
        int ends[2];

        *systemd = (Systemd) {};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        assert_true(sd_bus_new(&systemd->bus) >= 0 && sd_bus_new(&systemd->client) >= 0);
        assert_true(sd_bus_set_fd(systemd->bus, ends[0], ends[0]) >= 0);
        assert_true(sd_bus_set_server(systemd->bus, 1, id) >= 0);
        assert_true(sd_bus_set_fd(systemd->client, ends[1], ends[1]) >= 0);
        assert_true(sd_bus_start(systemd->bus) >= 0 && sd_bus_start(systemd->client) >= 0);
        assert_true(sd_bus_attach_event(systemd->bus, event, 0) >= 0);
        assert_true(sd_bus_attach_event(systemd->client, event, 0) >= 0);
        assert_true(sd_bus_add_object_vtable(systemd->bus, NULL, "/org/freedesktop/systemd1",
                                             "org.freedesktop.systemd1.Manager", vtable,
                                             systemd) >= 0);
}

static void systemd_that_does_not_start_etcd_is_asked_again(void **state)
{
        ClusterWorld *world = *state;
        Systemd systemd;
        Host host;

        systemd_init(&systemd, world->event);
        host_init(&host, world, "h7", "192.0.2.7");
        host_start(&host, world);
        membership_set_bus(host.membership, systemd.client);
        RUN_UNTIL(world->event, systemd.asked == 1);
        assert_int_equal(systemd.started, 0);
        RUN_UNTIL(world->event, systemd.started == 1);
        assert_int_equal(systemd.asked, 2);
        host_deinit(&host);
        sd_bus_flush_close_unref(systemd.client);
        sd_bus_flush_close_unref(systemd.bus);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(a_host_that_was_told_nothing_founds_a_cluster),
                CLUSTER_TEST(an_etcd_of_others_is_left_alone),
                CLUSTER_TEST(a_token_at_the_first_start_joins),
                CLUSTER_TEST(who_is_refused_stays_what_it_was),
                CLUSTER_TEST(who_waits_for_an_answer_waits_for_a_busy_cluster),
                CLUSTER_TEST(who_left_is_out_until_told_otherwise),
                CLUSTER_TEST(systemd_that_does_not_start_etcd_is_asked_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
