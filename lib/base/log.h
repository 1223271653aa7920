/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Logging for daemons and tools: a line on standard error with the priority in front (`<3>`) when
 * the journal reads it, without when a person does. Libraries do not log, they return errors. */

#include <syslog.h>

#include "lib/base/macros.h"

/**
 * log_at() - Log one line
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO or LOG_DEBUG
 * @format:   as printf, without a newline; control characters are shown as '?'
 *
 * LOG_DEBUG lines appear only when the environment has TROUPE_DEBUG=1.
 */
void log_at(int priority, const char *format, ...) _printf_(2, 3);

/**
 * log_error_errno() - Log one error line that ends in the error's text
 * @error:  negative errno
 * @format: as printf
 *
 * Return: @error, so that `return log_error_errno(r, ...)` reads well.
 */
int log_error_errno(int error, const char *format, ...) _printf_(2, 3);

#define log_error(...)   log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_DEBUG, __VA_ARGS__)
