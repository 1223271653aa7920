/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The failing allocator: the linker sends malloc and its kin here (--wrap). */

#include "tests/unit/failing.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
int __real_vasprintf(char **ret, const char *format, va_list args);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
int __wrap_vasprintf(char **ret, const char *format, va_list args);

static long countdown = -1;
static bool hit;

void failing_begin(unsigned nth)
{
        countdown = (long) nth;
        hit = false;
}

bool failing_end(void)
{
        countdown = -1;
        return hit;
}

static bool fails_now(void)
{
        if (countdown < 0 || countdown-- > 0)
                return false;
        hit = true;
        errno = ENOMEM;
        return true;
}

void *__wrap_malloc(size_t size)
{
        return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
        return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
        return fails_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
        return fails_now() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length)
{
        return fails_now() ? NULL : __real_strndup(text, length);
}

int __wrap_vasprintf(char **ret, const char *format, va_list args)
{
        return fails_now() ? -1 : __real_vasprintf(ret, format, args);
}
