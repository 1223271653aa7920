/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Join tokens: `troupe1/ADDRESS/FINGERPRINT/ID/SECRET/EXPIRY`, one text without blanks that an
 * operator carries from a host of the cluster to a new one. It says where to ask, by what the CA is
 * known again, and the secret that is good for one join. */

#include <stdbool.h>

#include "hostd/openssl-pki.h"

#define TOKEN_BAD        1 /* outcome: not a token */
#define TOKEN_TEXT_MAX   320
#define TOKEN_SECRET_MAX 64 /* 256 random bits, in hexadecimal */
#define TOKEN_ID_MAX     16

typedef struct Token {
        IpAddress address;        /* of a host that lets others in */
        RecordDigest fingerprint; /* SHA-256 of the CA's certificate */
        char id[TOKEN_ID_MAX + 1];
        char secret[TOKEN_SECRET_MAX + 1];
        uint64_t expires_s; /* CLOCK_REALTIME; for people: who decides is the cluster */
} Token;

/**
 * token_make() - A fresh token and what the cluster keeps of it
 * @address:     of this host
 * @fingerprint: of the CA
 * @now_us:      CLOCK_REALTIME
 * @lifetime_s:  how long it is good
 * @ret_token:   wipe it after use
 * @ret_record:  has a hash of the secret only
 */
void token_make(const IpAddress *address, const char *fingerprint, uint64_t now_us,
                uint64_t lifetime_s, Token *ret_token, TokenRecord *ret_record);

/** token_format() - Its text; @text is returned */
const char *token_format(const Token *token, char text[static TOKEN_TEXT_MAX]);

/** token_parse() - 0; TOKEN_BAD */
int token_parse(const char *text, Token *ret_token);

/**
 * token_matches() - Whether a secret is that of a token which is still good
 * @record: what the cluster keeps, or NULL when it keeps nothing of this name
 * @secret: from outside
 * @now_us: CLOCK_REALTIME
 *
 * Takes as long for a token that is not there as for one whose secret is wrong, wherever it is
 * wrong.
 */
bool token_matches(const TokenRecord *record, const char *secret, uint64_t now_us);
