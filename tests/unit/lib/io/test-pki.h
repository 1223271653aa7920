/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Certificates for tests, made by OpenSSL in a directory of their own. */

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

typedef struct TestPki {
        char dir[64];
        EVP_PKEY *ca_key;
        X509 *ca;
        char ca_sha256[65];
        long serial;
} TestPki;

static inline char *test_pki_path(const TestPki *pki, const char *name)
{
        static char paths[8][256];
        static unsigned next;
        char *path = paths[next++ % 8];

        snprintf(path, sizeof(paths[0]), "%s/%s", pki->dir, name);
        return path;
}

static inline void test_pki_write_certificate(const TestPki *pki, const char *name, X509 *x)
{
        FILE *f = fopen(test_pki_path(pki, name), "w");

        assert_non_null(f);
        assert_int_equal(PEM_write_X509(f, x), 1);
        fclose(f);
}

static inline void test_pki_write_key(const TestPki *pki, const char *name, EVP_PKEY *key)
{
        FILE *f = fopen(test_pki_path(pki, name), "w");

        assert_non_null(f);
        assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
        fclose(f);
}

static inline void test_pki_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
        X509_EXTENSION *extension;
        X509V3_CTX context;

        X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        assert_non_null(extension);
        X509_add_ext(x, extension, -1);
        X509_EXTENSION_free(extension);
}

/* A certificate that is good from @from_s to @to_s seconds from now, not yet signed. */
static inline X509 *test_pki_blank(TestPki *pki, const char *cn, EVP_PKEY *key, long from_s,
                                   long to_s)
{
        X509 *x = X509_new();
        X509_NAME *name = X509_get_subject_name(x);

        X509_set_version(x, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x), ++pki->serial);
        X509_gmtime_adj(X509_getm_notBefore(x), from_s);
        X509_gmtime_adj(X509_getm_notAfter(x), to_s);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *) cn, -1, -1, 0);
        X509_set_pubkey(x, key);
        return x;
}

/* Makes a new CA, and writes it to ca.crt. */
static inline void test_pki_ca(TestPki *pki)
{
        unsigned char digest[32];
        unsigned length = sizeof(digest);

        X509_free(pki->ca);
        EVP_PKEY_free(pki->ca_key);
        pki->ca_key = EVP_EC_gen("P-256");
        pki->ca = test_pki_blank(pki, "test CA", pki->ca_key, -60, 3600);
        X509_set_issuer_name(pki->ca, X509_get_subject_name(pki->ca));
        test_pki_extension(pki->ca, pki->ca, NID_basic_constraints, "critical,CA:TRUE");
        test_pki_extension(pki->ca, pki->ca, NID_key_usage, "critical,keyCertSign,cRLSign");
        test_pki_extension(pki->ca, pki->ca, NID_subject_key_identifier, "hash");
        X509_sign(pki->ca, pki->ca_key, EVP_sha256());
        test_pki_write_certificate(pki, "ca.crt", pki->ca);
        X509_digest(pki->ca, EVP_sha256(), digest, &length);
        str_hex(digest, length, pki->ca_sha256);
}

/* Writes FILE.crt and FILE.key, certified by the CA. @usage is e.g. "clientAuth,serverAuth". */
static inline void test_pki_certify(TestPki *pki, const char *file, const char *cn,
                                    const char *usage, long from_s, long to_s)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *x = test_pki_blank(pki, cn, key, from_s, to_s);
        char name[64];

        X509_set_issuer_name(x, X509_get_subject_name(pki->ca));
        test_pki_extension(x, pki->ca, NID_ext_key_usage, usage);
        test_pki_extension(x, pki->ca, NID_subject_alt_name, "IP:127.0.0.1");
        X509_sign(x, pki->ca_key, EVP_sha256());
        snprintf(name, sizeof(name), "%s.crt", file);
        test_pki_write_certificate(pki, name, x);
        snprintf(name, sizeof(name), "%s.key", file);
        test_pki_write_key(pki, name, key);
        X509_free(x);
        EVP_PKEY_free(key);
}

static inline void test_pki_host(TestPki *pki, const char *name)
{
        test_pki_certify(pki, name, name, "serverAuth,clientAuth", -60, 3600);
}

static inline void test_pki_init(TestPki *pki)
{
        *pki = (TestPki) {.dir = "/tmp/test-pki-XXXXXX"};
        assert_non_null(mkdtemp(pki->dir));
        test_pki_ca(pki);
}

static inline void test_pki_deinit(TestPki *pki)
{
        char command[96];

        X509_free(pki->ca);
        EVP_PKEY_free(pki->ca_key);
        snprintf(command, sizeof(command), "rm -rf '%s'", pki->dir);
        assert_int_equal(system(command), 0);
}
