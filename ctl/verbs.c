/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The table of verbs, dispatch, and --help. */

#include "ctl/verbs.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

#define HELP_COLUMN 44

static const char of_packages[] = "Packages";
static const char of_services[] = "Services";
static const char of_instances[] = "Instances";
static const char of_hosts[] = "Hosts and what happens";

static const Verb table[] = {
        {of_packages, "pack", "DIRECTORY", 1, 1, verb_pack, "make a package of a directory"},
        {of_packages, "check", "DIRECTORY|PACKAGE|CSDEF [CSCFG]", 1, 2, verb_check,
         "tell what Troupe makes of each element and attribute"},
        {of_services, "deploy", "SERVICE PACKAGE CSCFG", 3, 3, verb_deploy,
         "run a package in an empty slot of a service"},
        {of_services, "list", "", 0, 0, verb_list, "list services and their addresses"},
        {of_services, "status", "[SERVICE...]", 0, VERB_ARGUMENTS_ANY, verb_status,
         "show deployments and their instances"},
        {of_services, "scale", "SERVICE ROLE=N...", 2, VERB_ARGUMENTS_ANY, verb_scale,
         "change how many instances roles have"},
        {of_services, "configure", "SERVICE CSCFG", 2, 2, verb_configure,
         "change settings and counts of what runs"},
        {of_services, "swap", "SERVICE", 1, 1, verb_swap, "exchange staging and production"},
        {of_services, "delete", "SERVICE", 1, 1, verb_delete,
         "delete a service, or what is in one --slot"},
        {of_services, "certificate", "add FILE | list | remove THUMBPRINT", 1, 2, verb_certificate,
         "give configurations the certificates they name"},
        {of_instances, "reboot", "INSTANCE", 1, 1, verb_reboot, "restart the guest"},
        {of_instances, "reimage", "INSTANCE", 1, 1, verb_reimage,
         "restart it on a fresh system disk"},
        {of_instances, "rebuild", "INSTANCE", 1, 1, verb_rebuild,
         "the same, with fresh local storage too"},
        {of_instances, "logs", "SERVICE", 1, 1, verb_logs, "show what the roles wrote"},
        {of_instances, "shell", "INSTANCE", 1, 1, verb_shell, "open a root shell in an instance"},
        {of_hosts, "hosts", "", 0, 0, verb_hosts, "list hosts, their domains and their room"},
        {of_hosts, "cluster", "status | init | token | join TOKEN | leave | recover", 1, 2,
         verb_cluster, "show the cluster, and let hosts join it"},
        {of_hosts, "host",
         "cordon HOST | uncordon HOST | drain HOST | remove HOST | update [HOST...] | "
         "release-brake",
         1, VERB_ARGUMENTS_ANY, verb_host, "take hosts out of use and back, and update them"},
        {of_hosts, "os",
         "import DIRECTORY | import URL [OS] | list | disable OS | enable OS | remove OS", 1,
         VERB_ARGUMENTS_ANY, verb_os, "bring guest operating systems, and take them out of use"},
        {of_hosts, "events", "[SERVICE]", 0, 1, verb_events, "show what happened"},
        {of_hosts, "monitor", "", 0, 0, verb_monitor, "show changes as they happen"},
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
