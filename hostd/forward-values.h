/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The arguments of a call, and of its answer, on their way between hosts. */

#include <systemd/sd-bus.h>
#include <systemd/sd-json.h>

#define FORWARD_FILES_MAX 2 /* descriptors of one call */

/* Descriptors that go along with a message's values: there each is its number among them. */
typedef struct ForwardFiles {
        int fds[FORWARD_FILES_MAX]; /* whoever has this owns them or not, as it says */
        unsigned n_fds;
} ForwardFiles;

/**
 * forward_encode() - A message's arguments, from where it stands, as JSON
 * @message:    sealed; only of types that calls of org.troupe.Host1 and their answers have
 * @files:      its descriptors are appended, the message's still; NULL: it may have none
 * @ret_values: owned array
 *
 * Return: 0; -EOPNOTSUPP; -E2BIG; another negative errno.
 */
int forward_encode(sd_bus_message *message, ForwardFiles *files, sd_json_variant **ret_values);

/**
 * forward_decode() - Append JSON values of a signature to a message
 * @message:   not sealed; of no use after a failure
 * @signature: any text, hostile
 * @values:    any JSON, hostile
 * @files:     whose descriptors the values may name; NULL: none
 *
 * Return: 0; -EBADMSG; -EOPNOTSUPP; another negative errno.
 */
int forward_decode(sd_bus_message *message, const char *signature, sd_json_variant *values,
                   const ForwardFiles *files);

/** forward_text_of() - A member's text; "" when there is none */
const char *forward_text_of(sd_json_variant *json, const char *name);
