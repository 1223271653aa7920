/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Intents: a file for each VM, written before anything is made for it and removed when nothing of
 * it is left. What hostd finds at its start without an intent is not meant to be. Also the highest
 * incarnation of each instance that this host has run. All of this blocks: on a Worker's thread, or
 * before the loop runs. */

#include "hostd/vm-names.h"
#include "lib/api/records.h"

#define INTENT_BYTES_MAX (64 * KIB)

typedef struct Intent {
        InstanceId id;
        uint64_t incarnation;
        char tag[VM_TAG_MAX + 1];
        uint64_t applied[ACTIONS]; /* requests that have been carried out */
} Intent;

/**
 * intent_write() - Write or replace an intent, safely before this returns
 *
 * Return: 0; a negative errno, and then the old one is as it was.
 */
int intent_write(const char *path, const Intent *intent);

/**
 * intent_read() - Read an intent
 *
 * Return: 0; -EBADMSG when it is not one; -ENOMEM; the errno of reading it.
 */
int intent_read(const char *path, Intent *ret_intent);

/**
 * intent_remove() - Remove an intent
 *
 * Return: 0, also when there is none; a negative errno.
 */
int intent_remove(const char *path);

/**
 * incarnation_note() - Note that an incarnation of an instance has been here
 * @dir:         directory of notes
 * @id:          instance
 * @incarnation: not lower than what is noted already
 *
 * Return: 0; a negative errno.
 */
int incarnation_note(const char *dir, const InstanceId *id, uint64_t incarnation);

/**
 * incarnation_highest() - The highest incarnation that has been here
 *
 * Return: 0; -ENOENT when none has; -EBADMSG; a negative errno.
 */
int incarnation_highest(const char *dir, const InstanceId *id, uint64_t *ret_incarnation);

/** incarnation_forget() - Forget an instance of a deployment that is gone: ids are never used again
 */
void incarnation_forget(const char *dir, const InstanceId *id);
