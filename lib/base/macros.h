/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The few macros that every file may use: cleanup attributes, explicit transfer of ownership, array
 * sizes and checked casts. Only libc is needed. */

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define _pure_         __attribute__((pure))
#define _noreturn_     __attribute__((noreturn))
#define _must_check_   __attribute__((warn_unused_result))

#define ARRAY_SIZE(a)                       (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *) ((char *) (pointer) - offsetof(type, member)))
#define MIN(a, b)                                                                                  \
        ({                                                                                         \
                __typeof__(a) min_a = (a);                                                         \
                __typeof__(b) min_b = (b);                                                         \
                min_a < min_b ? min_a : min_b;                                                     \
        })
#define MAX(a, b)                                                                                  \
        ({                                                                                         \
                __typeof__(a) max_a = (a);                                                         \
                __typeof__(b) max_b = (b);                                                         \
                max_a > max_b ? max_a : max_b;                                                     \
        })

/* TAKE_PTR() - The pointer's value, and the pointer is NULL from now on: ownership moves. */
#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) *take_p = &(p);                                                      \
                __typeof__(p) taken = *take_p;                                                     \
                *take_p = NULL;                                                                    \
                taken;                                                                             \
        })

/* TAKE_FD() - The descriptor, and the variable is -1 from now on: ownership moves. */
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int *take_fd = &(fd);                                                              \
                int taken = *take_fd;                                                              \
                *take_fd = -1;                                                                     \
                taken;                                                                             \
        })

/* DEFINE_CLEANUP() - Defines NAMEp(), which frees what a `_cleanup_(NAMEp)` variable points to. */
#define DEFINE_CLEANUP(type, name)                                                                 \
        static inline _unused_ void name##p(type *object)                                          \
        {                                                                                          \
                if (*object)                                                                       \
                        name(*object);                                                             \
        }

/* freep() - For _cleanup_free_. */
static inline void freep(void *object)
{
        free(*(void **) object);
}

/**
 * fd_close() - Close a descriptor, keeping errno
 * @fd: descriptor, or negative for none
 *
 * Return: -1, so that `fd = fd_close(fd)` reads well.
 */
static inline int fd_close(int fd)
{
        if (fd >= 0) {
                int saved = errno;

                close(fd);
                errno = saved;
        }
        return -1;
}

static inline void fd_closep(int *fd)
{
        fd_close(*fd);
}

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(fd_closep)

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define KIB           UINT64_C(1024)
#define MIB           (UINT64_C(1024) * KIB)
#define GIB           (UINT64_C(1024) * MIB)
