/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Growing arrays as two plain members, `type *things; size_t n_things;`: capacity is the next power
 * of two, so no third member is needed. */

#include "lib/base/macros.h"

/**
 * array_grow() - Make room for one more element
 * @array:   the array, as allocated by earlier calls, or NULL
 * @count:   elements in it
 * @element: size of an element in bytes
 *
 * Return: the array, perhaps moved, with room for @count + 1 elements; NULL when memory is short,
 * and then the old array is untouched.
 */
static inline void *array_grow(void *array, size_t count, size_t element)
{
        size_t capacity = count == 0 ? 4 : 2 * count;

        if (count > 0 && (count < 4 || (count & (count - 1)) != 0))
                return array;
        if (count > SIZE_MAX / 2 / element)
                return NULL;
        return realloc(array, capacity * element);
}

/* ARRAY_APPEND() - Append a value to a growing array; 0 or -ENOMEM, on which nothing has changed.
 */
#define ARRAY_APPEND(array, count, ...)                                                            \
        ({                                                                                         \
                __typeof__(array) grown = array_grow((array), (count), sizeof(*(array)));          \
                if (grown) {                                                                       \
                        (array) = grown;                                                           \
                        (array)[(count)++] = (__VA_ARGS__);                                        \
                }                                                                                  \
                grown ? 0 : -ENOMEM;                                                               \
        })

/* ARRAY_REMOVE() - Remove element @index and close the gap; the order of the others is kept. */
#define ARRAY_REMOVE(array, count, index)                                                          \
        do {                                                                                       \
                size_t gone = (index);                                                             \
                __builtin_memmove((array) + gone, (array) + gone + 1,                              \
                                  ((count) - gone - 1) * sizeof(*(array)));                        \
                (count)--;                                                                         \
        } while (0)
