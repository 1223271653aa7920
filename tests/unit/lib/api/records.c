/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/records.h"

#include <stdio.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const keys[] = {
        RECORD_PREFIX "cluster",
        RECORD_PREFIX "hosts/h1",
        RECORD_PREFIX "alive/h1.rack-2",
        RECORD_PREFIX "services/guestbook",
        RECORD_PREFIX "deployments/d0a1b2c3d",
        RECORD_PREFIX "instances/d0a1b2c3d/web/0",
        RECORD_PREFIX "observed/h1/d0a1b2c3d/web_IN_x/999",
        RECORD_PREFIX "operations/0001",
        RECORD_PREFIX "packages/" DIGEST,
        RECORD_PREFIX "os/debian-13/20260101.1",
        RECORD_PREFIX "certificates/" DIGEST,
        RECORD_PREFIX "members",
        RECORD_PREFIX "tokens/0123456789abcdef",
        RECORD_PREFIX "issued/0123456789abcdef0123456789abcdef",
};

static void keys_go_both_ways(void **state)
{
        char text[RECORD_KEY_MAX + 1];

        assert_int_equal(ARRAY_SIZE(keys), RECORD_TYPES);
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                RecordKey key;

                assert_int_equal(record_key_parse(keys[i], &key), 0);
                assert_int_equal(key.type, i);
                assert_string_equal(record_key_format(&key, text), keys[i]);
        }
}

static void wrong_keys_are_refused(void **state)
{
        static const struct {
                const char *key;
                int result;
        } wrong[] = {
                {"", -ENOENT},
                {"/troupe/1/", -ENOENT},
                {"/troupe/2/cluster", -ENOENT},
                {RECORD_LEADER_PREFIX, -ENOENT},
                {RECORD_LEADER_PREFIX "/694d8", -ENOENT},
                {RECORD_PREFIX "clusters", -ENOENT},
                {RECORD_PREFIX "cluster/x", -EINVAL},
                {RECORD_PREFIX "cluster/", -EINVAL},
                {RECORD_PREFIX "hosts", -EINVAL},
                {RECORD_PREFIX "hosts/", -EINVAL},
                {RECORD_PREFIX "hosts/a/b", -EINVAL},
                {RECORD_PREFIX "hosts/a/", -EINVAL},
                {RECORD_PREFIX "hosts/..", -EINVAL},
                {RECORD_PREFIX "hosts/a b", -EINVAL},
                {RECORD_PREFIX "deployments/0123456789abcdef", -EINVAL},
                {RECORD_PREFIX "instances/d1/web", -EINVAL},
                {RECORD_PREFIX "instances/d1/web/", -EINVAL},
                {RECORD_PREFIX "instances/d1/web/1000", -EINVAL},
                {RECORD_PREFIX "instances/d1/web/01", -EINVAL},
                {RECORD_PREFIX "instances/d1/web/-1", -EINVAL},
                {RECORD_PREFIX "instances/d1/web/0/0", -EINVAL},
                {RECORD_PREFIX "instances//web/0", -EINVAL},
                {RECORD_PREFIX "observed/d1/web/0", -EINVAL},
                {RECORD_PREFIX "packages/abc", -EINVAL},
                {RECORD_PREFIX "packages/" DIGEST "0", -EINVAL},
                {RECORD_PREFIX "os/debian-13", -EINVAL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                RecordKey key;

                assert_int_equal(record_key_parse(wrong[i].key, &key), wrong[i].result);
        }
}

static void longest_key_fits(void **state)
{
        RecordKey key = {.type = RECORD_OBSERVED, .instance.number = RECORD_COUNT_MAX - 1};
        char text[RECORD_KEY_MAX + 1];
        RecordKey again;

        memset(key.name, 'h', RECORD_NAME_MAX);
        memset(key.instance.deployment, 'd', RECORD_ID_MAX);
        memset(key.instance.role, 'r', RECORD_NAME_MAX);
        record_key_format(&key, text);
        assert_true(strlen(text) <= RECORD_KEY_MAX);
        assert_int_equal(record_key_parse(text, &again), 0);
        assert_true(instance_id_equal(&again.instance, &key.instance));
}

static void instance_ids_go_both_ways(void **state)
{
        static const char *const good[] = {"d1/web_IN_0", "d0a1b2c3d/a_IN_1_IN_37"};
        static const char *const bad[] = {"",
                                          "d1",
                                          "d1/",
                                          "d1/web",
                                          "d1/web_IN_",
                                          "d1/web_IN_x",
                                          "d1/_IN_1",
                                          "/web_IN_1",
                                          "d1/web_IN_00",
                                          "d1/w/w_IN_0",
                                          "d1/web_IN_1000"};
        char text[RECORD_KEY_MAX + 1];
        InstanceId id;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(instance_id_parse(good[i], &id), 0);
                assert_string_equal(instance_id_format(&id, text), good[i]);
        }
        assert_string_equal(id.role, "a_IN_1");
        assert_int_equal(id.number, 37);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(instance_id_parse(bad[i], &id), -EINVAL);
}

