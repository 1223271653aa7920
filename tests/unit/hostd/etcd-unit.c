/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/etcd-unit.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

static char dir[32];

static int set_up(void **state)
{
        strcpy(dir, "/tmp/troupe-unit-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        _cleanup_free_ char *command = str_printf("rm -rf %s", dir);

        return system(command);
}

static void what_is_saved_is_loaded(void **state)
{
        Identity identity = {.ca_path = strdup("/p/ca.crt"),
                             .certificate_path = strdup("/p/host.crt"),
                             .key_path = strdup("/p/host.key"),
                             .crl_path = strdup("/p/revoked.crl")};
        EtcdUnit unit = {
                .data = "0123", .members = strdup("h1=https://192.0.2.1:2380"), .joins = true};
        _cleanup_free_ char *path = str_printf("%s/etcd.env", dir), *text = NULL;
        IpAddress address;
        EtcdUnit again;

        ip_parse("192.0.2.1", &address);
        assert_int_equal(etcd_unit_load(dir, &again), ETCD_UNIT_NONE);
        assert_int_equal(etcd_unit_save(dir, &unit, &identity, &address), ETCD_UNIT_CHANGED);
        assert_int_equal(etcd_unit_save(dir, &unit, &identity, &address), 0);
        assert_int_equal(etcd_unit_load(dir, &again), 0);
        assert_string_equal(again.data, "0123");
        assert_string_equal(again.members, unit.members);
        assert_true(again.joins);
        assert_int_equal(file_read(AT_FDCWD, path, 65536, &text, NULL), 0);
        assert_non_null(strstr(text, "\nETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379,"
                                     "https://192.0.2.1:2379\n"));
        assert_non_null(strstr(text, "\nETCD_CLIENT_CERT_AUTH=true\n"));
        assert_non_null(strstr(text, "\nETCD_PEER_CLIENT_CERT_AUTH=true\n"));
        assert_non_null(strstr(text, "\nETCD_CLIENT_CRL_FILE=/p/revoked.crl\n"));
        assert_non_null(strstr(text, "\nETCD_PEER_CRL_FILE=/p/revoked.crl\n"));
        assert_non_null(strstr(text, "\nETCD_PEER_TRUSTED_CA_FILE=/p/ca.crt\n"));
        assert_false(again.alone);
        unit.alone = true;
        assert_int_equal(etcd_unit_save(dir, &unit, &identity, &address), ETCD_UNIT_CHANGED);
        etcd_unit_deinit(&again);
        assert_int_equal(etcd_unit_load(dir, &again), 0);
        assert_true(again.alone);
        assert_int_equal(etcd_unit_remove(dir), 0);
        assert_int_equal(etcd_unit_remove(dir), 0);
        assert_int_equal(etcd_unit_load(dir, &unit), ETCD_UNIT_NONE);
        etcd_unit_deinit(&again);
        etcd_unit_deinit(&unit);
        identity_deinit(&identity);
}

static void urls_are_of_the_address(void **state)
{
        IpAddress address = {};
        EtcdUrl url;

        assert_string_equal(etcd_unit_peer_url(&address, url), "https://127.0.0.1:2380");
        ip_parse("2001:db8::1", &address);
        assert_string_equal(etcd_unit_peer_url(&address, url), "https://[2001:db8::1]:2380");
        assert_string_equal(etcd_unit_client_url(&address, url), "https://[2001:db8::1]:2379");
}

static void a_broken_file_is_none(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/etcd.env", dir);
        EtcdUnit unit;

        assert_int_equal(file_write_atomic(AT_FDCWD, path, "TROUPE_ETCD_DATA=../x\n", 22, 0644), 0);
        assert_int_equal(etcd_unit_load(dir, &unit), ETCD_UNIT_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_saved_is_loaded, set_up, tear_down),
                cmocka_unit_test(urls_are_of_the_address),
                cmocka_unit_test_setup_teardown(a_broken_file_is_none, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
