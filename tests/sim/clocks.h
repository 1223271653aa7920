/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Clocks that can be set (CLOCK_REALTIME) decide nothing. */

#include "tests/sim/acts.h"

/** clocks_decide_nothing() - Run @options twice, once with clocks that stay when they are set
 *
 * Return: whether the two runs were the same to the last line, and clocks were set in them.
 */
bool clocks_decide_nothing(const Options *options);
