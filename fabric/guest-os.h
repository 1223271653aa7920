/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Versions of guest operating systems: which one a deployment is to run with, and when one that
 * nobody uses goes. */

#include "fabric/state.h"

#define GUEST_OS_KEEP_MS 3600000 /* one that nothing uses, from import or from the last use on */

/**
 * guest_os_compare() - Order versions as people count them
 *
 * Runs of digits by their value, all else by character.
 *
 * Return: less than, equal to or greater than 0, as strcmp().
 */
int guest_os_compare(const char *a, const char *b);

/** guest_os_find() - A version's record, or NULL */
OsRecord *guest_os_find(const Fabric *fabric, const char *family, const char *version);

/** guest_os_newest() - The newest version of a family that is not disabled, or NULL */
const OsRecord *guest_os_newest(const Fabric *fabric, const char *family);

/**
 * guest_os_pick() - The version that a new deployment begins with
 * @fabric:  state
 * @family:  family
 * @version: "*" for the newest
 *
 * Return: its record; NULL when it was not imported, or is disabled.
 */
const OsRecord *guest_os_pick(const Fabric *fabric, const char *family, const char *version);

/** guest_os_is_disabled() - Whether a version is there, and disabled */
bool guest_os_is_disabled(const Fabric *fabric, const char *family, const char *version);

/**
 * guest_os_next() - The version that a deployment is to be walked to
 * @fabric:     state
 * @deployment: deployment
 *
 * With "*" that is the family's newest, if it is newer than the present one or the present one is
 * disabled; a pinned version is stayed with, or come back to, unless it is disabled: then the
 * newest. A version with which instances did not become Ready is passed over.
 *
 * Return: its record; NULL when it is to stay where it is.
 */
const OsRecord *guest_os_next(const Fabric *fabric, const DeploymentRecord *deployment);

/**
 * guest_os_ask() - Have a deployment ask for another version
 * @fabric:     state
 * @deployment: deployment of which nothing else is under way; the caller writes it
 * @version:    "*", or one that guest_os_pick() finds
 *
 * What guest_os_next() says then is walked to. One that failed before is tried again, and a walk
 * that stands still goes on to what is asked for now. Nothing when it is asked for already.
 */
void guest_os_ask(Fabric *fabric, DeploymentRecord *deployment, const char *version);

/** guest_os_user() - A deployment that runs with a version or is pinned to it, or NULL */
const DeploymentRecord *guest_os_user(const Fabric *fabric, const OsRecord *os);

/** guest_os_holder() - A registered host that has a version's bytes, or NULL */
const char *guest_os_holder(const Fabric *fabric, const OsRecord *os);

/**
 * guest_os_check() - Start or stop the count-down of each version
 *
 * One goes that is not the newest of its family, that no deployment uses, and that was imported or
 * that no host has any more: what a host image brings would come back at once.
 */
void guest_os_check(Fabric *fabric);

/** guest_os_changed() - A version came, went or was changed: deployments may have to follow it */
void guest_os_changed(Fabric *fabric);
