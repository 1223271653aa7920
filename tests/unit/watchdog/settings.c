/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "watchdog/settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/macros.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/troupe-watchdog-XXXXXX", path[64], why[SETTINGS_WHY_MAX];

static int load(Settings *settings, const char *text, const char *credentials)
{
        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644), 0);
        settings_init(settings);
        return settings_load(settings, path, credentials, why);
}

static void file_credentials_and_options_in_this_order(void **state)
{
        char credential[128];
        Settings settings;

        assert_int_equal(
                load(&settings, "# times\n soft-ms = 7000\n\nhard-ms=8000\ndevice=none\n", NULL),
                0);
        assert_int_equal(settings.times.soft_ns, 7 * NSEC_PER_SEC);
        assert_int_equal(settings.times.hard_ns, 8 * NSEC_PER_SEC);
        assert_int_equal(settings.times.lease_ns, 10 * NSEC_PER_SEC);
        assert_string_equal(settings.device, SETTINGS_DEVICE_NONE);
        snprintf(credential, sizeof(credential), "%s/troupe.watchdog-soft-ms", dir);
        assert_int_equal(file_write_atomic(AT_FDCWD, credential, "5000\n", 5, 0644), 0);
        assert_int_equal(load(&settings, "soft-ms=7000\nhard-ms=8000\n", dir), 0);
        assert_int_equal(settings.times.soft_ns, 5 * NSEC_PER_SEC);
        assert_int_equal(settings.times.hard_ns, 8 * NSEC_PER_SEC);
        assert_int_equal(settings_set(&settings, "device-timeout-s", "2", "option", why), 0);
        assert_int_equal(settings.times.device_ns, 2 * NSEC_PER_SEC);
        assert_int_equal(settings_set(&settings, "autonomous", "yes", "option", why), 0);
        assert_true(settings.times.autonomous);
        unlink(credential);
}

static void what_is_wrong_is_named(void **state)
{
        const struct {
                const char *text, *named;
        } cases[] = {
                {"soft=3\n", "soft: there is no such setting"},
                {"soft-ms=soon\n", "\"soon\" is not a value"},
                {"soft-ms=3600001\n", "is not a value"},
                {"autonomous=perhaps\n", "is not a value"},
                {"device=\n", "is not a value"},
                {"soft-ms\n", "is not NAME=VALUE"},
        };
        Settings settings;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(load(&settings, cases[i].text, NULL), SETTINGS_WRONG);
                if (!strstr(why, cases[i].named) || !strstr(why, path))
                        fail_msg("%s", why);
        }
        unlink(path);
        settings_init(&settings);
        assert_int_equal(settings_load(&settings, path, NULL, why), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(file_credentials_and_options_in_this_order),
                cmocka_unit_test(what_is_wrong_is_named),
        };
        int failed;

        if (!mkdtemp(dir))
                return 1;
        snprintf(path, sizeof(path), "%s/watchdog.conf", dir);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(path);
        rmdir(dir);
        return failed;
}
