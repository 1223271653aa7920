/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Whether a list of digests was signed with the key that this host's own updates are checked with,
 * found where systemd-sysupdate finds it. */

#include <stddef.h>

#define OS_SIGNATURE_BYTES_MAX   65536U
#define OS_SIGNATURE_MESSAGE_MAX 512
#define OS_SIGNATURE_KEYRING     "/usr/lib/systemd/import-pubring.gpg"
#define OS_SIGNATURE_KEYRING_ETC "/etc/systemd/import-pubring.gpg" /* if it is there, this one */

enum {
        OS_SIGNATURE_BAD = 1, /* not signed by any key that counts; the message says why */
        OS_SIGNATURE_NO_KEY,  /* this host has no key to check with; likewise */
};

typedef struct OsSigned {
        const char *text; /* SHA256SUMS */
        size_t length;
        const char *signature; /* SHA256SUMS.gpg */
        size_t signature_length;
} OsSigned;

/**
 * os_signature_verify() - Let gpg look
 * @given:       what came from outside
 * @directory:   whose, for gpg's own files; made, and removed again with all in it
 * @keyring:     public keys that count; NULL: this host's
 * @ret_message: on OS_SIGNATURE_BAD and OS_SIGNATURE_NO_KEY why
 *
 * Blocks: for a Worker's thread.
 *
 * Return: 0; OS_SIGNATURE_BAD; OS_SIGNATURE_NO_KEY; a negative errno.
 */
int os_signature_verify(const OsSigned *given, const char *directory, const char *keyring,
                        char ret_message[static OS_SIGNATURE_MESSAGE_MAX]);
