/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupectl: the command line of Troupe. Speaks only D-Bus, to org.troupe.Host1 on this machine or,
 * through ssh, on another; has the caller's privileges and no others. */

#include <locale.h>
#include <signal.h>

#include "ctl/options.h"
#include "ctl/verbs.h"

#ifndef TROUPE_VERSION
#define TROUPE_VERSION "1"
#endif

int main(int argc, char **argv)
{
        Options options;
        int first;

        setlocale(LC_ALL, "");
        signal(SIGPIPE, SIG_IGN); /* a write says EPIPE: also to hostd's descriptors */
        if (options_parse(argc, argv, &options, &first) < 0)
                return CTL_USAGE;
        if (options.version) {
                puts("troupe " TROUPE_VERSION);
                return CTL_DONE;
        }
        if (options.help) {
                verbs_help(stdout, first < argc ? verb_find(argv[first]) : NULL);
                return CTL_DONE;
        }
        return verb_run(&options, argv + first);
}
