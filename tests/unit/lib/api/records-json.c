/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/records-json.h"

#include <stdio.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define P      RECORD_PREFIX

/* A value of each type with every field set; what is written back must be the same text. */
static const struct {
        const char *key, *json;
} full[] = {
        {P "cluster",
         "{\"id\":\"0123\",\"ca\":\"-----BEGIN\\n\",\"ca_key\":\"-----K\",\"created_us\":1,\"vip_"
         "pools\":[{\"first\":"
         "\"198.18.0.10\",\"last\":\"198.18.0.20\"},{\"first\":\"2001:db8::1\",\"last\":"
         "\"2001:db8::9\"}],\"overlay\":\"10.64.0.0/10\",\"deployment_prefix\":24,\"vni_first\":"
         "4096,\"vcpu_percent\":0,\"lease_ms\":5000,\"leader_delay_ms\":1,\"agent_silence_ms\":2,"
         "\"boot_ms\":3,\"role_ms\":4,\"stable_ms\":5,\"brake_window_ms\":6,\"brake_percent\":7,"
         "\"braked\":true,\"drain_ms\":8,\"stop_ms\":9,\"operation_ms\":10,\"keep_ended_ms\":11}"},
        {P "hosts/h1",
         "{\"fault_domain\":\"rack1\",\"vcpus\":8,\"memory_bytes\":34359738368,\"disk_bytes\":1,"
         "\"address\":\"192.0.2.1\",\"uplink\":\"198.18.0.1\",\"accelerator\":\"tcg\",\"cordoned\":"
         "true,\"draining\":true,\"written_off\":true,\"joined_us\":1790000000000000,"
         "\"update\":{\"operation\":\"op1\",\"begun\":true,\"cordoned\":true,\"draining\":true,"
         "\"boot\":\"abc\",\"version\":\"1.0\",\"url\":\"http://x/\"}}"},
        {P "alive/h1",
         "{\"boot_id\":\"abc\",\"epoch\":18446744073709551615,\"version\":\"1.0\",\"update\":{"
         "\"operation\":\"op1\",\"current\":true,\"healthy\":true,\"problem\":\"p\"}}"},
        {P "services/guestbook",
         "{\"production\":{\"deployment\":\"d1\",\"vip\":\"198.18.0.10\",\"owner\":\"h1\"},"
         "\"staging\":{\"vip\":\"198.18.0.11\"},\"created_us\":7}"},
        {P "deployments/d1",
         "{\"service\":\"guestbook\",\"label\":\"a \\\"label\\\"\",\"package\":\"" DIGEST
         "\",\"definition\":\"<a/>\",\"configuration\":\"<b/>\",\"configuration_generation\":2,"
         "\"os_family\":\"debian-13\",\"os_version\":\"*\",\"os_current\":\"1\",\"os_next\":\"2\","
         "\"os_failed\":\"3\",\"os_walks\":4,\"roles\":[{"
         "\"name\":\"web\",\"kind\":"
         "\"web\",\"size\":\"Small\",\"count\":2,\"surge\":1,\"vcpus\":1,\"memory_bytes\":5,\"disk_"
         "bytes\":6,"
         "\"storage_bytes\":7,\"upgrade_domains\":5,\"last_incarnation\":6}],\"endpoints\":[{"
         "\"name\":\"http\",\"role\":"
         "\"web\",\"kind\":\"input\",\"protocol\":\"http\",\"port\":80,\"port_last\":80}],\"vni\":"
         "4096,\"network\":\"10.64.0.0/24\",\"ready\":true,\"deleting\":true,\"created_us\":3}"},
        {P "instances/d1/web/0",
         "{\"incarnation\":3,\"host\":\"h1\",\"fault_domain\":\"r\",\"upgrade_domain\":1,"
         "\"package\":\"" DIGEST
         "\",\"os_family\":\"debian-13\",\"os_version\":\"1\",\"address\":\"10.64.0.4\",\"vcpus\":1"
         ",\"memory_bytes\":2,\"disk_bytes\":3,\"storage_bytes\":4,\"power\":\"stopping\","
         "\"wanted\""
         ":{\"reset\":1,\"reboot\":2,\"reimage\":3,\"rebuild\":4},\"rung\":\"reimage\",\"heals\":2,"
         "\"placed_us\":9}"},
        {P "observed/h1/d1/web/0",
         "{\"incarnation\":3,\"status\":\"CyclingRole\",\"since_us\":4,\"detail\":\"exit 1\","
         "\"in_rotation\":true,\"done\":{\"reset\":1,\"reboot\":2,\"reimage\":3,\"rebuild\":4},"
         "\"configuration_generation\":2,\"role_starts\":3,\"last_exit\":\"exited, status 1\"}"},
        {P "operations/op1",
         "{\"kind\":\"reboot\",\"state\":\"failed\",\"service\":\"guestbook\",\"deployment\":"
         "\"d1\","
         "\"slot\":\"staging\",\"instance\":\"d1/web_IN_0\",\"wanted\":2,\"host\":\"h1\",\"roles\":"
         "[{\"name\":\"web\",\"from\":1,\"to\":2}],\"done\":1,\"total\":2,\"message\":\"m\","
         "\"error\":\"NoRoom\",\"started_us\":1,\"ended_us\":2}"},
        {P "packages/" DIGEST,
         "{\"name\":\"GuestBook\",\"size_bytes\":5,\"added_us\":6,\"holders\":[\"h1\",\"h2\"]}"},
        {P "os/debian-13/1",
         "{\"digest\":\"" DIGEST "\",\"files\":[{\"name\":\"vmlinuz\",\"digest\":\"" DIGEST
         "\",\"size_bytes\":3}],\"disabled\":true,\"imported\":true,\"added_us\":4,\"holders\":["
         "\"h1\"]}"},
        {P "certificates/" DIGEST,
         "{\"sha1\":\"0123456789abcdef0123456789abcdef01234567\",\"subject\":\"CN = x\","
         "\"expires_us\":5,\"added_us\":6,\"chain\":\"-----BEGIN CERT\\n\",\"key\":\"-----BEGIN "
         "KEY\\n\"}"},
        {P "members",
         "{\"members\":[{\"id\":18446744073709551615,\"host\":\"h1\",\"address\":\"192.0.2.1\","
         "\"learner\":true}]}"},
        {P "tokens/0123456789abcdef",
         "{\"hash\":\"" DIGEST "\",\"created_us\":1,\"expires_us\":2}"},
        {P "issued/0123456789abcdef0123456789abcdef",
         "{\"host\":\"h1\",\"issued_us\":1,\"expires_us\":2,\"revoked\":true}"},
};

