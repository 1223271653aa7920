/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenSSL by its building blocks. A call that fails where nothing from outside is involved can only
 * lack memory. */

#include "hostd/openssl-pki.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/str.h"

#define AUTHORITY_YEARS 30
#define DAY_S           86400
#define BACKDATE_S      (2 * DAY_S)
#define SERIAL_BYTES    16

DEFINE_CLEANUP(BIO *, BIO_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(X509_CRL *, X509_CRL_free)
DEFINE_CLEANUP(X509_REVOKED *, X509_REVOKED_free)
DEFINE_CLEANUP(X509_EXTENSION *, X509_EXTENSION_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(ASN1_INTEGER *, ASN1_INTEGER_free)
DEFINE_CLEANUP(ASN1_TIME *, ASN1_TIME_free)

static int bad(void)
{
        ERR_clear_error();
        return PKI_BAD;
}

/* Nobody is asked for a password. */
static int no_password(char *buffer, int size, int writing, void *userdata)
{
        return -1;
}

static int take_text(BIO *bio, char **ret_text)
{
        char *data;
        long length = BIO_get_mem_data(bio, &data);

        *ret_text = strndup(data, (size_t) length);
        return *ret_text ? 0 : -ENOMEM;
}

#define DEFINE_READ(name, type, reader)                                                            \
        static type *name(const char *text)                                                        \
        {                                                                                          \
                _cleanup_(BIO_freep) BIO *bio = BIO_new_mem_buf(text, -1);                         \
                type *object = bio ? reader(bio, NULL, no_password, NULL) : NULL;                  \
                                                                                                   \
                ERR_clear_error();                                                                 \
                return object;                                                                     \
        }
DEFINE_READ(read_certificate, X509, PEM_read_bio_X509)
DEFINE_READ(read_request, X509_REQ, PEM_read_bio_X509_REQ)
DEFINE_READ(read_key, EVP_PKEY, PEM_read_bio_PrivateKey)

static int write_key(EVP_PKEY *key, char **ret_text)
{
        _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_secmem());

        if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
                return -ENOMEM;
        return take_text(bio, ret_text);
}

static int write_certificate(const X509 *certificate, char **ret_text)
{
        _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());

        if (!bio || PEM_write_bio_X509(bio, certificate) != 1)
                return -ENOMEM;
        return take_text(bio, ret_text);
}

int pki_make_key(char **ret_key)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen("P-256");

        return key ? write_key(key, ret_key) : -ENOMEM;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
        _cleanup_(X509_EXTENSION_freep) X509_EXTENSION *extension = NULL;
        X509V3_CTX context;

        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        return extension && X509_add_ext(certificate, extension, -1) == 1;
}

static bool set_serial(X509 *certificate, unsigned char bytes[static SERIAL_BYTES])
{
        _cleanup_(BN_freep) BIGNUM *number = NULL;

        if (RAND_bytes(bytes, SERIAL_BYTES) != 1)
                return false;
        bytes[0] = (bytes[0] & 0x3f) | 0x40; /* positive, and of one length */
        number = BN_bin2bn(bytes, SERIAL_BYTES, NULL);
        return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

static bool set_basics(X509 *certificate, const char *name, EVP_PKEY *key, uint64_t from_us,
                       uint64_t to_us)
{
        X509_NAME *subject = X509_get_subject_name(certificate);

        return X509_set_version(certificate, X509_VERSION_3) == 1 &&
               X509_set_pubkey(certificate, key) == 1 &&
               X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                          (const unsigned char *) name, -1, -1, 0) == 1 &&
               ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t) (from_us / USEC_PER_SEC)) &&
               ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t) (to_us / USEC_PER_SEC));
}

int pki_make_authority(const char *name, uint64_t now_us, char **ret_certificate, char **ret_key)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
        _cleanup_(X509_freep) X509 *ca = X509_new();
        uint64_t end_us = now_us + AUTHORITY_YEARS * UINT64_C(365) * DAY_S * USEC_PER_SEC;
        unsigned char serial[SERIAL_BYTES];
        char *text;
        int r;

        if (!key || !ca || !set_serial(ca, serial) ||
            !set_basics(ca, name, key, now_us - BACKDATE_S * USEC_PER_SEC, end_us) ||
            X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
            !add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
            !add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
            !add_extension(ca, ca, NID_subject_key_identifier, "hash") ||
            X509_sign(ca, key, EVP_sha256()) <= 0)
                return -ENOMEM;
        r = write_certificate(ca, &text);
        if (r < 0)
                return r;
        r = write_key(key, ret_key);
        if (r < 0) {
                free(text);
                return r;
        }
        *ret_certificate = text;
        return 0;
}

