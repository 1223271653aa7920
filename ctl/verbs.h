/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The verbs of troupectl: one table, from which it dispatches and prints its help. Each verb is a
 * function in the file of its group. */

#include "ctl/options.h"

#define VERB_ARGUMENTS_ANY SIZE_MAX

/**
 * VerbFunction - Does what a verb says
 * @options:     what was given with dashes
 * @n_arguments: words after the verb, as many as its row allows
 * @arguments:   those words, NULL behind the last
 *
 * Says on standard error what went wrong, naming the object and the next step.
 *
 * Return: a CtlExit; a negative errno for what should not have happened, which main() reports.
 */
typedef int VerbFunction(const Options *options, size_t n_arguments, char **arguments);

typedef struct Verb {
        const char *group; /* heading in --help */
        const char *name;
        const char *arguments; /* for --help */
        size_t min_arguments;
        size_t max_arguments;
        VerbFunction *run;
        const char *help;
} Verb;

/**
 * verbs_table() - The table of verbs
 * @ret_count: number of rows
 *
 * Return: the rows, those of a group together, in the order of --help.
 */
const Verb *verbs_table(size_t *ret_count);

/** verb_find() - The verb of that name, or NULL */
const Verb *verb_find(const char *name);

/**
 * verb_run() - Do what the command line says
 * @options: options
 * @words:   the verb and its arguments, NULL behind the last; none means `list`
 *
 * Return: exit code of troupectl, 0 to 255.
 */
int verb_run(const Options *options, char **words);

/** verbs_help() - Print the help of a verb, or of troupectl when @verb is NULL */
void verbs_help(FILE *file, const Verb *verb);

/* Files of the package: ctl/check.c, ctl/pack.c */
VerbFunction verb_check, verb_pack;
/* What there is: ctl/show.c */
VerbFunction verb_list, verb_status, verb_hosts;
/* Services and their deployments: ctl/service.c */
VerbFunction verb_deploy, verb_scale, verb_configure, verb_swap, verb_delete;
/* What configurations name by thumbprint: ctl/certificate.c */
VerbFunction verb_certificate;
/* The cluster of hosts: ctl/cluster.c */
VerbFunction verb_cluster;
/* Physical servers: ctl/host.c */
VerbFunction verb_host;
/* Guest operating systems: ctl/os.c */
VerbFunction verb_os;
/* Single instances: ctl/instance.c */
VerbFunction verb_reboot, verb_reimage, verb_rebuild;
/* What happens: ctl/logs.c (also events), ctl/shell.c, ctl/monitor.c */
VerbFunction verb_logs, verb_shell, verb_events, verb_monitor;
