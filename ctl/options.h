/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the caller wrote on the command line, and how troupectl ends. */

#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-json.h>

#include "lib/base/macros.h"

/* Exit codes; a verb returns one of these, or a negative errno for what should not have happened.
 * `shell` also returns the remote command's own. Documented in docs/man/troupectl.1. */
typedef enum CtlExit {
        CTL_DONE = 0,
        CTL_FAILED = 1,      /* refused, failed, or a deployable file has refused elements */
        CTL_USAGE = 2,       /* wrong usage, or a file that is broken or cannot be read */
        CTL_NOT_FOUND = 3,   /* no such service, deployment, role or instance */
        CTL_UNREACHABLE = 4, /* no bus, or Troupe is not running there */
        CTL_TIMEOUT = 5,     /* --wait: the time given with --timeout has passed */
} CtlExit;

#define OPTIONS_MAX 32

struct OptionRow;

/* An option as it was written, for a troupectl on another machine. */
typedef struct OptionGiven {
        const struct OptionRow *row;
        const char *value; /* or NULL */
} OptionGiven;

/* All strings are borrowed from argv. */
typedef struct Options {
        const char *host;   /* -H: user@host, or NULL for this machine */
        const char *slot;   /* "production" or "staging", or NULL when not given */
        const char *output; /* -o: file to write, or NULL */
        const char *label;
        const char *url;
        const char *input_sizes; /* --stdin: lengths of the files called `-`, with commas between */
        const char *sign_key;
        const char *sign_cert;
        const char *role;
        const char *instance;
        sd_json_format_flags_t json; /* SD_JSON_FORMAT_OFF: for people */
        uint64_t lines;              /* -n; UINT64_MAX: all there are */
        uint64_t timeout_s;          /* --timeout; UINT64_MAX: none */
        bool wait;
        bool follow;
        bool quiet;
        bool yes;
        bool force;
        bool legend;
        bool pager;
        bool terminal; /* standard output is a terminal: colours, pager */
        bool help;
        bool version;
        OptionGiven given[OPTIONS_MAX];
        size_t n_given;
} Options;

/* One row of the table of options, which parsing, --help, the man page test and the completion
 * share. */
typedef struct OptionRow {
        const char *name;     /* without the dashes */
        int letter;           /* its short form, or 0 */
        const char *argument; /* what it takes, for --help; NULL: nothing */
        bool optional;        /* --name and --name=ARGUMENT are both right */
        const char *verbs;    /* those that it has a meaning for, with blanks between; NULL: all */
        const char *help;
        int (*set)(Options *options,
                   const char *value); /* 0; -EINVAL: what it was given is wrong */
} OptionRow;

/**
 * options_table() - The table of options
 * @ret_count: number of rows
 *
 * Return: the rows, in the order of --help.
 */
const OptionRow *options_table(size_t *ret_count);

/** option_applies() - Whether an option has a meaning for a verb (NULL: for troupectl itself) */
bool option_applies(const OptionRow *row, const char *verb);

/**
 * options_parse() - Read the command line
 * @argc:        as main() got it
 * @argv:        as main() got it; what is left is moved to its end, as getopt does
 * @ret_options: on success
 * @ret_first:   index in @argv of the verb, @argc when there is none
 *
 * Says on standard error what is wrong. A word behind `--` is never taken for an option.
 *
 * Return: 0; -EINVAL.
 */
int options_parse(int argc, char **argv, Options *ret_options, int *ret_first);

/**
 * options_give() - Add to the options as written
 * @options: changed in `given` only
 * @name:    of a row of the table
 * @value:   borrowed
 *
 * Return: 0; -E2BIG when there are OPTIONS_MAX already.
 */
int options_give(Options *options, const char *name, const char *value);

/**
 * options_confirmed() - Ask a person at a terminal; a script is not asked, nor is who wrote --yes
 * @options: borrowed
 * @format:  the question, as for printf
 */
_printf_(2, 3) bool options_confirmed(const Options *options, const char *format, ...);

/** options_print() - Print the options that have a meaning for a verb (NULL: all) for --help */
void options_print(FILE *file, const char *verb);