int pki_make_request(const char *key_text, char **ret_request)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = read_key(key_text);
        _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
        _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());

        if (!key)
                return bad();
        if (!request || !bio || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
            X509_REQ_set_pubkey(request, key) != 1 ||
            X509_REQ_sign(request, key, EVP_sha256()) <= 0 ||
            PEM_write_bio_X509_REQ(bio, request) != 1)
                return -ENOMEM;
        return take_text(bio, ret_request);
}

/* `DNS:h1,IP:192.0.2.1` */
static int alternative_names(const PkiSubject *subject, char **ret_text)
{
        StrBuffer text = {};
        char address[IP_TEXT_MAX];

        str_buffer_addf(&text, "DNS:%s", subject->name);
        for (size_t i = 0; i < subject->n_addresses; i++)
                if (subject->addresses[i].family != 0)
                        str_buffer_addf(&text, ",IP:%s",
                                        ip_format(&subject->addresses[i], address));
        return str_buffer_take(&text, ret_text);
}

static int make_host(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, const PkiSubject *subject,
                     X509 *host, unsigned char serial[static SERIAL_BYTES])
{
        _cleanup_free_ char *names = NULL;
        int r;

        r = alternative_names(subject, &names);
        if (r < 0)
                return r;
        if (!set_serial(host, serial) ||
            !set_basics(host, subject->name, key, subject->not_before_us, subject->not_after_us) ||
            X509_set_issuer_name(host, X509_get_subject_name(ca)) != 1 ||
            !add_extension(host, ca, NID_basic_constraints, "critical,CA:FALSE") ||
            !add_extension(host, ca, NID_key_usage, "critical,digitalSignature") ||
            !add_extension(host, ca, NID_ext_key_usage, "serverAuth,clientAuth") ||
            !add_extension(host, ca, NID_authority_key_identifier, "keyid") ||
            !add_extension(host, ca, NID_subject_alt_name, names) ||
            X509_sign(host, ca_key, EVP_sha256()) <= 0)
                return -ENOMEM;
        return 0;
}

int pki_sign(const PkiAuthority *authority, const char *request_text, const PkiSubject *subject,
             char **ret_certificate, RecordName ret_serial)
{
        _cleanup_(X509_freep) X509 *ca = read_certificate(authority->certificate);
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *ca_key = read_key(authority->key);
        _cleanup_(X509_REQ_freep) X509_REQ *request = read_request(request_text);
        _cleanup_(X509_freep) X509 *host = X509_new();
        EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
        unsigned char serial[SERIAL_BYTES];
        int r;

        assert(str_is_name(subject->name, RECORD_NAME_MAX));
        if (!host)
                return -ENOMEM;
        if (!ca || !ca_key || X509_check_private_key(ca, ca_key) != 1 || !key ||
            X509_REQ_verify(request, key) != 1 || !EVP_PKEY_is_a(key, "EC"))
                return bad();
        r = make_host(ca, ca_key, key, subject, host, serial);
        if (r == 0)
                r = write_certificate(host, ret_certificate);
        if (r == 0)
                str_hex(serial, sizeof(serial), ret_serial);
        ERR_clear_error();
        return r;
}

static uint64_t time_us(const ASN1_TIME *asn1)
{
        struct tm tm;
        time_t time;

        if (ASN1_TIME_to_tm(asn1, &tm) != 1)
                return 0;
        time = timegm(&tm);
        return time > 0 ? (uint64_t) time * USEC_PER_SEC : 0;
}

static void read_addresses(const X509 *certificate, PkiFacts *facts)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

        for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
                int length = name->type == GEN_IPADD ? ASN1_STRING_length(name->d.iPAddress) : 0;
                IpAddress *address = &facts->addresses[facts->n_addresses];

                if ((length != 4 && length != 16) || facts->n_addresses == PKI_ADDRESSES_MAX)
                        continue;
                address->family = length == 4 ? 4 : 6;
                memcpy(address->bytes, ASN1_STRING_get0_data(name->d.iPAddress), (size_t) length);
                facts->n_addresses++;
        }
        GENERAL_NAMES_free(names);
}

