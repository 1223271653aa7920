/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Verbs that need descriptors, with -H: D-Bus cannot carry those through ssh, so troupectl is run
 * on the other side and its input and output are carried instead. */

#include "ctl/upload.h"

/**
 * remote_command() - The shell command that does there what was asked for here
 * @options:   what was given is written again, but for --host
 * @verb:      verb
 * @arguments: words behind the verb, NULL behind the last
 *
 * Return: text to free(), safe for a shell; NULL when memory is short.
 */
char *remote_command(const Options *options, const char *verb, char **arguments);

/**
 * remote_run() - Run a verb there, with this terminal
 * @options:   options, with --host
 * @verb:      verb
 * @arguments: words behind the verb, NULL behind the last
 * @terminal:  it wants a terminal there, if there is one here
 *
 * Return: its exit code; CTL_UNREACHABLE when ssh could not get there.
 */
int remote_run(const Options *options, const char *verb, char **arguments, bool terminal);

/**
 * remote_upload() - Run a verb there and give it files of this machine
 * @options:   options, with --host
 * @verb:      verb
 * @arguments: words behind the verb; the files are the last of them
 * @upload:    the files
 *
 * Shows a progress bar. Return: as remote_run(); a negative errno.
 */
int remote_upload(const Options *options, const char *verb, char **arguments, const Upload *upload);