static void names_of_values_are_distinct_and_read_back(void **state)
{
        for (unsigned i = 0; i < STATUSES; i++) {
                InstanceStatus status;

                assert_int_equal(instance_status_from_string(instance_status_to_string(i), &status),
                                 0);
                assert_int_equal(status, i);
        }
        for (unsigned i = 0; i < OPERATION_KINDS; i++) {
                OperationKind kind;

                assert_int_equal(operation_kind_from_string(operation_kind_to_string(i), &kind), 0);
                assert_int_equal(kind, i);
        }
        for (unsigned i = 0; i < HEAL_RUNGS; i++) {
                HealRung rung;

                assert_int_equal(heal_rung_from_string(heal_rung_to_string(i), &rung), 0);
                assert_int_equal(rung, i);
        }
        for (unsigned i = 0; i < ACTIONS; i++)
                assert_non_null(instance_action_to_string(i));
        assert_int_equal(slot_from_string("Production", &(Slot) {0}), -EINVAL);
        assert_int_equal(instance_power_from_string("", &(InstancePower) {0}), -EINVAL);
        assert_string_equal(record_type_to_string(RECORD_OS), "os");
}

static void copies_own_their_texts(void **state)
{
        Record a, b;

        record_init(&a, RECORD_DEPLOYMENT);
        snprintf(a.deployment.id, sizeof(a.deployment.id), "d1");
        assert_int_equal(str_set(&a.deployment.definition, "<x/>"), 0);
        a.deployment.n_roles = 1;
        snprintf(a.deployment.roles[0].name, RECORD_NAME_MAX, "web");
        assert_int_equal(record_copy(&a, &b), 0);
        assert_ptr_not_equal(a.deployment.definition, b.deployment.definition);
        record_deinit(&a);
        assert_null(a.deployment.definition);
        assert_string_equal(b.deployment.definition, "<x/>");
        assert_null(b.deployment.configuration);
        assert_non_null(deployment_role(&b.deployment, "web"));
        assert_null(deployment_role(&b.deployment, "we"));
        record_deinit(&b);
        record_deinit(&b);
}

static void a_certificate_has_two_thumbprints(void **state)
{
        static const char sha1[] = "0123456789abcdef0123456789abcdef01234567";
        CertificateRecord certificate = {.digest = DIGEST};

        memcpy(certificate.sha1, sha1, sizeof(sha1));
        assert_true(certificate_is(&certificate, sha1));
        assert_true(certificate_is(&certificate, "0123456789ABCDEF0123456789ABCDEF01234567"));
        assert_true(certificate_is(&certificate, DIGEST));
        assert_false(certificate_is(&certificate, "0123456789abcdef0123456789abcdef01234568"));
        assert_false(certificate_is(&certificate, "0123456789abcdef"));
        assert_false(certificate_is(&certificate, ""));
}

static void each_record_has_its_key(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                char text[RECORD_KEY_MAX + 1];
                RecordKey key, again;
                Record record;

                assert_int_equal(record_key_parse(keys[i], &key), 0);
                record_init(&record, key.type);
                switch (key.type) {
                case RECORD_INSTANCE:
                        record.instance.id = key.instance;
                        break;
                case RECORD_OBSERVED:
                        record.observed.id = key.instance;
                        memcpy(record.observed.host, key.name, sizeof(RecordName));
                        break;
                case RECORD_PACKAGE:
                        memcpy(record.package.digest, key.name, sizeof(RecordDigest));
                        break;
                case RECORD_CERTIFICATE:
                        memcpy(record.certificate.digest, key.name, sizeof(RecordDigest));
                        break;
                case RECORD_DEPLOYMENT:
                        memcpy(record.deployment.id, key.name, sizeof(RecordId));
                        break;
                case RECORD_OS:
                        memcpy(record.os.family, key.name, sizeof(RecordVersion));
                        memcpy(record.os.version, key.version, sizeof(RecordVersion));
                        break;
                case RECORD_CLUSTER:
                case RECORD_MEMBERS:
                        break;
                default: /* the name comes first */
                        memcpy(key.type == RECORD_HOST      ? record.host.name
                               : key.type == RECORD_ALIVE   ? record.alive.host
                               : key.type == RECORD_SERVICE ? record.service.name
                               : key.type == RECORD_TOKEN   ? record.token.id
                               : key.type == RECORD_ISSUED  ? record.issued.serial
                                                            : record.operation.id,
                               key.name, sizeof(RecordName));
                }
                again = record_key_of(&record);
                assert_string_equal(record_key_format(&again, text), keys[i]);
                record_deinit(&record);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_go_both_ways),
                cmocka_unit_test(wrong_keys_are_refused),
                cmocka_unit_test(longest_key_fits),
                cmocka_unit_test(instance_ids_go_both_ways),
                cmocka_unit_test(names_of_values_are_distinct_and_read_back),
                cmocka_unit_test(copies_own_their_texts),
                cmocka_unit_test(a_certificate_has_two_thumbprints),
                cmocka_unit_test(each_record_has_its_key),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
