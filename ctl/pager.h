/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Long output goes through a pager on a terminal, as journalctl does it. */

#include <sys/types.h>

#include "ctl/options.h"

typedef struct Pager {
        pid_t pid;        /* 0: none */
        int saved_stdout; /* where standard output was */
} Pager;

/**
 * pager_open() - From now on standard output goes to a pager, if it is a terminal and one is wanted
 * @pager:   initialised in any case
 * @options: options
 */
void pager_open(Pager *pager, const Options *options);

/** pager_close() - Give standard output back and wait until the reader has left the pager */
void pager_close(Pager *pager);
