/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/membership.h"

#include "tests/unit/hostd/membership-world.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(a_host_that_was_told_nothing_founds_a_cluster),
                CLUSTER_TEST(an_etcd_of_others_is_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
