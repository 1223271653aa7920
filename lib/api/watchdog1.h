/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Names of org.troupe.Watchdog1. lib/api/org.troupe.Watchdog1.xml is the contract. */

#define WATCHDOG1_NAME      "org.troupe.Watchdog1"
#define WATCHDOG1_PATH      "/org/troupe/Watchdog1"
#define WATCHDOG1_INTERFACE "org.troupe.Watchdog1"

#define WATCHDOG1_POOLS_TYPE "a(ss)"

#define WATCHDOG1_ERROR_INEQUALITY "org.troupe.Error.Inequality"
#define WATCHDOG1_ERROR_OVER       "org.troupe.Error.Fenced"
#define WATCHDOG1_ERROR_BUSY       "org.troupe.Error.Fencing"
#define WATCHDOG1_ERROR_STALE      "org.troupe.Error.Stale"
#define WATCHDOG1_ERROR_FUTURE     "org.troupe.Error.Future"
#define WATCHDOG1_ERROR_STRICT     "org.troupe.Error.Strict"
