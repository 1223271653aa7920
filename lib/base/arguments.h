/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The command line of a daemon: --NAME=VALUE and --FLAG, nothing else. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define ARGUMENTS_MAX 16

typedef struct Argument {
        const char *name;   /* without "--"; NULL ends a table of at most ARGUMENTS_MAX */
        const char **value; /* set to the value, which is argv's; or */
        bool *flag;         /* set to true */
} Argument;

enum {
        ARGUMENTS_HELP = 1, /* the usage was printed, as asked */
};

/**
 * arguments_parse() - Read a command line
 * @argc:  of main()
 * @argv:  of main()
 * @table: what there may be
 * @usage: text for --help and -h, without the line break at its end
 *
 * Return: 0; ARGUMENTS_HELP; -EINVAL, and standard error says why.
 */
int arguments_parse(int argc, char **argv, const Argument *table, const char *usage);
