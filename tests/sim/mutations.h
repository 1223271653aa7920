/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>

/** mutations_found() - Make each deliberate mistake; true when the check that is there for it finds
 * each. What was found is printed */
bool mutations_found(void);
