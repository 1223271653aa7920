/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

#define NOW_US UINT64_C(1800000000000000)

static char dir[32];

static int set_up(void **state)
{
        strcpy(dir, "/tmp/troupe-id-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        _cleanup_free_ char *command = str_printf("rm -rf %s", dir);

        return system(command);
}

static const PkiSubject subject = {
        .name = "h1", .not_before_us = NOW_US, .not_after_us = NOW_US + USEC_PER_SEC};

static void a_founder_has_all_files_and_keeps_them(void **state)
{
        Identity identity, again;
        struct stat status;

        assert_int_equal(identity_load(&identity, dir), IDENTITY_NONE);
        assert_int_equal(identity_found(&identity, &subject, NOW_US), 0);
        assert_string_equal(identity.facts.name, "h1");
        assert_int_equal(stat(identity.key_path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        assert_int_equal(stat(identity.crl_path, &status), 0);

        assert_int_equal(identity_load(&again, dir), 0);
        assert_string_equal(again.ca, identity.ca);
        assert_string_equal(again.key, identity.key);
        assert_string_equal(again.ca_key, identity.ca_key);
        assert_string_equal(again.facts.serial, identity.facts.serial);
        assert_int_equal(identity_forget_ca_key(&again), 0);
        assert_null(again.ca_key);
        identity_deinit(&again);
        assert_int_equal(identity_load(&again, dir), 0);
        assert_null(again.ca_key);
        identity_deinit(&again);
        identity_deinit(&identity);
}

static void a_guest_is_given_a_certificate_for_its_key(void **state)
{
        Identity founder, guest;
        _cleanup_free_ char *request = NULL, *certificate = NULL, *sub = str_printf("%s/sub", dir);
        RecordName serial;

        assert_int_equal(mkdir(sub, 0700), 0);
        assert_int_equal(identity_load(&founder, dir), IDENTITY_NONE);
        assert_int_equal(identity_found(&founder, &subject, NOW_US), 0);
        assert_int_equal(identity_load(&guest, sub), IDENTITY_NONE);
        assert_int_equal(identity_request(&guest, &request), 0);
        assert_int_equal(pki_sign(&(PkiAuthority) {founder.ca, founder.ca_key}, request,
                                  &(PkiSubject) {.name = "h2", .not_after_us = NOW_US},
                                  &certificate, serial),
                         0);
        /* neither a certificate for another key, nor one of another CA */
        assert_int_equal(identity_accept(&guest, founder.ca, founder.certificate), PKI_BAD);
        assert_int_equal(identity_accept(&guest, certificate, certificate), PKI_BAD);
        assert_null(guest.certificate);
        assert_int_equal(identity_accept(&guest, founder.ca, certificate), 0);
        assert_string_equal(guest.facts.name, "h2");
        identity_deinit(&guest);
        assert_int_equal(identity_load(&guest, sub), 0);
        assert_int_equal(identity_forget(&guest), 0);
        identity_deinit(&guest);
        assert_int_equal(identity_load(&guest, sub), IDENTITY_NONE);
        identity_deinit(&guest);
        identity_deinit(&founder);
}

static void a_half_written_set_is_none(void **state)
{
        Identity identity;

        assert_int_equal(identity_load(&identity, dir), IDENTITY_NONE);
        assert_int_equal(identity_found(&identity, &subject, NOW_US), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, identity.certificate_path, "x", 1, 0644), 0);
        identity_deinit(&identity);
        assert_int_equal(identity_load(&identity, dir), IDENTITY_NONE);
        assert_int_equal(identity_found(&identity, &subject, NOW_US), 0);
        identity_deinit(&identity);
        assert_int_equal(identity_load(&identity, dir), 0);
        identity_deinit(&identity);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_founder_has_all_files_and_keeps_them, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_guest_is_given_a_certificate_for_its_key, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_half_written_set_is_none, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
