/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Certificates as operators bring them: PEM text with a certificate, those that vouch for it, and
 * its private key, in any order. The only file of hostd that sees OpenSSL's certificates. */

#include <stddef.h>

#include "lib/api/records.h"

#define CERTIFICATE_BAD        1 /* outcome: what was brought cannot be used */
#define CERTIFICATE_CHAIN_MAX  10
#define CERTIFICATE_REASON_MAX 256

/**
 * certificate_read() - Check what an operator brought and make its record
 * @pem:             text, not terminated
 * @length:          of it, at most 2 * RECORD_PEM_MAX is read
 * @ret_certificate: owned, free with record_deinit(); its added_us is 0
 * @reason:          CERTIFICATE_BAD: why, and what to do; never has any of the text
 *
 * The record's chain begins with the certificate that the key belongs to; its key is PKCS #8
 * without a password. That a certificate has expired, or that nobody known vouches for it, is its
 * owner's affair.
 *
 * Return: 0; CERTIFICATE_BAD; -ENOMEM.
 */
int certificate_read(const char *pem, size_t length, Record *ret_certificate,
                     char reason[static CERTIFICATE_REASON_MAX]);
