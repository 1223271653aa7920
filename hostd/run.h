/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Runs a helper program and waits for it: on a Worker's thread only. */

#include "lib/base/macros.h"

/* What a program says on its error output is kept up to here, the rest is thrown away. */
#define RUN_OUTPUT_MAX 2048U

/**
 * run_program() - Run a program to its end
 * @argv:        its file and arguments, NULL-terminated; no shell, no search path
 * @ret_message: when it did not exit with 0, what it wrote to standard error, owned, one line; may
 * be NULL when memory is short
 *
 * It dies with hostd's control group, so that a program of a killed hostd is gone before the next
 * one starts.
 *
 * Return: 0; its exit status, 1 to 255, or 128 and its signal's number; the errno of starting it.
 */
int run_program(const char *const argv[], char **ret_message);
