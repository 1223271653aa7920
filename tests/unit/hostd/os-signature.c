/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real signatures by a real gpg. */

#include "hostd/os-signature.h"

#include <fcntl.h>

#include "lib/base/file.h"
#include "tests/unit/hostd/source-world.h"

typedef struct Fixture {
        SourceWorld world;
        char home[64];
} Fixture;

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));

        *state = f;
        source_world_init(&f->world);
        snprintf(f->home, sizeof(f->home), "%s/home", f->world.dir);
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        source_world_deinit(&f->world);
        free(f);
        return 0;
}

static int verify(Fixture *f, const char *keyring, const char *text, char *message)
{
        _cleanup_free_ char *path = str_printf("%s/source/SHA256SUMS", f->world.dir);
        _cleanup_free_ char *signature_path = str_printf("%s.gpg", path);
        _cleanup_free_ char *sums = NULL, *signature = NULL;
        OsSigned given = {};
        int r;

        assert_int_equal(file_read(AT_FDCWD, path, 4096, &sums, &given.length), 0);
        assert_int_equal(
                file_read(AT_FDCWD, signature_path, 4096, &signature, &given.signature_length), 0);
        given.text = text ?: sums;
        given.length = text ? strlen(text) : given.length;
        given.signature = signature;
        r = os_signature_verify(&given, f->home, keyring, message);
        assert_int_equal(access(f->home, F_OK), -1);
        return r;
}

static void only_the_right_key_counts(void **state)
{
        char message[OS_SIGNATURE_MESSAGE_MAX] = "";
        Fixture *f = *state;

        assert_int_equal(verify(f, f->world.keyring, NULL, message), 0);
        assert_int_equal(verify(f, f->world.keyring, "else\n", message), OS_SIGNATURE_BAD);
        assert_non_null(strstr(message, "BAD signature"));
        source_shell(&f->world, "sign wrong");
        assert_int_equal(verify(f, f->world.keyring, NULL, message), OS_SIGNATURE_BAD);
        assert_non_null(strstr(message, "No public key"));
        source_shell(&f->world, ": >source/SHA256SUMS.gpg");
        assert_int_equal(verify(f, f->world.keyring, NULL, message), OS_SIGNATURE_BAD);
        source_shell(&f->world, "head -c 4000 /dev/urandom >source/SHA256SUMS.gpg");
        assert_int_equal(verify(f, f->world.keyring, NULL, message), OS_SIGNATURE_BAD);
        /* a message that holds what it signs says nothing about the list */
        source_shell(&f->world, "rm source/SHA256SUMS.gpg; echo other | gpg --homedir $PWD/right "
                                "--batch --quiet --sign --output source/SHA256SUMS.gpg");
        assert_int_equal(verify(f, f->world.keyring, NULL, message), OS_SIGNATURE_BAD);
        assert_int_equal(verify(f, "/nonexistent", NULL, message), OS_SIGNATURE_NO_KEY);
        assert_non_null(strstr(message, "/nonexistent"));
}

static void what_a_crash_has_left_does_not_disturb(void **state)
{
        char message[OS_SIGNATURE_MESSAGE_MAX];
        Fixture *f = *state;

        source_shell(&f->world, "sign right; mkdir -p home/private; touch home/SHA256SUMS");
        assert_int_equal(verify(f, f->world.keyring, NULL, message), 0);
        assert_int_equal(access(f->home, F_OK), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_the_right_key_counts),
                cmocka_unit_test(what_a_crash_has_left_does_not_disturb),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
