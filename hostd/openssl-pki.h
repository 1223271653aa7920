/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The cluster's own certificates: its CA, and one for each host's own key. All of it is PEM text in
 * and out. Keys are P-256, signatures SHA-256. The only file besides openssl-certificate.c that
 * sees OpenSSL's certificates. */

#include "lib/api/records.h"

#define PKI_BAD           1 /* outcome: not what it should be, or it does not fit together */
#define PKI_ADDRESSES_MAX 4
#define PKI_SERIALS_MAX   100000 /* in a revocation list */

/* A CA's certificate and key. */
typedef struct PkiAuthority {
        const char *certificate, *key;
} PkiAuthority;

/* What a host's certificate says. */
typedef struct PkiSubject {
        const char *name;
        const IpAddress *addresses;
        size_t n_addresses;
        uint64_t not_before_us, not_after_us;
} PkiSubject;

typedef struct PkiFacts {
        RecordName name; /* "" when it has none that is a name */
        RecordName serial;
        RecordDigest fingerprint; /* SHA-256 of the whole */
        IpAddress addresses[PKI_ADDRESSES_MAX];
        size_t n_addresses;
        uint64_t not_before_us, not_after_us;
} PkiFacts;

/**
 * pki_make_key() - A fresh private key
 * @ret_key: owned PEM text
 *
 * Return: 0; -ENOMEM.
 */
int pki_make_key(char **ret_key);

/**
 * pki_make_authority() - A fresh CA that signs itself
 * @name:            common name
 * @now_us:          it is valid from two days before, for 30 years: clocks of hosts differ
 * @ret_certificate: owned PEM text
 * @ret_key:         owned PEM text
 *
 * Return: 0; -ENOMEM.
 */
int pki_make_authority(const char *name, uint64_t now_us, char **ret_certificate, char **ret_key);

/**
 * pki_make_request() - Ask for a certificate: the public key, signed with the private one
 * @key:         PEM text
 * @ret_request: owned PEM text
 *
 * Return: 0; PKI_BAD when @key is none; -ENOMEM.
 */
int pki_make_request(const char *key, char **ret_request);

/**
 * pki_sign() - Give the key of a request a certificate
 * @authority:       who signs
 * @request:         PEM text from outside; only its key counts, and its signature is checked
 * @subject:         what the certificate says
 * @ret_certificate: owned PEM text
 * @ret_serial:      its serial number, 128 random bits
 *
 * The certificate is good for TLS servers and clients.
 *
 * Return: 0; PKI_BAD when the request is not one, or the CA's key does not fit; -ENOMEM.
 */
int pki_sign(const PkiAuthority *authority, const char *request, const PkiSubject *subject,
             char **ret_certificate, RecordName ret_serial);

/**
 * pki_examine() - Read a certificate
 * @certificate: PEM text
 * @ret_facts:   what it says
 *
 * Return: 0; PKI_BAD; -ENOMEM.
 */
int pki_examine(const char *certificate, PkiFacts *ret_facts);

/**
 * pki_verify() - Whether a host's certificate is of this key and signed by this CA
 * @authority:   PEM text of the CA's certificate
 * @certificate: PEM text
 * @key:         PEM text, or NULL
 *
 * Dates are not looked at.
 *
 * Return: 0; PKI_BAD; -ENOMEM.
 */
int pki_verify(const char *authority, const char *certificate, const char *key);

/**
 * pki_revoke() - The list of serial numbers that count no more
 * @authority: who signs
 * @serials:   hexadecimal
 * @n_serials: at most PKI_SERIALS_MAX
 * @now_us:    date of the list; it is good for 30 years: a newer one replaces it
 * @ret_list:  owned PEM text
 *
 * Return: 0; PKI_BAD when a serial is none or the authority is broken; -ENOMEM.
 */
int pki_revoke(const PkiAuthority *authority, const char *const *serials, size_t n_serials,
               uint64_t now_us, char **ret_list);

/** pki_digest() - SHA-256 of a text, in hexadecimal */
void pki_digest(const char *text, RecordDigest ret_digest);
