/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/config.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

static char dir[64];

static void write_file(const char *name, const char *text)
{
        _cleanup_free_ char *path = str_printf("%s/%s", dir, name);

        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

static int load(Config *config, const char *text, char **ret_wrong)
{
        _cleanup_free_ char *path = str_printf("%s/conf", dir);

        write_file("conf", text);
        return config_load(config, path, dir, ret_wrong);
}

static void test_layers(void **state)
{
        char *wrong;
        Config config;

        write_file("troupe.fault-domain", "rack7\n");
        assert_int_equal(load(&config,
                              "# what this host is\nhost = h3\nfault-domain=x\n"
                              "etcd=http://a:1 http://b:2\nmemory=1024\n",
                              &wrong),
                         0);
        assert_string_equal(config.host, "h3");
        assert_string_equal(config.fault_domain, "rack7"); /* the credential wins */
        assert_int_equal(config.n_etcd, 2);
        assert_string_equal(config.etcd[1], "http://b:2");
        assert_true(config.memory_bytes == 1024 * MIB);
        assert_int_equal(config.lease_s, 10);
        config_deinit(&config);
        assert_int_equal(config_load(&config, "/nonexistent", NULL, &wrong), 0);
        assert_string_equal(config.fault_domain, config.host);
        config_deinit(&config);
}

static void test_mistakes(void **state)
{
        static const char *const texts[] = {
                "boot=9\n",         "boot=x\n",        "lease=1\n",   "lease=x\n",   "colour=red\n",
                "no equals sign\n", "address=1.2.3\n", "host=../x\n", "memory=-1\n", "etcd=\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                char *wrong = NULL;
                Config config;

                assert_int_equal(load(&config, texts[i], &wrong), -EINVAL);
                assert_non_null(wrong);
                free(wrong);
                config_deinit(&config);
        }
}

static void test_cluster(void **state)
{
        Config config = {.vip_pool = "198.18.100.0/24 10.0.0.5-10.0.0.9 192.0.2.1",
                         .overlay = "10.64.0.0/10",
                         .lease_s = 7,
                         .boot_s = 600};
        static const char *const bad[] = {"198.18.100.1/24", "10.0.0.9-10.0.0.5", "x",
                                          "10.0.0.0/2"};
        char text[IP_TEXT_MAX], *wrong;
        Record record;

        assert_int_equal(
                config_cluster(&config, "00112233445566778899aabbccddeeff", &record, &wrong), 0);
        assert_int_equal(record.cluster.n_vip_pools, 3);
        assert_string_equal(ip_format(&record.cluster.vip_pools[0].first, text), "198.18.100.1");
        assert_string_equal(ip_format(&record.cluster.vip_pools[0].last, text), "198.18.100.254");
        assert_string_equal(ip_format(&record.cluster.vip_pools[2].last, text), "192.0.2.1");
        assert_int_equal(record.cluster.lease_ms, 7000);
        assert_int_equal(record.cluster.boot_ms, 600000);
        assert_int_equal(record.cluster.agent_silence_ms, 100000);
        assert_int_equal(record.cluster.role_ms, 3000000);
        assert_int_equal(record.cluster.operation_ms, 6000000);
        record_deinit(&record);
        config.boot_s = 60; /* sooner healed, but not sooner taken for silent */
        assert_int_equal(config_cluster(&config, "0", &record, &wrong), 0);
        assert_int_equal(record.cluster.boot_ms, 60000);
        assert_int_equal(record.cluster.agent_silence_ms, 30000);
        record_deinit(&record);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                config.vip_pool = (char *) bad[i];
                assert_int_equal(config_cluster(&config, "0", &record, &wrong), -EINVAL);
                free(wrong);
        }
}

static int set_up(void **state)
{
        strcpy(dir, "/tmp/troupe-config-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        _cleanup_free_ char *command = str_printf("rm -rf %s", dir);

        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_layers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_mistakes, set_up, tear_down),
                cmocka_unit_test(test_cluster),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
