/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encoding and decoding of etcd's messages, hostile ones included. */

#include "lib/io/etcd-message.h"

#include "tests/unit/test.h"

static void test_base64(void **state)
{
        static const char *const pairs[][2] = {
                {"", "\"\""},        {"f", "\"Zg==\""},          {"fo", "\"Zm8=\""},
                {"foo", "\"Zm9v\""}, {"foobar", "\"Zm9vYmFy\""}, /* RFC 4648, 10 */
        };

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                StrBuffer buffer = {};

                etcd_add_bytes(&buffer, pairs[i][0], strlen(pairs[i][0]));
                assert_string_equal(buffer.data, pairs[i][1]);
                str_buffer_deinit(&buffer);
        }
}

static void test_range(void **state)
{
        StrBuffer buffer = {};

        etcd_add_range(&buffer, "/a", true);
        assert_string_equal(buffer.data, "\"key\":\"L2E=\",\"range_end\":\"L2I=\"");
        str_buffer_deinit(&buffer);
}

static void test_parse(void **state)
{
        EtcdMessage m;

        assert_int_equal(etcd_message_parse(
                                 "{\"result\":{\"header\":{\"revision\":\"7\"},\"events\":[{\"kv\":"
                                 "{\"key\":\"L2E=\",\"mod_revision\":\"7\",\"value\":\"eA==\"}},"
                                 "{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2I=\"}}]}}",
                                 &m),
                         0);
        assert_int_equal(m.revision, 7);
        assert_int_equal(m.n_kvs, 2);
        assert_string_equal(m.kvs[0].key, "/a");
        assert_string_equal(m.kvs[0].value, "x");
        assert_int_equal(m.kvs[0].length, 1);
        assert_true(m.deleted[1] && !m.deleted[0]);
        etcd_message_deinit(&m);
        assert_int_equal(etcd_message_parse("{\"result\":{\"canceled\":true,\"compact_revision\":"
                                            "\"9\",\"cancel_reason\":\"gone\"}}",
                                            &m),
                         0);
        assert_true(m.canceled);
        assert_int_equal(m.compact_revision, 9);
        assert_string_equal(m.reason, "gone");
        etcd_message_deinit(&m);
}

static void test_parse_hostile(void **state)
{
        static const char *const texts[] = {
                "", "[]", "{", "17", "{\"kvs\":[{\"key\":17}]}", "{\"kvs\":[{\"key\":\"!!\"}]}",
        };
        EtcdMessage m;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                assert_int_equal(etcd_message_parse(texts[i], &m), -EBADMSG);
        /* wrong types where nothing hangs on them */
        assert_int_equal(etcd_message_parse("{\"kvs\":17,\"header\":[],\"more\":\"x\"}", &m), 0);
        assert_int_equal(m.n_kvs, 0);
        etcd_message_deinit(&m);
}

static void test_outcomes(void **state)
{
        _cleanup_free_ char *text = NULL;
        HttpResult result = {.status = 429,
                             .message = "",
                             .body = "{\"code\":8,\"message\":\"etcdserver: mvcc: database space "
                                     "exceeded\"}"};

        assert_int_equal(etcd_outcome_of(&result, &text), ETCD_NO_SPACE);
        assert_non_null(strstr(text, "space"));
        assert_int_equal(etcd_outcome_of_text("etcdserver: requested lease not found"),
                         ETCD_LEASE_GONE);
        assert_int_equal(etcd_outcome_of_text("etcdserver: request timed out"), ETCD_NO_QUORUM);
        assert_int_equal(etcd_outcome_of_text("something new"), ETCD_REFUSED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_base64),   cmocka_unit_test(test_range),
                cmocka_unit_test(test_parse),    cmocka_unit_test(test_parse_hostile),
                cmocka_unit_test(test_outcomes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