static void every_field_survives(void **state)
{
        assert_int_equal(ARRAY_SIZE(full), RECORD_TYPES);
        for (size_t i = 0; i < ARRAY_SIZE(full); i++) {
                _cleanup_free_ char *json = NULL, *error = NULL;
                Record record, copy;
                char text[RECORD_KEY_MAX + 1];
                RecordKey key;

                assert_int_equal(record_decode(full[i].key, full[i].json, strlen(full[i].json),
                                               &record, &error),
                                 0);
                assert_int_equal(record.type, i);
                key = record_key_of(&record);
                assert_string_equal(record_key_format(&key, text), full[i].key);
                assert_int_equal(record_copy(&record, &copy), 0);
                record_deinit(&record);
                assert_int_equal(record_encode(&copy, &json), 0);
                assert_string_equal(json, full[i].json);
                record_deinit(&copy);
        }
}

static void empty_values_are_defaults(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(full); i++) {
                _cleanup_free_ char *json = NULL, *error = NULL;
                Record record;

                assert_int_equal(record_decode(full[i].key, "{}", 2, &record, &error), 0);
                assert_int_equal(record_encode(&record, &json), 0);
                if (i == RECORD_CLUSTER)
                        assert_non_null(strstr(json, "\"lease_ms\":10000"));
                else if (i == RECORD_HOST)
                        assert_string_equal(json, "{}");
                record_deinit(&record);
        }
}

static void unknown_fields_are_passed_over(void **state)
{
        static const char json[] = "{\"vcpus\":2,\"gpu\":{\"a\":[1,2,null]},\"x\":1.5}";
        Record record;

        assert_int_equal(record_decode(P "hosts/h1", json, strlen(json), &record, NULL), 0);
        assert_int_equal(record.host.vcpus, 2);
        record_deinit(&record);
}

