/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/bus.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

#include "lib/base/file.h"
#include "lib/base/str.h"

static void errors_have_an_exit_code_and_a_next_step(void **state)
{
        const char *hint;

        assert_int_equal(bus_exit_code("org.troupe.Error.NoSuchRole", &hint), CTL_NOT_FOUND);
        assert_non_null(strstr(hint, "troupectl status"));
        assert_int_equal(bus_exit_code("org.freedesktop.DBus.Error.ServiceUnknown", &hint),
                         CTL_UNREACHABLE);
        assert_int_equal(bus_exit_code("org.troupe.Error.ModelRefused", NULL), CTL_FAILED);
        assert_int_equal(bus_exit_code("org.troupe.Error.PackageInvalid", NULL), CTL_USAGE);
        assert_int_equal(bus_exit_code("com.example.Unheard", &hint), CTL_FAILED);
        assert_null(hint);
        assert_int_equal(bus_exit_code(NULL, NULL), CTL_FAILED);
}

/* Every org.troupe.Error that the contract lists is in our table: it has an exit code by choice. */
static void the_contract_s_errors_are_known(void **state)
{
        static const char *const without_hint[] = {"CountInvalid", "RefusedNow"};
        _cleanup_free_ char *xml = NULL;
        char *at, *end;
        size_t n = 0;

        assert_int_equal(file_read(AT_FDCWD, "lib/api/org.troupe.Host1.xml", MIB, &xml, NULL), 0);
        at = strstr(xml, "and org.troupe.Error.*:");
        end = strstr(at, "Descriptors (type h)");
        assert_true(at && end);
        *end = '\0';
        for (char *line = strtok(at, "\n"); line; line = strtok(NULL, "\n")) {
                char name[40], full[80];
                const char *hint;
                bool exempt = false;

                /* a line of the list: four blanks, a name, more than one blank or a comma */
                if (sscanf(line, "    %39[A-Za-z]", name) != 1 || line[4] == ' ' || name[0] < 'A' ||
                    name[0] > 'Z')
                        continue;
                n++;
                snprintf(full, sizeof(full), "org.troupe.Error.%s", name);
                bus_exit_code(full, &hint);
                for (size_t i = 0; i < ARRAY_SIZE(without_hint); i++)
                        exempt |= str_equal(name, without_hint[i]);
                if (!hint && !exempt)
                        fail_msg("%s has no next step", full);
        }
        assert_true(n > 10);
}

static void no_bus_is_unreachable(void **state)
{
        Options options = {};
        sd_bus *bus = NULL;

        setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all", 1);
        assert_int_equal(bus_open(&options, &bus), CTL_UNREACHABLE);
        assert_null(bus);
}

static void failures_map_to_exit_codes(void **state)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;

        assert_int_equal(bus_failed(-ECONNRESET, &error, "Testing"), CTL_UNREACHABLE);
        assert_int_equal(bus_failed(-EINVAL, NULL, "Testing"), CTL_FAILED);
        sd_bus_error_set(&error, "org.troupe.Error.ModelRefused", "a:1: x\nb:2: y");
        assert_int_equal(bus_failed(-EIO, &error, "Testing %d", 1), CTL_FAILED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(errors_have_an_exit_code_and_a_next_step),
                cmocka_unit_test(the_contract_s_errors_are_known),
                cmocka_unit_test(no_bus_is_unreachable),
                cmocka_unit_test(failures_map_to_exit_codes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