int pki_examine(const char *text, PkiFacts *ret_facts)
{
        _cleanup_(X509_freep) X509 *certificate = read_certificate(text);
        const ASN1_INTEGER *serial;
        unsigned char digest[EVP_MAX_MD_SIZE];
        PkiFacts facts = {};
        unsigned length;

        if (!certificate)
                return bad();
        if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
                return -ENOMEM;
        str_hex(digest, length, facts.fingerprint);
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, facts.name,
                                  sizeof(facts.name));
        if (!str_is_name(facts.name, RECORD_NAME_MAX))
                facts.name[0] = '\0';
        serial = X509_get0_serialNumber(certificate);
        if (ASN1_STRING_length(serial) <= SERIAL_BYTES)
                str_hex(ASN1_STRING_get0_data(serial), (size_t) ASN1_STRING_length(serial),
                        facts.serial);
        facts.not_before_us = time_us(X509_get0_notBefore(certificate));
        facts.not_after_us = time_us(X509_get0_notAfter(certificate));
        read_addresses(certificate, &facts);
        ERR_clear_error();
        *ret_facts = facts;
        return 0;
}

int pki_verify(const char *authority, const char *certificate, const char *key_text)
{
        _cleanup_(X509_freep) X509 *ca = read_certificate(authority);
        _cleanup_(X509_freep) X509 *host = read_certificate(certificate);
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_text ? read_key(key_text) : NULL;

        if (!ca || !host || (key_text && !key) || X509_check_issued(ca, host) != X509_V_OK ||
            X509_verify(host, X509_get0_pubkey(ca)) != 1 ||
            (key && X509_check_private_key(host, key) != 1))
                return bad();
        return 0;
}

static int add_revoked(X509_CRL *list, const char *serial, ASN1_TIME *now)
{
        _cleanup_(X509_REVOKED_freep) X509_REVOKED *revoked = X509_REVOKED_new();
        _cleanup_(ASN1_INTEGER_freep) ASN1_INTEGER *number = NULL;
        _cleanup_(BN_freep) BIGNUM *big = NULL;

        if (strspn(serial, "0123456789abcdef") != strlen(serial) || BN_hex2bn(&big, serial) == 0)
                return bad();
        number = BN_to_ASN1_INTEGER(big, NULL);
        if (!revoked || !number || X509_REVOKED_set_serialNumber(revoked, number) != 1 ||
            X509_REVOKED_set_revocationDate(revoked, now) != 1 ||
            X509_CRL_add0_revoked(list, revoked) != 1)
                return -ENOMEM;
        TAKE_PTR(revoked);
        return 0;
}

static int sign_list(X509_CRL *list, X509 *ca, EVP_PKEY *ca_key, char **ret_list)
{
        _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());

        if (!bio || X509_CRL_set_issuer_name(list, X509_get_subject_name(ca)) != 1 ||
            X509_CRL_sort(list) != 1 || X509_CRL_sign(list, ca_key, EVP_sha256()) <= 0 ||
            PEM_write_bio_X509_CRL(bio, list) != 1)
                return -ENOMEM;
        return take_text(bio, ret_list);
}

int pki_revoke(const PkiAuthority *authority, const char *const *serials, size_t n_serials,
               uint64_t now_us, char **ret_list)
{
        _cleanup_(X509_freep) X509 *ca = read_certificate(authority->certificate);
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *ca_key = read_key(authority->key);
        _cleanup_(X509_CRL_freep) X509_CRL *list = X509_CRL_new();
        _cleanup_(ASN1_TIME_freep) ASN1_TIME *now = NULL, *end = NULL;
        time_t now_s = (time_t) (now_us / USEC_PER_SEC);
        int r;

        if (!ca || !ca_key || X509_check_private_key(ca, ca_key) != 1 ||
            n_serials > PKI_SERIALS_MAX)
                return bad();
        now = ASN1_TIME_set(NULL, now_s - BACKDATE_S);
        end = ASN1_TIME_set(NULL, now_s + AUTHORITY_YEARS * 365L * DAY_S);
        if (!list || !now || !end || X509_CRL_set_version(list, X509_CRL_VERSION_2) != 1 ||
            X509_CRL_set1_lastUpdate(list, now) != 1 || X509_CRL_set1_nextUpdate(list, end) != 1)
                return -ENOMEM;
        for (size_t i = 0; i < n_serials; i++) {
                r = add_revoked(list, serials[i], now);
                if (r != 0)
                        return r;
        }
        return sign_list(list, ca, ca_key, ret_list);
}

void pki_digest(const char *text, RecordDigest ret_digest)
{
        unsigned char digest[SHA256_DIGEST_LENGTH];

        SHA256((const unsigned char *) text, strlen(text), digest);
        str_hex(digest, sizeof(digest), ret_digest);
}
