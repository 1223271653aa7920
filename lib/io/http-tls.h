/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Trusting a server whose CA is known by its fingerprint alone: what HttpTls.ca_sha256 is made of.
 * Only http.c includes this. */

#include <curl/curl.h>
#include <stdbool.h>

#include "lib/base/macros.h"

/* Lives as long as the request. */
typedef struct HttpPin {
        uint8_t ca_sha256[32];
        const char *message; /* why the server was refused; NULL: it was not, or not for this */
} HttpPin;

/**
 * http_pin_set() - Let a request trust a server by its CA's fingerprint, and by nothing else
 * @pin:       filled in; must stay where it is for the request's life
 * @easy:      the request
 * @ca_sha256: 64 hexadecimal digits
 *
 * Return: whether that could be set; false for what is no fingerprint.
 */
bool http_pin_set(HttpPin *pin, CURL *easy, const char *ca_sha256);
