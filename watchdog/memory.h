/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the watchdog knows, in a mapped file under /run, so that one that was killed goes on where
 * it was, and the soft fence comes when it would have come. Written to memory only: nothing waits.
 */

#include "watchdog/guard.h"
#include "watchdog/vips.h"

typedef struct Remembered {
        Guard guard;
        VipPool pools[VIPS_POOLS_MAX];
        uint64_t n_pools;
} Remembered;

typedef struct Memory Memory;

enum {
        MEMORY_NEW = 1, /* there was none: the host has just booted */
        MEMORY_TORN,    /* there was one that cannot be read */
};

/**
 * memory_open() - Map the file, and read what is there
 * @path:           file, made if it is not there
 * @ret_remembered: on 0, what was there
 * @ret_memory:     owned; not on a negative return
 *
 * Return: 0; MEMORY_NEW; MEMORY_TORN; the errno of what failed.
 */
int memory_open(const char *path, Remembered *ret_remembered, Memory **ret_memory);

/** memory_write() - Remember this. A process that dies in the middle leaves what was before */
void memory_write(Memory *memory, const Remembered *remembered);

/** memory_close() - Unmap it; the file stays */
Memory *memory_close(Memory *memory);
DEFINE_CLEANUP(Memory *, memory_close)
