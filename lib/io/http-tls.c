/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenSSL asks verify() in place of its own verification. The certificate with the fingerprint is
 * looked for among those that the server sent, becomes the only one that is trusted, and then
 * OpenSSL verifies as ever: signatures, times, purposes. That the certificate is for the host's
 * name or address is checked by libcurl afterwards, before anything of the request is sent. */

#include "lib/io/http-tls.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include "lib/base/str.h"

static bool is_pinned(const HttpPin *pin, const X509 *certificate)
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;

        return X509_digest(certificate, EVP_sha256(), digest, &length) == 1 &&
               length == sizeof(pin->ca_sha256) && memcmp(digest, pin->ca_sha256, length) == 0;
}

static int verify(X509_STORE_CTX *context, void *userdata)
{
        STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(context), *trusted;
        HttpPin *pin = userdata;
        X509 *ca = NULL;
        int verified;

        for (int i = 0; !ca && i < sk_X509_num(sent); i++)
                if (is_pinned(pin, sk_X509_value(sent, i)))
                        ca = sk_X509_value(sent, i);
        if (!ca) {
                pin->message = "the server does not have a certificate of the CA with this "
                               "fingerprint: it is of another cluster, or something is in between";
                X509_STORE_CTX_set_error(context, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT);
                return 0;
        }
        trusted = sk_X509_new_null();
        if (!trusted || sk_X509_push(trusted, ca) == 0) {
                sk_X509_free(trusted);
                X509_STORE_CTX_set_error(context, X509_V_ERR_OUT_OF_MEM);
                return 0;
        }
        X509_STORE_CTX_set0_trusted_stack(context, trusted);
        verified = X509_verify_cert(context);
        sk_X509_free(trusted);
        if (verified != 1)
                pin->message = "the server's certificate is not of the CA with this fingerprint, "
                               "or is out of its time";
        return verified == 1;
}

static CURLcode on_context(CURL *easy, void *context, void *userdata)
{
        SSL_CTX_set_cert_verify_callback(context, verify, userdata);
        return CURLE_OK;
}

bool http_pin_set(HttpPin *pin, CURL *easy, const char *ca_sha256)
{
        if (strlen(ca_sha256) != 2 * sizeof(pin->ca_sha256) ||
            str_unhex(ca_sha256, pin->ca_sha256, sizeof(pin->ca_sha256)) < 0)
                return false;
        return !curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) &&
               !curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, (void *) pin) &&
               !curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) &&
               !curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) &&
               /* libcurl does not know that such a connection is not like any other */
               !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) &&
               !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}
