/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/guest-setup.h"

#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/test.h"

#define T(text) ((char *) (uintptr_t) (text))

/* Only what fails before the machine that the test runs on would be changed: the rest is seen in a
 * guest, tests/guest/role. */

static void certificate_with_a_bad_name_is_named(void **state)
{
        char runtime[] = "/tmp/troupe-setup-XXXXXX", path[64];
        AgentCertificate certificate = {.name = T("not/a/name"), .certificate = T("c")};
        AgentConfig config = {.certificates = &certificate, .n_certificates = 1};
        GuestSetup guest = {.runtime = runtime, .uid = getuid(), .gid = getgid()};

        assert_non_null(mkdtemp(runtime));
        assert_int_equal(guest_setup_files(&guest, &config), -EINVAL);
        assert_non_null(strstr(guest.problem, "certificates"));
        for (unsigned i = 0; i < 2; i++) {
                snprintf(path, sizeof(path), "%s/%s", runtime, i ? "role" : "certificates");
                rmdir(path);
        }
        assert_int_equal(rmdir(runtime), 0);
}

static void payload_that_is_not_there_is_named(void **state)
{
        AgentConfig config = {.has_payload = true};
        GuestSetup guest = {.runtime = "/nonexistent"};

        assert_int_equal(guest_setup_disks(&guest, &config, false), -ENODEV);
        assert_non_null(strstr(guest.problem, "payload"));
        assert_int_equal(guest_setup_disks(&guest, &(AgentConfig) {}, false), 0);
}

static void runtime_that_is_not_there_is_an_error(void **state)
{
        GuestSetup guest = {.runtime = "/nonexistent"};

        assert_int_equal(guest_setup_files(&guest, &(AgentConfig) {}), -ENOENT);
        assert_non_null(strstr(guest.problem, "/nonexistent"));
}

static void user_must_be_there(void **state)
{
        GuestSetup guest;

        /* the build tree has no such user: only a guest has */
        assert_int_equal(guest_setup_init(&guest, "/run/troupe"), -ESRCH);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(certificate_with_a_bad_name_is_named),
                cmocka_unit_test(payload_that_is_not_there_is_named),
                cmocka_unit_test(runtime_that_is_not_there_is_an_error),
                cmocka_unit_test(user_must_be_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
