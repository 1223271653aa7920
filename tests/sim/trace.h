/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What has happened as lines of text, and the first thing that must not. */

#include "tests/sim/state.h"

/** trace_note() - Say what happens now */
void _printf_(2, 3) trace_note(World *world, const char *format, ...);

/** trace_violation() - Something did not hold; the first of these is kept and ends the run */
void _printf_(2, 3) trace_violation(World *world, const char *format, ...);

/** trace_change() - Say what a change of a record means, if anything; NULL: not there */
void trace_change(World *world, const Record *old, const Record *record);
