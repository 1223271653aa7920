/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>

/** deeds_leaders_die() - Let the leader die after each transaction of each operation: true when the
 * next one always came to the end; what did not hold is printed */
bool deeds_leaders_die(void);
