/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The requests that a controller has: those that wait to be stepped, in order, and those that are
 * stored but not yet to be seen in this host's copy. */

#include "hostd/controller.h"

typedef struct ControllerRequests {
        ControllerRequest *first, *last;
        size_t n_waiting;
        ControllerRequest *accepted;
} ControllerRequests;

/**
 * controller_requests_add() - Name a request's operation and let it wait for its turn
 * @requests: requests
 * @request:  owned from now on, if it is taken
 *
 * Return: whether it was taken; not when too many wait.
 */
bool controller_requests_add(ControllerRequests *requests, ControllerRequest *request);

/** controller_requests_take() - Whose turn it is, owned; NULL when none waits */
ControllerRequest *controller_requests_take(ControllerRequests *requests);

/** controller_requests_fail() - None waits any more: all end with this error */
void controller_requests_fail(ControllerRequests *requests, const char *error, const char *message);

/** controller_requests_accept() - A request, owned from now on, was stored at a revision */
void controller_requests_accept(ControllerRequests *requests, ControllerRequest *request,
                                int64_t revision);

/**
 * controller_requests_tell() - This host's copy has all up to a revision
 *
 * Who asked is answered when the copy that the bus shows has what was stored: its operation's
 * object is there then.
 */
void controller_requests_tell(ControllerRequests *requests, int64_t revision);

/** controller_request_finish() - Answer whoever asked, and free the request */
void controller_request_finish(ControllerRequest *request, const char *error, const char *message);

/**
 * controller_request_fabric() - A request as the core takes it
 * @request: borrowed, as long as the result is used
 * @counts:  filled in, borrowed likewise
 */
FabricRequest controller_request_fabric(const ControllerRequest *request,
                                        FabricCount counts[static RECORD_ROLES_MAX]);
