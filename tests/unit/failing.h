/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A failing allocator for unit tests. Every unit test is linked so that malloc and its kin pass
 * through here; they fail only inside FAILING_EACH, where the first, then the second, ...
 * allocation fails until the expression gets through. What it leaves behind then shows under `make
 * asan`. */

#include <stdbool.h>

/** failing_begin() - Let the @nth allocation from now (0 is the next) return NULL, once */
void failing_begin(unsigned nth);

/** failing_end() - Stop failing; gives whether an allocation did fail since failing_begin() */
bool failing_end(void);

/* Runs `expression` (an int: 0 or negative errno) until no allocation fails in it; each failure
 * must have come out as -ENOMEM, and at least one allocation must be in it. */
#define FAILING_EACH(expression)                                                                   \
        do {                                                                                       \
                bool failing_hit = true;                                                           \
                unsigned failing_n = 0;                                                            \
                for (; failing_hit; failing_n++) {                                                 \
                        int failing_r;                                                             \
                        failing_begin(failing_n);                                                  \
                        failing_r = (expression);                                                  \
                        failing_hit = failing_end();                                               \
                        assert_int_equal(failing_r, failing_hit ? -ENOMEM : 0);                    \
                        assert_true(failing_n < 100000);                                           \
                }                                                                                  \
                assert_true(failing_n > 1);                                                        \
        } while (0)
