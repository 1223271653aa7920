/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files are tried out before libmicrohttpd gets them, as it says no more than that it did not
 * start. A client's certificate counts when the CA has signed it, it is in its time, and it may be
 * used by a client. */

#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/io/https-internal.h"

#define PEM_BYTES_MAX (64 * KIB)

DEFINE_CLEANUP(gnutls_certificate_credentials_t, gnutls_certificate_free_credentials)
DEFINE_CLEANUP(gnutls_x509_crt_t, gnutls_x509_crt_deinit)

static int read_pem(const char *path, char **ret_text, char message[static HTTPS_MESSAGE_MAX])
{
        int r = file_read(AT_FDCWD, path, PEM_BYTES_MAX, ret_text, NULL);

        if (r == 0 || r == -ENOMEM)
                return r;
        snprintf(message, HTTPS_MESSAGE_MAX, "%s: %s", path, strerror(-r));
        return HTTPS_BAD_FILES;
}

static gnutls_datum_t datum(char *text)
{
        return (gnutls_datum_t) {.data = (unsigned char *) text, .size = (unsigned) strlen(text)};
}

static int try_out(const HttpsFiles *files, const HttpsCredentials *credentials,
                   char message[static HTTPS_MESSAGE_MAX])
{
        _cleanup_(gnutls_certificate_free_credentialsp) gnutls_certificate_credentials_t tried =
                NULL;
        gnutls_datum_t ca = datum(credentials->ca), chain = datum(credentials->chain),
                       key = datum(credentials->key);
        int r;

        if (gnutls_certificate_allocate_credentials(&tried) < 0)
                return -ENOMEM;
        r = gnutls_certificate_set_x509_trust_mem(tried, &ca, GNUTLS_X509_FMT_PEM);
        if (r <= 0) {
                snprintf(message, HTTPS_MESSAGE_MAX, "%s: %s", files->ca,
                         r == 0 ? "has no certificate in it" : gnutls_strerror(r));
                return HTTPS_BAD_FILES;
        }
        r = gnutls_certificate_set_x509_key_mem(tried, &chain, &key, GNUTLS_X509_FMT_PEM);
        if (r < 0) {
                snprintf(message, HTTPS_MESSAGE_MAX, "%s with %s: %s", files->certificate,
                         files->key, gnutls_strerror(r));
                return HTTPS_BAD_FILES;
        }
        return 0;
}

int https_credentials_load(const HttpsFiles *files, HttpsCredentials *ret,
                           char ret_message[static HTTPS_MESSAGE_MAX])
{
        _cleanup_(https_credentials_deinit) HttpsCredentials credentials = {};
        _cleanup_free_ char *certificate = NULL;
        int r;

        r = read_pem(files->ca, &credentials.ca, ret_message);
        if (r == 0)
                r = read_pem(files->certificate, &certificate, ret_message);
        if (r == 0)
                r = read_pem(files->key, &credentials.key, ret_message);
        if (r != 0)
                return r;
        credentials.chain = str_printf("%s\n%s", certificate, credentials.ca);
        if (!credentials.chain)
                return -ENOMEM;
        r = try_out(files, &credentials, ret_message);
        if (r != 0)
                return r;
        *ret = credentials;
        credentials = (HttpsCredentials) {};
        return 0;
}

void https_credentials_deinit(HttpsCredentials *credentials)
{
        if (credentials->key)
                explicit_bzero(credentials->key, strlen(credentials->key));
        free(credentials->key);
        free(credentials->ca);
        free(credentials->chain);
        *credentials = (HttpsCredentials) {};
}

static bool is_verified(gnutls_session_t session)
{
        gnutls_typed_vdata_st purpose = {
                .type = GNUTLS_DT_KEY_PURPOSE_OID,
                .data = (unsigned char *) (char *) GNUTLS_KP_TLS_WWW_CLIENT,
        };
        unsigned status;

        return gnutls_certificate_type_get(session) == GNUTLS_CRT_X509 &&
               gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0;
}

void https_identify(gnutls_session_t session, char peer[static HTTPS_PEER_MAX + 1],
                    char peer_sha256[static 64 + 1])
{
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t certificate = NULL;
        size_t length = HTTPS_PEER_MAX + 1, digest_length = 32;
        const gnutls_datum_t *chain;
        uint8_t digest[32];
        unsigned n;

        peer[0] = peer_sha256[0] = '\0';
        chain = gnutls_certificate_get_peers(session, &n);
        if (!chain || n == 0 || !is_verified(session))
                return;
        if (gnutls_x509_crt_init(&certificate) < 0 ||
            gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) < 0 ||
            gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, peer,
                                          &length) < 0 ||
            length != strlen(peer) || !str_is_name(peer, HTTPS_PEER_MAX) ||
            gnutls_fingerprint(GNUTLS_DIG_SHA256, &chain[0], digest, &digest_length) < 0) {
                peer[0] = '\0';
                return;
        }
        str_hex(digest, sizeof(digest), peer_sha256);
}
