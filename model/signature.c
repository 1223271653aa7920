/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Detached CMS signatures. Signed attributes would carry the time of signing, so there are none:
 * packing the same directory twice gives the same bytes.
 */

#include "model/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/file.h"

#define PEM_BYTES_MAX (1024U * 1024U)
#define SIGN_FLAGS    (CMS_DETACHED | CMS_BINARY | CMS_NOATTR | CMS_NOSMIMECAP)

DEFINE_CLEANUP(BIO *, BIO_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
DEFINE_CLEANUP(CMS_ContentInfo *, CMS_ContentInfo_free)

/* OpenSSL's last error, and its queue is empty again. */
static int bad(const char *what, char reason[static SIGNATURE_REASON_MAX])
{
        unsigned long error = ERR_peek_last_error();
        const char *text = error ? ERR_reason_error_string(error) : NULL;

        snprintf(reason, SIGNATURE_REASON_MAX, "%s%s%s", what, text ? ": " : "", text ?: "");
        ERR_clear_error();
        return SIGNATURE_BAD;
}

static int bio_open(const char *path, BIO **ret)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        BIO *bio;
        int r;

        r = file_read(AT_FDCWD, path, PEM_BYTES_MAX, &text, &length);
        if (r < 0)
                return r;
        bio = BIO_new(BIO_s_mem());
        if (!bio || BIO_write(bio, text, (int) length) != (int) length) {
                BIO_free(bio);
                return -ENOMEM;
        }
        *ret = bio;
        return 0;
}

int signature_make(const void *data, size_t length, const char *key_file, const char *cert_file,
                   void **ret, size_t *ret_length, char ret_reason[static SIGNATURE_REASON_MAX])
{
        _cleanup_(BIO_freep) BIO *key_bio = NULL, *cert_bio = NULL, *content = NULL;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
        unsigned char *der = NULL;
        int r;

        r = bio_open(key_file, &key_bio);
        if (r == 0)
                r = bio_open(cert_file, &cert_bio);
        if (r < 0)
                return r;
        key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
        if (!key)
                return bad("the key cannot be read", ret_reason);
        cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
        if (!cert)
                return bad("the certificate cannot be read", ret_reason);
        if (X509_check_private_key(cert, key) != 1)
                return bad("the key is not that of the certificate", ret_reason);
        content = BIO_new_mem_buf(data, (int) length);
        if (!content)
                return -ENOMEM;
        cms = CMS_sign(cert, key, NULL, content, SIGN_FLAGS);
        if (!cms)
                return bad("signing failed", ret_reason);
        r = i2d_CMS_ContentInfo(cms, &der);
        if (r <= 0)
                return -ENOMEM;
        *ret = malloc((size_t) r);
        if (*ret) {
                memcpy(*ret, der, (size_t) r);
                *ret_length = (size_t) r;
        }
        OPENSSL_free(der);
        return *ret ? 0 : -ENOMEM;
}

static int store_load(const char *ca_file, X509_STORE **ret,
                      char reason[static SIGNATURE_REASON_MAX])
{
        _cleanup_(BIO_freep) BIO *bio = NULL;
        X509_STORE *store;
        X509 *cert;
        unsigned n = 0;
        int r;

        r = bio_open(ca_file, &bio);
        if (r < 0)
                return r;
        store = X509_STORE_new();
        if (!store)
                return -ENOMEM;
        while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
                n += X509_STORE_add_cert(store, cert) == 1;
                X509_free(cert);
        }
        ERR_clear_error(); /* the end of the file is an error to OpenSSL */
        if (n == 0) {
                X509_STORE_free(store);
                return bad("there is no certificate to trust in the given file", reason);
        }
        X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
        *ret = store;
        return 0;
}

int signature_verify(const void *data, size_t length, const void *signature,
                     size_t signature_length, const char *ca_file,
                     char ret_reason[static SIGNATURE_REASON_MAX])
{
        _cleanup_(BIO_freep) BIO *content = NULL;
        _cleanup_(X509_STORE_freep) X509_STORE *store = NULL;
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
        const unsigned char *der = signature;
        int r;

        r = store_load(ca_file, &store, ret_reason);
        if (r != 0)
                return r;
        cms = d2i_CMS_ContentInfo(NULL, &der, (long) signature_length);
        if (!cms || der != (const unsigned char *) signature + signature_length)
                return bad("it is not a CMS signature", ret_reason);
        content = BIO_new_mem_buf(data, (int) length);
        if (!content)
                return -ENOMEM;
        if (CMS_verify(cms, NULL, store, content, NULL, CMS_DETACHED | CMS_BINARY) != 1)
                return bad("CMS", ret_reason);
        return 0;
}
