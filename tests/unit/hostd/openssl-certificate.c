/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/openssl-certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

/* Somebody with a key and a certificate, and both as PEM text. */
typedef struct Identity {
        char *certificate, *key, *locked_key;
        char sha1[RECORD_SHA1_MAX + 1];
} Identity;

static char *text_of(BIO *bio)
{
        char *data, *text;
        long length = BIO_get_mem_data(bio, &data);

        text = strndup(data, (size_t) length);
        assert_non_null(text);
        BIO_free(bio);
        return text;
}

static void identity_make(Identity *identity, const char *name)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *certificate = X509_new();
        BIO *cert_text = BIO_new(BIO_s_mem()), *key_text = BIO_new(BIO_s_mem()),
            *locked_text = BIO_new(BIO_s_mem());
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned length;

        assert_non_null(key);
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "20330518033320Z");
        X509_set_pubkey(certificate, key);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                   (const unsigned char *) name, -1, -1, 0);
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
        assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
        assert_int_equal(X509_digest(certificate, EVP_sha1(), digest, &length), 1);
        str_hex(digest, length, identity->sha1);
        assert_int_equal(PEM_write_bio_X509(cert_text, certificate), 1);
        assert_int_equal(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL), 1);
        assert_int_equal(PEM_write_bio_PrivateKey(locked_text, key, EVP_aes_128_cbc(),
                                                  (const unsigned char *) "x", 1, NULL, NULL),
                         1);
        identity->certificate = text_of(cert_text);
        identity->key = text_of(key_text);
        identity->locked_key = text_of(locked_text);
        X509_free(certificate);
        EVP_PKEY_free(key);
}

static Identity shop, other;

static int setup(void **state)
{
        identity_make(&shop, "shop.example.com");
        identity_make(&other, "other.example.com");
        return 0;
}

static int teardown(void **state)
{
        Identity *identities[] = {&shop, &other};

        for (size_t i = 0; i < ARRAY_SIZE(identities); i++) {
                free(identities[i]->certificate);
                free(identities[i]->key);
                free(identities[i]->locked_key);
        }
        return 0;
}

static void a_certificate_becomes_a_record(void **state)
{
        _cleanup_free_ char *pem =
                str_printf("a note\n%s\n%s%s", other.certificate, shop.key, shop.certificate);
        _cleanup_free_ char *chain = str_printf("%s%s", shop.certificate, other.certificate);
        char reason[CERTIFICATE_REASON_MAX];
        Record record;

        assert_int_equal(certificate_read(pem, strlen(pem), &record, reason), 0);
        assert_int_equal(record.type, RECORD_CERTIFICATE);
        assert_string_equal(record.certificate.sha1, shop.sha1);
        assert_int_equal(strlen(record.certificate.digest), RECORD_DIGEST_MAX);
        assert_string_equal(record.certificate.subject, "CN = shop.example.com");
        assert_int_equal(record.certificate.expires_us, 2000000000 * USEC_PER_SEC);
        assert_string_equal(record.certificate.chain, chain);
        assert_string_equal(record.certificate.key, shop.key);
        record_deinit(&record);
}

static void refused(const char *pem, const char *words)
{
        char reason[CERTIFICATE_REASON_MAX];
        Record record;

        assert_int_equal(certificate_read(pem, strlen(pem), &record, reason), CERTIFICATE_BAD);
        if (!strstr(reason, words))
                fail_msg("wanted \"%s\", got \"%s\"", words, reason);
}

static void what_cannot_be_used_is_refused(void **state)
{
        _cleanup_free_ char *strange = str_printf("%s%s", shop.key, other.certificate);
        _cleanup_free_ char *locked = str_printf("%s%s", shop.locked_key, shop.certificate);
        _cleanup_free_ char *damaged = str_printf("%s%s", shop.key, shop.certificate);
        _cleanup_free_ char *large = calloc(1, 2 * RECORD_PEM_MAX + 2);

        refused("", "no private key");
        refused("PK\003\004", "openssl pkcs12");
        refused(shop.certificate, "no private key");
        refused(shop.key, "no certificate");
        refused(strange, "belongs to none");
        refused(locked, "has a password");
        memset(strstr(damaged, "BEGIN CERTIFICATE") + 40, '!', 8);
        refused(damaged, "damaged");
        memset(large, 'a', 2 * RECORD_PEM_MAX + 1);
        refused(large, "larger");
}

static void a_chain_has_an_end(void **state)
{
        StrBuffer buffer = {};
        char *pem;

        str_buffer_add(&buffer, shop.key);
        for (int i = 0; i <= CERTIFICATE_CHAIN_MAX; i++)
                str_buffer_add(&buffer, shop.certificate);
        assert_int_equal(str_buffer_take(&buffer, &pem), 0);
        refused(pem, "more than 10");
        free(pem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_certificate_becomes_a_record),
                cmocka_unit_test(what_cannot_be_used_is_refused),
                cmocka_unit_test(a_chain_has_an_end),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
