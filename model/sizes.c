/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The size catalogue. A line is: name, vCPUs, memory, disk, other names; '#' begins a comment. A
 * name that is given again replaces the earlier one, so the operator's file is simply read after
 * the system's.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/array.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "model/sizes.h"

#define SIZE_VCPUS_MAX  1024U
#define SIZE_MEMORY_MIN (64U * MIB)
#define SIZE_MEMORY_MAX (64U * 1024U * GIB)
#define SIZE_DISK_MIN   (64U * MIB)
#define SIZE_DISK_MAX   (1024U * 1024U * GIB)
#define SIZE_WORDS_MAX  (4U + SIZE_ALIASES_MAX)

/* The file itself is in the program too, so that a tool knows Azure's names where nothing is
 * installed. */
__asm__(".pushsection .rodata\n"
        "sizes_compiled_in: .incbin \"model/sizes.conf\"\n"
        "sizes_compiled_in_end: .byte 0\n"
        ".popsection\n");
extern const char sizes_compiled_in[] __attribute__((visibility("hidden")));
extern const char sizes_compiled_in_end[] __attribute__((visibility("hidden")));

static void size_deinit(Size *size)
{
        free(size->name);
        for (size_t i = 0; i < size->n_aliases; i++)
                free(size->aliases[i]);
        *size = (Size) {};
}

static bool size_named(const Size *size, const char *name)
{
        if (strcasecmp(size->name, name) == 0)
                return true;
        for (size_t i = 0; i < size->n_aliases; i++)
                if (strcasecmp(size->aliases[i], name) == 0)
                        return true;
        return false;
}

/* "1792M", "7G" or plain bytes */
static int bytes_from_string(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
        char digits[24];
        size_t length = strlen(text);
        uint64_t unit = 1, value;

        if (length == 0 || length >= sizeof(digits))
                return -EINVAL;
        memcpy(digits, text, length + 1);
        if (digits[length - 1] == 'M')
                unit = MIB;
        else if (digits[length - 1] == 'G')
                unit = GIB;
        if (unit > 1)
                digits[length - 1] = 0;
        if (str_to_u64(digits, max / unit, &value) < 0 || value * unit < min)
                return -EINVAL;
        *ret = value * unit;
        return 0;
}

static size_t line_split(char *line, char *words[static SIZE_WORDS_MAX + 1])
{
        char *save = NULL;
        size_t n = 0;

        line[strcspn(line, "#\r")] = 0;
        for (char *word = strtok_r(line, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
                words[n++] = word;
                if (n > SIZE_WORDS_MAX)
                        break;
        }
        return n;
}

static int size_from_words(char *const *words, size_t n_words, Size *size)
{
        uint64_t vcpus;

        if (n_words < 4 || n_words > SIZE_WORDS_MAX)
                return SIZES_BAD_LINE;
        for (size_t i = 0; i < n_words; i++)
                if ((i == 0 || i >= 4) && !str_is_name(words[i], SIZE_NAME_MAX))
                        return SIZES_BAD_LINE;
        if (str_to_u64(words[1], SIZE_VCPUS_MAX, &vcpus) < 0 || vcpus == 0 ||
            bytes_from_string(words[2], SIZE_MEMORY_MIN, SIZE_MEMORY_MAX, &size->memory_bytes) <
                    0 ||
            bytes_from_string(words[3], SIZE_DISK_MIN, SIZE_DISK_MAX, &size->disk_bytes) < 0)
                return SIZES_BAD_LINE;
        size->vcpus = (uint32_t) vcpus;
        size->name = strdup(words[0]);
        if (!size->name)
                return -ENOMEM;
        for (size_t i = 4; i < n_words; i++) {
                size->aliases[size->n_aliases] = strdup(words[i]);
                if (!size->aliases[size->n_aliases])
                        return -ENOMEM;
                size->n_aliases++;
        }
        return 0;
}

static int catalogue_put(SizeCatalogue *catalogue, const Size *size)
{
        for (size_t i = 0; i < catalogue->n_sizes; i++) {
                if (strcasecmp(catalogue->sizes[i].name, size->name) == 0) {
                        size_deinit(&catalogue->sizes[i]);
                        catalogue->sizes[i] = *size;
                        return 0;
                }
        }
        if (catalogue->n_sizes >= SIZES_MAX)
                return SIZES_BAD_LINE;
        return ARRAY_APPEND(catalogue->sizes, catalogue->n_sizes, *size);
}

static int line_parse(SizeCatalogue *catalogue, char *line)
{
        char *words[SIZE_WORDS_MAX + 1];
        size_t n_words = line_split(line, words);
        Size size = {};
        int r;

        if (n_words == 0)
                return 0;
        r = size_from_words(words, n_words, &size);
        if (r == 0)
                r = catalogue_put(catalogue, &size);
        if (r != 0)
                size_deinit(&size);
        return r;
}

int sizes_parse(SizeCatalogue *catalogue, const char *text, size_t length, unsigned *ret_line)
{
        _cleanup_free_ char *copy = NULL;
        unsigned number = 0;
        char *rest;

        if (length > SIZES_FILE_BYTES_MAX || memchr(text, 0, length)) {
                if (ret_line)
                        *ret_line = 1;
                return SIZES_BAD_LINE;
        }
        copy = strndup(text, length);
        if (!copy)
                return -ENOMEM;
        rest = copy;
        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                int r = line_parse(catalogue, line);

                number++;
                if (r == SIZES_BAD_LINE && ret_line)
                        *ret_line = number;
                if (r != 0)
                        return r;
        }
        return 0;
}

static int file_parse(SizeCatalogue *catalogue, const char *path, unsigned *ret_line)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r;

        r = file_read(AT_FDCWD, path, SIZES_FILE_BYTES_MAX, &text, &length);
        if (r < 0)
                return r;
        return sizes_parse(catalogue, text, length, ret_line);
}

int sizes_load(SizeCatalogue *catalogue, const char *system_path, const char *operator_path,
               const char **ret_path, unsigned *ret_line)
{
        const char *path = system_path ?: SIZES_FILE_SYSTEM;
        int r;

        r = file_parse(catalogue, path, ret_line);
        if (r == -ENOENT)
                r = sizes_parse(catalogue, sizes_compiled_in,
                                (size_t) (sizes_compiled_in_end - sizes_compiled_in), ret_line);
        if (r == 0) {
                path = operator_path ?: SIZES_FILE_OPERATOR;
                r = file_parse(catalogue, path, ret_line);
                if (r == -ENOENT)
                        r = 0;
        }
        if (r == SIZES_BAD_LINE && ret_path)
                *ret_path = path;
        return r;
}

const Size *sizes_find(const SizeCatalogue *catalogue, const char *name)
{
        /* the newest first, so that an operator's name wins over an alias of the system's */
        for (size_t i = catalogue->n_sizes; i > 0; i--)
                if (strcasecmp(catalogue->sizes[i - 1].name, name) == 0)
                        return &catalogue->sizes[i - 1];
        for (size_t i = catalogue->n_sizes; i > 0; i--)
                if (size_named(&catalogue->sizes[i - 1], name))
                        return &catalogue->sizes[i - 1];
        return NULL;
}

void sizes_deinit(SizeCatalogue *catalogue)
{
        if (!catalogue)
                return;
        for (size_t i = 0; i < catalogue->n_sizes; i++)
                size_deinit(&catalogue->sizes[i]);
        free(catalogue->sizes);
        *catalogue = (SizeCatalogue) {};
}
