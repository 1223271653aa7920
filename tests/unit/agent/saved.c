/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/saved.h"

#include <fcntl.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

#define T(text) ((char *) (uintptr_t) (text))

static char directory[] = "/tmp/troupe-saved-XXXXXX";

static int setup(void **state)
{
        strcpy(directory + strlen(directory) - 6, "XXXXXX");
        return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
        _cleanup_free_ char *config = str_printf("%s/config", directory);
        _cleanup_free_ char *run = str_printf("%s/state", directory);

        unlink(config);
        unlink(run);
        return rmdir(directory);
}

static AgentMessage message_of(uint64_t serial)
{
        return (AgentMessage) {.type = AGENT_CONFIG,
                               .config = {.serial = serial,
                                          .service = T("shop"),
                                          .slot = T("production"),
                                          .deployment = T("d1"),
                                          .role = T("web"),
                                          .instance = T("web_IN_0"),
                                          .incarnation = 1,
                                          .hostname = T("web-0"),
                                          .kind = AGENT_ROLE_WEB}};
}

static void what_is_written_is_read(void **state)
{
        Saved saved = {.directory = directory};
        AgentMessage message = message_of(7), found = {};
        _cleanup_free_ char *text = NULL;

        assert_int_equal(saved_read(&saved, &found, &text), -ENOENT);
        assert_int_equal(saved_write_config(&saved, &message), 0);
        assert_int_equal(saved_read(&saved, &found, &text), -EINVAL); /* half of it */
        assert_int_equal(saved_write_state(&saved, "1 phase=3\n"), 0);
        assert_int_equal(saved_read(&saved, &found, &text), 0);
        assert_int_equal(found.config.serial, 7);
        assert_string_equal(found.config.instance, "web_IN_0");
        assert_string_equal(text, "1 phase=3\n");
        agent_message_deinit(&found);
        saved_deinit(&saved);
}

static void the_same_state_is_not_written_again(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/state", directory);
        Saved saved = {.directory = directory};

        assert_int_equal(saved_write_state(&saved, "a"), 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(saved_write_state(&saved, "a"), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(saved_write_state(&saved, "b"), 0);
        assert_int_equal(access(path, F_OK), 0);
        saved_deinit(&saved);
}

static void what_is_no_configuration_is_refused(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/config", directory), *text = NULL;
        static const char *const wrong[] = {"", "{}", "\x1e{\"type\":\"ping\",\"token\":1}\n",
                                            "\x1e{\"type\":\"config\""};
        Saved saved = {.directory = directory};
        AgentMessage found = {};

        assert_int_equal(saved_write_state(&saved, "a"), 0);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                assert_int_equal(
                        file_write_atomic(AT_FDCWD, path, wrong[i], strlen(wrong[i]), 0600), 0);
                assert_int_equal(saved_read(&saved, &found, &text), -EINVAL);
        }
        saved_deinit(&saved);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_is_written_is_read),
                TEST(the_same_state_is_not_written_again),
                TEST(what_is_no_configuration_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
