/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The check that what is lost is back within the bound.
 *
 * An instance that is wanted and does not run has to run within D, the messages that it takes, and
 * the creation of a VM, counted from when nothing excuses it any more. It is excused while
 *   - its host is cut off, down or frozen and etcd has not ended its lease (that is L),
 *   - there is no quorum, or no leader that can write, or the brake is on,
 *   - no host has room for it (room.h),
 *   - VMs fail to start on its host, or it is sick: the healing ladder has its own times,
 *   - messages of its host get lost,
 *   - its host is carrying out that it stops.
 * A new leader counts D anew. What only its host's lease has excused has to be back within L + D
 * and those messages, counted from its loss. */

#include "tests/sim/state.h"

/** recovery_idle() - This instance does not run (any more) */
void recovery_idle(World *world, const char *id);

/** recovery_back() - It runs */
void recovery_back(World *world, const char *id);

/** recovery_forget() - There is no such instance any more */
void recovery_forget(World *world, const char *id);

/** recovery_patrol() - Look at all that do not run; each second while there are any */
void recovery_patrol(World *world);
