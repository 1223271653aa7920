/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Detached CMS signatures, with OpenSSL. */

#include <stddef.h>

#define SIGNATURE_REASON_MAX 256U

/**
 * signature_make() - Sign some bytes
 * @data, @length: what is signed
 * @key_file:   PEM file of the private key
 * @cert_file:  PEM file of the signer's certificate, which goes into the signature
 * @ret:        DER, owned; the same for the same input where the key's algorithm is deterministic
 * (RSA, Ed25519)
 * @ret_length: its length
 * @ret_reason: on SIGNATURE_BAD
 *
 * Return: 0; SIGNATURE_BAD if the key or the certificate cannot be used; negative errno of reading
 * a file
 */
int signature_make(const void *data, size_t length, const char *key_file, const char *cert_file,
                   void **ret, size_t *ret_length, char ret_reason[static SIGNATURE_REASON_MAX]);
enum { SIGNATURE_BAD = 1 };

/**
 * signature_verify() - Verify a signature
 * @data, @length: what is said to be signed
 * @signature, @signature_length: DER
 * @ca_file:    PEM file of the certificates that the signer's must chain to
 * @ret_reason: on SIGNATURE_BAD
 *
 * Return: 0; SIGNATURE_BAD; negative errno of reading @ca_file
 */
int signature_verify(const void *data, size_t length, const void *signature,
                     size_t signature_length, const char *ca_file,
                     char ret_reason[static SIGNATURE_REASON_MAX]);
