/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* How an instance is written on the command line. */

#include "lib/base/macros.h"

#define TARGET_NAME_MAX 128

typedef struct Target {
        char service[TARGET_NAME_MAX];
        char instance[TARGET_NAME_MAX]; /* web_IN_0 */
} Target;

/**
 * target_parse() - Read SERVICE/ROLE/NUMBER or SERVICE/ROLE_IN_NUMBER
 * @text:       what was written
 * @ret_target: on success
 *
 * Return: 0; -EINVAL when it has another form or a part is too long.
 */
int target_parse(const char *text, Target *ret_target);

/**
 * target_read() - target_parse() that says on standard error what is wrong
 * @text:       what was written
 * @ret_target: on success
 *
 * Return: CTL_DONE; CTL_USAGE.
 */
int target_read(const char *text, Target *ret_target);
