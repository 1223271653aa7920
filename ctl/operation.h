/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Long operations: start one by a call, and follow it to its end if --wait was given. */

#include "ctl/bus.h"

/** OperationPoll - How far it is, 0 to 1, or PROGRESS_UNKNOWN; asked once a second */
typedef double (*OperationPoll)(sd_bus *bus);

/**
 * operation_call() - As sd_bus_call(), with something that moves while it takes long
 * @options:   options; of them quiet
 * @bus:       connection, with its timeout
 * @call:      the call
 * @what:      what it does, for people: "Importing the guest OS"
 * @poll:      asks how far it is; NULL: nobody knows
 * @error:     what the other side says against it
 * @ret_reply: owned
 *
 * Return: 0; a negative errno.
 */
int operation_call(const Options *options, sd_bus *bus, sd_bus_message *call, const char *what,
                   OperationPoll poll, sd_bus_error *error, sd_bus_message **ret_reply);

/**
 * operation_run() - Send the call that starts an operation, and wait for it as the options say
 * @options: options
 * @bus:     connection
 * @call:    the call; its reply is the operation's path
 * @what:    what it does, for people: "Scaling guestbook"
 *
 * Without --wait it returns when the operation has been accepted, and says its id. Says on standard
 * error what went wrong.
 *
 * Return: CTL_DONE or another exit code; a negative errno.
 */
int operation_run(const Options *options, sd_bus *bus, sd_bus_message *call, const char *what);

/**
 * operation_wait() - Follow an operation to its end
 * @options: options; of them timeout and quiet
 * @bus:     connection
 * @path:    the operation's object
 * @what:    what it does, for people
 *
 * hostd may restart meanwhile: the operation goes on, and so does the waiting.
 *
 * Return: CTL_DONE when it succeeded; CTL_FAILED; CTL_TIMEOUT; CTL_UNREACHABLE; a negative errno.
 */
int operation_wait(const Options *options, sd_bus *bus, const char *path, const char *what);
