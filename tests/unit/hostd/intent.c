/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/intent.h"

#include <fcntl.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/troupe-intent-XXXXXX";
static const InstanceId id = {.deployment = "d0a1b2c3d", .role = "web", .number = 3};

static int setup(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        return rmdir(dir);
}

static void what_is_written_is_read_back(void **state)
{
        Intent intent = {.id = id,
                         .incarnation = UINT64_MAX,
                         .tag = "0123abcd",
                         .applied = {1, 2, 3, UINT64_MAX}};
        _cleanup_free_ char *path = str_printf("%s/a.json", dir);
        Intent back;

        assert_int_equal(intent_write(path, &intent), 0);
        assert_int_equal(intent_read(path, &back), 0);
        assert_true(instance_id_equal(&back.id, &id));
        assert_true(back.incarnation == UINT64_MAX);
        assert_string_equal(back.tag, intent.tag);
        assert_memory_equal(back.applied, intent.applied, sizeof(back.applied));
        assert_int_equal(intent_remove(path), 0);
        assert_int_equal(intent_remove(path), 0);
        assert_int_equal(intent_read(path, &back), -ENOENT);
}

static void nonsense_is_no_intent(void **state)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "{\"instance\":7,\"incarnation\":1,\"tag\":\"0123abcd\"}",
                "{\"instance\":\"d1/web_IN_0\",\"incarnation\":0,\"tag\":\"0123abcd\"}",
                "{\"instance\":\"d1/web_IN_0\",\"incarnation\":1,\"tag\":\"../../ab\"}",
        };
        _cleanup_free_ char *path = str_printf("%s/b.json", dir);
        Intent intent;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                assert_int_equal(
                        file_write_atomic(AT_FDCWD, path, texts[i], strlen(texts[i]), 0600), 0);
                assert_int_equal(intent_read(path, &intent), -EBADMSG);
        }
        intent_remove(path);
}

static void the_highest_incarnation_is_remembered(void **state)
{
        uint64_t highest = 0;

        assert_int_equal(incarnation_highest(dir, &id, &highest), -ENOENT);
        assert_int_equal(incarnation_note(dir, &id, 41), 0);
        assert_int_equal(incarnation_note(dir, &id, 42), 0);
        assert_int_equal(incarnation_highest(dir, &id, &highest), 0);
        assert_int_equal(highest, 42);
        incarnation_forget(dir, &id);
        assert_int_equal(incarnation_highest(dir, &id, &highest), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_written_is_read_back),
                cmocka_unit_test(nonsense_is_no_intent),
                cmocka_unit_test(the_highest_incarnation_is_remembered),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
