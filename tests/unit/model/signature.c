/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/signature.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/unit/model/packed.h"

/* A self-signed certificate and its key, as PEM files in @root. */
static void identity_make(const char *root, const char *name)
{
        EVP_PKEY *key = EVP_RSA_gen(2048);
        X509 *cert = X509_new();
        char path[96];
        FILE *file;

        assert_non_null(key);
        X509_set_version(cert, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
        X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
        X509_set_pubkey(cert, key);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                   (const unsigned char *) name, -1, -1, 0);
        X509_set_issuer_name(cert, X509_get_subject_name(cert));
        assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
        snprintf(path, sizeof(path), "%s/%s.key", root, name);
        file = fopen(path, "w");
        assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
        fclose(file);
        snprintf(path, sizeof(path), "%s/%s.pem", root, name);
        file = fopen(path, "w");
        assert_int_equal(PEM_write_X509(file, cert), 1);
        fclose(file);
        X509_free(cert);
        EVP_PKEY_free(key);
}

static void a_signature_is_made_and_verified(void **state)
{
        char root[32], key[64], cert[64], other[64], reason[SIGNATURE_REASON_MAX];
        void *one = NULL, *two = NULL;
        size_t one_length, two_length;

        tree_make(root);
        identity_make(root, "a");
        identity_make(root, "b");
        snprintf(key, sizeof(key), "%s/a.key", root);
        snprintf(cert, sizeof(cert), "%s/a.pem", root);
        snprintf(other, sizeof(other), "%s/b.pem", root);
        assert_int_equal(signature_make("text", 4, key, cert, &one, &one_length, reason), 0);
        assert_int_equal(signature_make("text", 4, key, cert, &two, &two_length, reason), 0);
        assert_int_equal(one_length, two_length);
        assert_memory_equal(one, two, one_length);
        assert_int_equal(signature_verify("text", 4, one, one_length, cert, reason), 0);
        assert_int_equal(signature_verify("Text", 4, one, one_length, cert, reason), SIGNATURE_BAD);
        assert_int_equal(signature_verify("text", 4, one, one_length, other, reason),
                         SIGNATURE_BAD);
        assert_int_equal(signature_verify("text", 4, one, one_length - 1, cert, reason),
                         SIGNATURE_BAD);
        assert_int_equal(signature_verify("text", 4, "junk", 4, cert, reason), SIGNATURE_BAD);
        assert_int_equal(signature_verify("text", 4, one, one_length, key, reason), SIGNATURE_BAD);
        assert_int_equal(signature_verify("text", 4, one, one_length, "/nonexistent", reason),
                         -ENOENT);
        free(two);
        two = NULL;
        assert_int_equal(signature_make("text", 4, key, other, &two, &two_length, reason),
                         SIGNATURE_BAD);
        assert_non_null(strstr(reason, "not that of the certificate"));
        assert_int_equal(signature_make("text", 4, cert, cert, &two, &two_length, reason),
                         SIGNATURE_BAD);
        assert_null(two);
        free(one);
        tree_remove(root);
}

static void a_package_is_signed_and_verified(void **state)
{
        char root[32], key[64], cert[64], message[PACK_MESSAGE_MAX];
        Package *package = NULL;
        PackageError error;
        int fd, r;

        tree_make(root);
        identity_make(root, "a");
        snprintf(key, sizeof(key), "%s/a.key", root);
        snprintf(cert, sizeof(cert), "%s/a.pem", root);
        fd = tree_pack(root, key, cert, &r, message);
        if (r != 0)
                fail_msg("%d %s", r, message);
        assert_int_equal(package_open(fd, &package, &error), 0);
        assert_true(package_signed(package));
        assert_int_equal(package_verify(package, cert, &error), 0);
        package_close(package);
        fd_close(fd);
        tree_remove(root);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_signature_is_made_and_verified),
                cmocka_unit_test(a_package_is_signed_and_verified),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
