/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The leader half of hostd: the real core, fed from a watch that may lag or break, its plans
 * written transaction by transaction. There may be several who believe to be the leader. */

#include "tests/sim/state.h"

/** controller_leading() - The one whose election is the last, or NULL */
Controller *controller_leading(const World *world);

/** controller_tell_all() - All who believe to be the leader will learn of the change */
void controller_tell_all(World *world, const RecordKey *key, const Record *record);

/** controller_free() - Free it and what it has not taken in yet */
void controller_free(Controller *controller);

/** controller_drop() - It is no more */
void controller_drop(World *world, Controller *controller);

/** controller_of() - By the token of its events; NULL when it is no more */
Controller *controller_of(const World *world, uint64_t token);

/** controller_commit() - Its transaction has come to etcd */
void controller_commit(World *world, Controller *c);

/** controller_answered() - etcd has answered; @ok false: refused, or nobody knows */
void controller_answered(World *world, Controller *c, bool ok);

/** controller_silence() - Leaders that can be told are told that a host has fallen silent */
void controller_silence(World *world, const SimHost *host);

/** controller_learn() - It learns something, at once or when it has written its plan */
void controller_learn(World *world, Controller *c, Event event);

/** controller_tell() - Its watch brings something, or will when it is connected again */
void controller_tell(World *world, Controller *c, Event *event);

/** controller_elect() - If there is no leader, one of the hosts that can becomes it */
void controller_elect(World *world);

/** controller_resume() - Those on this host go on */
void controller_resume(World *world, unsigned host);

/** ask_free() - Free what an operator asked */
void ask_free(Ask *ask);
