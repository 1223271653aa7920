/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The secret is random and long, so a plain hash of it gives nothing away. */

#include "hostd/token.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/str.h"

#define PREFIX "troupe1"
#define PARTS  6

static void random_hex(size_t bytes, char *text)
{
        uint8_t data[TOKEN_SECRET_MAX / 2];

        assert(bytes <= sizeof(data));
        while (getrandom(data, bytes, 0) != (ssize_t) bytes)
                ;
        str_hex(data, bytes, text);
        explicit_bzero(data, sizeof(data));
}

void token_make(const IpAddress *address, const char *fingerprint, uint64_t now_us,
                uint64_t lifetime_s, Token *ret_token, TokenRecord *ret_record)
{
        *ret_token = (Token) {.address = *address};
        snprintf(ret_token->fingerprint, sizeof(ret_token->fingerprint), "%s", fingerprint);
        random_hex(TOKEN_ID_MAX / 2, ret_token->id);
        random_hex(TOKEN_SECRET_MAX / 2, ret_token->secret);
        ret_token->expires_s = now_us / USEC_PER_SEC + lifetime_s;
        *ret_record = (TokenRecord) {
                .created_us = now_us,
                .expires_us = ret_token->expires_s * USEC_PER_SEC,
        };
        snprintf(ret_record->id, sizeof(ret_record->id), "%s", ret_token->id);
        pki_digest(ret_token->secret, ret_record->hash);
}

const char *token_format(const Token *token, char text[static TOKEN_TEXT_MAX])
{
        char address[IP_TEXT_MAX];

        snprintf(text, TOKEN_TEXT_MAX, PREFIX "/%s/%s/%s/%s/%llu",
                 ip_format(&token->address, address), token->fingerprint, token->id, token->secret,
                 (unsigned long long) token->expires_s);
        return text;
}

static bool is_hex(const char *text, size_t length)
{
        return strlen(text) == length && strspn(text, "0123456789abcdef") == length;
}

int token_parse(const char *text, Token *ret_token)
{
        char copy[TOKEN_TEXT_MAX], *parts[PARTS], *at = copy;
        Token token = {};

        if (strlen(text) >= sizeof(copy))
                return TOKEN_BAD;
        memcpy(copy, text, strlen(text) + 1);
        for (size_t i = 0; i < PARTS; i++) {
                parts[i] = strsep(&at, "/");
                if (!parts[i])
                        return TOKEN_BAD;
        }
        if (at || !str_equal(parts[0], PREFIX) || ip_parse(parts[1], &token.address) < 0 ||
            !is_hex(parts[2], RECORD_DIGEST_MAX) || !is_hex(parts[3], TOKEN_ID_MAX) ||
            !is_hex(parts[4], TOKEN_SECRET_MAX) ||
            str_to_u64(parts[5], UINT64_MAX / USEC_PER_SEC, &token.expires_s) < 0)
                return TOKEN_BAD;
        memcpy(token.fingerprint, parts[2], sizeof(token.fingerprint));
        memcpy(token.id, parts[3], sizeof(token.id));
        memcpy(token.secret, parts[4], sizeof(token.secret));
        explicit_bzero(copy, sizeof(copy));
        *ret_token = token;
        return 0;
}

bool token_matches(const TokenRecord *record, const char *secret, uint64_t now_us)
{
        static const TokenRecord none = {
                .hash = "no hash looks like this one, so that no secret has "
                        "this one."};
        const TokenRecord *against = record ?: &none;
        RecordDigest hash;
        bool same;

        pki_digest(secret, hash);
        same = CRYPTO_memcmp(hash, against->hash, RECORD_DIGEST_MAX) == 0;
        return same & (now_us < against->expires_us);
}
