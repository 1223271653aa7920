/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two copies, each with a number and a hash over both; written in turn, the whole one with the
 * higher number counts. */

#include "watchdog/memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/base/hash.h"

#define FORMAT UINT64_C(0x7472777430303031) /* grows when the structs change */

typedef struct Copy {
        uint64_t format, number;
        Remembered remembered;
        uint64_t hash;
} Copy;

struct Memory {
        Copy *copies; /* two, mapped */
        uint64_t number;
};

static uint64_t hash_of(const Copy *copy)
{
        return hash_bytes(copy, offsetof(Copy, hash), FORMAT);
}

static bool is_whole(const Copy *copy)
{
        return copy->format == FORMAT && copy->number > 0 && copy->hash == hash_of(copy) &&
               copy->remembered.guard.state < _GUARD_STATE_MAX &&
               copy->remembered.n_pools <= VIPS_POOLS_MAX;
}

static int read_back(Memory *memory, Remembered *ret_remembered)
{
        const Copy *best = NULL;
        bool blank = true;

        for (unsigned i = 0; i < 2; i++) {
                const Copy *copy = &memory->copies[i];

                if (is_whole(copy) && (!best || copy->number > best->number))
                        best = copy;
                blank &= copy->format == 0 && copy->number == 0;
        }
        if (!best)
                return blank ? MEMORY_NEW : MEMORY_TORN;
        memory->number = best->number;
        *ret_remembered = best->remembered;
        return 0;
}

int memory_open(const char *path, Remembered *ret_remembered, Memory **ret_memory)
{
        _cleanup_(memory_closep) Memory *memory = calloc(1, sizeof(*memory));
        _cleanup_close_ int fd = -1;
        struct stat st;
        void *mapped;
        int r;

        if (!memory)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (ftruncate(fd, 2 * sizeof(Copy)) < 0)
                return -errno;
        mapped = mmap(NULL, 2 * sizeof(Copy), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped == MAP_FAILED)
                return -errno;
        memory->copies = mapped;
        r = read_back(memory, ret_remembered);
        if (r == MEMORY_NEW && st.st_size > 0)
                r = MEMORY_TORN;
        *ret_memory = TAKE_PTR(memory);
        return r;
}

void memory_write(Memory *memory, const Remembered *remembered)
{
        Copy *copy = &memory->copies[(memory->number + 1) % 2];

        /* A difference in padding alone costs a write and no more.
         * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
        if (memory->number > 0 && memcmp(&memory->copies[memory->number % 2].remembered, remembered,
                                         sizeof(*remembered)) == 0)
                return;
        /* no longer whole, then new, then whole: the compiler may not put these in another order */
        copy->format = 0;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        copy->number = ++memory->number;
        memcpy(&copy->remembered, remembered, sizeof(*remembered));
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        copy->format = FORMAT;
        copy->hash = hash_of(copy);
}

Memory *memory_close(Memory *memory)
{
        if (!memory)
                return NULL;
        if (memory->copies)
                munmap(memory->copies, 2 * sizeof(Copy));
        free(memory);
        return NULL;
}
