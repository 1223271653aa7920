/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The table of verbs, dispatch, and --help. */

#include "ctl/verbs.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

#define HELP_COLUMN 44

static const char of_services[] = "Services";
static const char of_packages[] = "Packages";

static const Verb table[] = {
        {of_services, "list", "", 0, 0, verb_list, "list services and their addresses"},
        {of_services, "status", "[SERVICE...]", 0, VERB_ARGUMENTS_ANY, verb_status,
         "show deployments and their instances"},
        {of_packages, "check", "DIRECTORY|PACKAGE|CSDEF [CSCFG]", 1, 2, verb_check,
         "tell what Troupe makes of each element and attribute"},
        {of_packages, "pack", "DIRECTORY", 1, 1, verb_pack, "make a package of a directory"},
        {"Hosts", "hosts", "", 0, 0, verb_hosts, "list hosts, their domains and their room"},
};

const Verb *verbs_table(size_t *ret_count)
{
        *ret_count = ARRAY_SIZE(table);
        return table;
}

const Verb *verb_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (str_equal(table[i].name, name))
                        return &table[i];
        return NULL;
}

static int refuse(const Verb *verb, const char *what)
{
        log_error("%s: write 'troupectl %s%s%s'", what, verb->name, verb->arguments[0] ? " " : "",
                  verb->arguments);
        return CTL_USAGE;
}

int verb_run(const Options *options, char **words)
{
        static char list[] = "list";
        static char *default_words[] = {list, NULL};
        size_t n_arguments = 0;
        const Verb *verb;
        int r;

        if (!words[0])
                words = default_words;
        verb = verb_find(words[0]);
        if (!verb) {
                log_error("'%s' is no verb of troupectl: see 'troupectl --help'", words[0]);
                return CTL_USAGE;
        }
        while (words[1 + n_arguments])
                n_arguments++;
        if (n_arguments < verb->min_arguments)
                return refuse(verb, "Something is missing");
        if (n_arguments > verb->max_arguments)
                return refuse(verb, "That is more than it takes");

        r = verb->run(options, n_arguments, words + 1);
        if (r < 0) {
                log_error_errno(r, "%s failed", verb->name);
                return CTL_FAILED;
        }
        return r;
}

static void print_verb(FILE *file, const Verb *verb)
{
        int width = fprintf(file, "  %s %s", verb->name, verb->arguments);

        if (width >= HELP_COLUMN)
                fprintf(file, "\n%*s", HELP_COLUMN, "");
        else
                fprintf(file, "%*s", HELP_COLUMN - width, "");
        fprintf(file, "%s\n", verb->help);
}

void verbs_help(FILE *file, const Verb *verb)
{
        const char *group = NULL;

        if (verb) {
                fprintf(file, "troupectl %s [OPTIONS...] %s\n\n%s.\n\nOptions:\n", verb->name,
                        verb->arguments, verb->help);
                options_print(file, verb->name);
                fprintf(file, "\nSee troupectl(1).\n");
                return;
        }
        fprintf(file, "troupectl [OPTIONS...] VERB [ARGUMENTS...]\n\n"
                      "Run cloud services on your own hosts.\n");
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                if (!str_equal(group, table[i].group))
                        fprintf(file, "\n%s:\n", table[i].group);
                group = table[i].group;
                print_verb(file, &table[i]);
        }
        fprintf(file, "\nOptions (--help behind a verb shows those that it takes):\n");
        options_print(file, NULL);
        fprintf(file, "\nINSTANCE is written SERVICE/ROLE/NUMBER, as in guestbook/web/0.\n"
                      "See troupectl(1).\n");
}
