/* SPDX-License-Identifier: GPL-3.0-or-later */

/* OpenSSL's PEM readers take what they know and pass over the rest, so the text is read twice: for
 * its key and for its certificates. */

#include "hostd/openssl-certificate.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"

DEFINE_CLEANUP(BIO *, BIO_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

typedef struct Chain {
        X509 *certificates[CERTIFICATE_CHAIN_MAX];
        size_t n_certificates;
} Chain;

static void chain_deinit(Chain *chain)
{
        for (size_t i = 0; i < chain->n_certificates; i++)
                X509_free(chain->certificates[i]);
}

static int bad(char reason[static CERTIFICATE_REASON_MAX], const char *why)
{
        ERR_clear_error();
        snprintf(reason, CERTIFICATE_REASON_MAX, "%s", why);
        return CERTIFICATE_BAD;
}

/* No password is asked for or known. */
static int no_password(char *buffer, int size, int writing, void *asked)
{
        *(bool *) asked = true;
        return -1;
}

static int read_key(const char *pem, size_t length, EVP_PKEY **ret_key,
                    char reason[static CERTIFICATE_REASON_MAX])
{
        _cleanup_(BIO_freep) BIO *bio = BIO_new_mem_buf(pem, (int) length);
        bool asked = false;

        if (!bio)
                return -ENOMEM;
        *ret_key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &asked);
        if (*ret_key)
                return 0;
        return bad(reason,
                   asked ? "the key has a password: take it off with `openssl pkey -in KEY`"
                         : "there is no private key in PEM form: put certificate and key into one "
                           "file (from a .pfx: `openssl pkcs12 -in FILE -nodes`)");
}

static int read_chain(const char *pem, size_t length, Chain *chain,
                      char reason[static CERTIFICATE_REASON_MAX])
{
        _cleanup_(BIO_freep) BIO *bio = BIO_new_mem_buf(pem, (int) length);
        X509 *certificate;

        if (!bio)
                return -ENOMEM;
        while ((certificate = PEM_read_bio_X509(bio, NULL, no_password, &(bool) {false}))) {
                if (chain->n_certificates == CERTIFICATE_CHAIN_MAX) {
                        X509_free(certificate);
                        return bad(reason, "there are more than 10 certificates: leave out those "
                                           "that do not vouch for it");
                }
                chain->certificates[chain->n_certificates++] = certificate;
        }
        if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
                return bad(reason, "a certificate is damaged");
        ERR_clear_error();
        if (chain->n_certificates == 0)
                return bad(reason, "there is no certificate in PEM form");
        return 0;
}

/* The certificate that the key belongs to becomes the first. */
static int match(Chain *chain, EVP_PKEY *key, char reason[static CERTIFICATE_REASON_MAX])
{
        for (size_t i = 0; i < chain->n_certificates; i++) {
                X509 *certificate = chain->certificates[i];

                if (X509_check_private_key(certificate, key) != 1)
                        continue;
                ERR_clear_error();
                memmove(&chain->certificates[1], &chain->certificates[0],
                        i * sizeof(chain->certificates[0]));
                chain->certificates[0] = certificate;
                return 0;
        }
        return bad(reason, "the key belongs to none of the certificates");
}

static int fingerprint(const X509 *certificate, const EVP_MD *digest, char *text)
{
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned length;

        if (X509_digest(certificate, digest, bytes, &length) != 1)
                return -ENOMEM;
        str_hex(bytes, length, text);
        return 0;
}

/* A BIO's text, owned. */
static int take_text(BIO *bio, char **ret_text)
{
        char *data;
        long length = BIO_get_mem_data(bio, &data);

        *ret_text = strndup(data, (size_t) length);
        return *ret_text ? 0 : -ENOMEM;
}

static int write_chain(const Chain *chain, CertificateRecord *record)
{
        _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());

        for (size_t i = 0; bio && i < chain->n_certificates; i++)
                if (PEM_write_bio_X509(bio, chain->certificates[i]) != 1)
                        return -ENOMEM;
        return bio ? take_text(bio, &record->chain) : -ENOMEM;
}

static int write_key(EVP_PKEY *key, CertificateRecord *record)
{
        _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_secmem());

        if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
                return -ENOMEM;
        return take_text(bio, &record->key);
}

static int write_subject(const X509 *certificate, CertificateRecord *record)
{
        _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
        _cleanup_free_ char *text = NULL;

        if (!bio)
                return -ENOMEM;
        /* what cannot be printed is left out: it only helps people to know it again */
        if (X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE) < 0)
                ERR_clear_error();
        if (take_text(bio, &text) < 0)
                return -ENOMEM;
        snprintf(record->subject, sizeof(record->subject), "%s", text);
        return 0;
}

static uint64_t expiry_us(const X509 *certificate)
{
        struct tm tm;
        time_t time;

        if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
                return 0;
        time = timegm(&tm);
        return time > 0 ? (uint64_t) time * USEC_PER_SEC : 0;
}

static int make_record(const Chain *chain, EVP_PKEY *key, CertificateRecord *record)
{
        const X509 *certificate = chain->certificates[0];
        int r;

        record->expires_us = expiry_us(certificate);
        r = fingerprint(certificate, EVP_sha256(), record->digest);
        if (r == 0)
                r = fingerprint(certificate, EVP_sha1(), record->sha1);
        if (r == 0)
                r = write_subject(certificate, record);
        if (r == 0)
                r = write_chain(chain, record);
        return r < 0 ? r : write_key(key, record);
}

int certificate_read(const char *pem, size_t length, Record *ret_certificate,
                     char reason[static CERTIFICATE_REASON_MAX])
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(chain_deinit) Chain chain = {};
        Record record;
        int r;

        if (length > 2 * RECORD_PEM_MAX)
                return bad(reason, "it is larger than 128 KiB");
        r = read_key(pem, length, &key, reason);
        if (r == 0)
                r = read_chain(pem, length, &chain, reason);
        if (r == 0)
                r = match(&chain, key, reason);
        if (r != 0)
                return r;
        record_init(&record, RECORD_CERTIFICATE);
        r = make_record(&chain, key, &record.certificate);
        if (r == 0 && (strlen(record.certificate.chain) > RECORD_PEM_MAX ||
                       strlen(record.certificate.key) > RECORD_PEM_MAX))
                r = bad(reason, "certificate or key is larger than 64 KiB");
        if (r != 0) {
                record_deinit(&record);
                return r;
        }
        *ret_certificate = record;
        return 0;
}