static void errors_name_key_and_field(void **state)
{
        static const struct {
                const char *key, *json, *error;
        } wrong[] = {
                {"hosts/h1", "", "value is not JSON"},
                {"hosts/h1", "{\"vcpus\":2", "value is not JSON"},
                {"hosts/h1", "[]", "value is not an object"},
                {"hosts/h1", "null", "value is not an object"},
                {"hosts/h1", "{\"vcpus\":\"2\"}", "vcpus is not a whole number"},
                {"hosts/h1", "{\"vcpus\":-2}", "vcpus is not a whole number"},
                {"hosts/h1", "{\"vcpus\":2.5}", "vcpus is not a whole number"},
                {"hosts/h1", "{\"vcpus\":4294967296}", "vcpus is too large"},
                {"hosts/h1", "{\"vcpus\":null}", "vcpus is not a whole number"},
                {"hosts/h1", "{\"cordoned\":1}", "cordoned is not true or false"},
                {"hosts/h1", "{\"fault_domain\":\"a b\"}", "fault_domain is not a name"},
                {"hosts/h1", "{\"address\":\"1.2.3\"}", "address is not an address"},
                {"hosts/h1", "{\"address\":5}", "address is not a string"},
                {"cluster", "{\"overlay\":\"10.0.0.0/33\"}", "overlay is not an address"},
                {"cluster", "{\"vip_pools\":{}}", "vip_pools is not a list"},
                {"cluster", "{\"vip_pools\":[{},{\"last\":1}]}",
                 "vip_pools[1].last is not a string"},
                {"services/s", "{\"production\":{\"vip\":\"x\"}}",
                 "production.vip is not an address"},
                {"deployments/d1", "{\"package\":\"abc\"}",
                 "package is not a SHA-256 in hexadecimal"},
                {"deployments/d1", "{\"roles\":[{\"kind\":\"vm\"}]}",
                 "roles[0].kind is not one of the values it may have"},
                {"deployments/d1", "{\"roles\":[{\"count\":1001}]}", "roles[0].count is too large"},
                {"instances/d1/web/0", "{\"wanted\":{\"reset\":-1}}",
                 "wanted.reset is not a whole number"},
                {"operations/o", "{\"instance\":\"d1\"}", "instance is not an instance's id"},
                {"packages/" DIGEST, "{\"holders\":[\"h1\",2]}", "holders[1] is not a string"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                _cleanup_free_ char *error = NULL, *key = str_printf(P "%s", wrong[i].key);
                _cleanup_free_ char *expected = str_printf("%s: %s", key, wrong[i].error);
                Record record;

                assert_int_equal(
                        record_decode(key, wrong[i].json, strlen(wrong[i].json), &record, &error),
                        -EBADMSG);
                assert_string_equal(error, expected);
        }
}

static void bounds_hold(void **state)
{
        _cleanup_free_ char *big = malloc(RECORD_VALUE_MAX + 2), *error = NULL;
        char name[RECORD_NAME_MAX + 2], json[256];
        Record record;

        memset(big, ' ', RECORD_VALUE_MAX + 1);
        assert_int_equal(record_decode(P "hosts/h1", big, RECORD_VALUE_MAX + 1, &record, &error),
                         -EBADMSG);
        assert_string_equal(error, P "hosts/h1: value is too long");
        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        snprintf(json, sizeof(json), "{\"fault_domain\":\"%s\"}", name);
        assert_int_equal(record_decode(P "hosts/h1", json, strlen(json), &record, NULL), -EBADMSG);
        assert_int_equal(record_decode(P "hosts/h1", "{\0}", 3, &record, NULL), -EBADMSG);
        assert_int_equal(record_decode(P "leader/123", "{}", 2, &record, NULL), -ENOENT);
        assert_int_equal(record_decode(P "hosts/../x", "{}", 2, &record, NULL), -EBADMSG);

        record_init(&record, RECORD_DEPLOYMENT);
        memset(big, 'x', RECORD_VALUE_MAX + 1);
        big[RECORD_VALUE_MAX + 1] = '\0';
        record.deployment.definition = TAKE_PTR(big);
        assert_int_equal(record_encode(&record, &big), -E2BIG);
        record_deinit(&record);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_field_survives),
                cmocka_unit_test(empty_values_are_defaults),
                cmocka_unit_test(unknown_fields_are_passed_over),
                cmocka_unit_test(errors_name_key_and_field),
                cmocka_unit_test(bounds_hold),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
