/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The options are those of systemd-pull, which checks the host's own updates: the keys of the
 * keyring count, and nothing that gpg could find elsewhere. It wants a home of its own, and to read
 * files: both are in a directory that only we can read, and that is removed again. */

#include "hostd/os-signature.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/run.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define GPG "/usr/bin/gpg"

static int run_gpg(const char *directory, const char *keyring, char *message)
{
        _cleanup_free_ char *home = str_printf("--homedir=%s", directory);
        _cleanup_free_ char *keys = str_printf("--keyring=%s", keyring);
        _cleanup_free_ char *sums = str_printf("%s/SHA256SUMS", directory);
        _cleanup_free_ char *signature = str_printf("%s/SHA256SUMS.gpg", directory);
        _cleanup_free_ char *said = NULL;
        const char *argv[] = {GPG,
                              "--batch",
                              "--no-options",
                              "--no-default-keyring",
                              "--no-auto-key-locate",
                              "--no-auto-check-trustdb",
                              "--trust-model=always",
                              "--no-tty",
                              home,
                              keys,
                              "--verify",
                              signature,
                              sums,
                              NULL};
        int r;

        if (!home || !keys || !sums || !signature)
                return -ENOMEM;
        r = run_program(argv, &said);
        if (r <= 0)
                return r;
        snprintf(message, OS_SIGNATURE_MESSAGE_MAX,
                 "SHA256SUMS: is not signed with this host's update key: %s", said ?: "gpg failed");
        return OS_SIGNATURE_BAD;
}

int os_signature_verify(const OsSigned *given, const char *directory, const char *keyring,
                        char ret_message[static OS_SIGNATURE_MESSAGE_MAX])
{
        _cleanup_close_ int fd = -1;
        int r;

        if (!keyring)
                keyring = access(OS_SIGNATURE_KEYRING_ETC, R_OK) == 0 ? OS_SIGNATURE_KEYRING_ETC
                                                                      : OS_SIGNATURE_KEYRING;
        if (access(keyring, R_OK) < 0) {
                snprintf(ret_message, OS_SIGNATURE_MESSAGE_MAX,
                         "this host has no key to check signatures with: %s: %s", keyring,
                         strerror(errno));
                return OS_SIGNATURE_NO_KEY;
        }
        r = file_remove_directory(AT_FDCWD, directory);
        if (r == 0 && mkdir(directory, 0700) < 0)
                r = -errno;
        if (r < 0)
                return r;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? -errno : file_write_atomic(fd, "SHA256SUMS", given->text, given->length, 0600);
        if (r == 0)
                r = file_write_atomic(fd, "SHA256SUMS.gpg", given->signature,
                                      given->signature_length, 0600);
        if (r == 0)
                r = run_gpg(directory, keyring, ret_message);
        file_remove_directory(AT_FDCWD, directory);
        return r;
}
