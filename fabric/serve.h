/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Whether an instance can do the work of another, which is about to be taken down by our own doing:
 * what drains and guest OS walks ask before they go on. */

#include "fabric/state.h"

/* A Ready instance with a public endpoint is waited for until it is in rotation, but not longer:
 * its probe may fail for reasons of its own. */
#define SERVE_ROTATION_MS 30000

/**
 * serve_check() - Whether clients that lose another instance find this one
 * @fabric:   state
 * @instance: instance; it is checked again when the answer changes by time alone
 *
 * That is: it is Ready, nothing was asked of it that it has not done yet, and it is in rotation, if
 * it is to be.
 */
bool serve_check(Fabric *fabric, Instance *instance);

/**
 * serve_is_moving() - Whether an instance is on its way: stopped or renewed by us, or starting
 * @fabric:   state
 * @instance: instance
 *
 * What is broken by itself is not, or it would hold up others for ever.
 */
bool serve_is_moving(Fabric *fabric, Instance *instance);

/** serve_wake() - Have an instance's deployment checked at a moment though nothing happens */
void serve_wake(Fabric *fabric, Instance *instance, uint64_t at_ns);
