/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What every unit test includes: cmocka with the headers it wants before it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
