/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/base/arguments.h"

#include <getopt.h>
#include <stdio.h>

#define HELP ARGUMENTS_MAX

int arguments_parse(int argc, char **argv, const Argument *table, const char *usage)
{
        struct option options[ARGUMENTS_MAX + 2] = {};
        int n = 0, option;

        for (; table[n].name; n++) {
                assert(n < ARGUMENTS_MAX);
                options[n] = (struct option) {
                        table[n].name, table[n].value ? required_argument : no_argument, NULL, n};
        }
        options[n] = (struct option) {"help", no_argument, NULL, HELP};
        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (option == HELP || option == 'h') {
                        puts(usage);
                        return ARGUMENTS_HELP;
                }
                if (option == '?')
                        return -EINVAL;
                if (table[option].value)
                        *table[option].value = optarg;
                else
                        *table[option].flag = true;
        }
        if (optind == argc)
                return 0;
        fprintf(stderr, "%s: '%s' is not an option\n", argv[0], argv[optind]);
        return -EINVAL;
}
