/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The command line, from one table of options. An option that has no meaning for the verb is
 * refused, so that nobody believes it did something. */

#include "ctl/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/verbs.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define LABEL_MAX     128
#define LINES_DEFAULT 50
#define HELP_COLUMN   28

static int set_help(Options *options, const char *value)
{
        options->help = true;
        return 0;
}

static int set_version(Options *options, const char *value)
{
        options->version = true;
        return 0;
}

static int set_host(Options *options, const char *value)
{
        options->host = value;
        /* ssh would take it for an option of its own */
        return value[0] == '\0' || value[0] == '-' ? -EINVAL : 0;
}

static int set_json(Options *options, const char *value)
{
        if (!value || str_equal(value, "pretty"))
                options->json = SD_JSON_FORMAT_PRETTY | SD_JSON_FORMAT_NEWLINE;
        else if (str_equal(value, "short"))
                options->json = SD_JSON_FORMAT_NEWLINE;
        else if (str_equal(value, "off"))
                options->json = SD_JSON_FORMAT_OFF;
        else
                return -EINVAL;
        return 0;
}

static int set_no_legend(Options *options, const char *value)
{
        options->legend = false;
        return 0;
}

static int set_no_pager(Options *options, const char *value)
{
        options->pager = false;
        return 0;
}

static int set_quiet(Options *options, const char *value)
{
        options->quiet = true;
        return 0;
}

static int set_slot(Options *options, const char *value)
{
        options->slot = value;
        return str_equal(value, "production") || str_equal(value, "staging") ? 0 : -EINVAL;
}

static int set_wait(Options *options, const char *value)
{
        options->wait = true;
        return 0;
}

static int set_timeout(Options *options, const char *value)
{
        return str_to_u64(value, UINT32_MAX, &options->timeout_s);
}

static int set_output(Options *options, const char *value)
{
        options->output = value;
        return value[0] ? 0 : -EINVAL;
}

static int set_sign_key(Options *options, const char *value)
{
        options->sign_key = value;
        return value[0] ? 0 : -EINVAL;
}

static int set_sign_cert(Options *options, const char *value)
{
        options->sign_cert = value;
        return value[0] ? 0 : -EINVAL;
}

static int set_url(Options *options, const char *value)
{
        options->url = value;
        return 0;
}

static int set_label(Options *options, const char *value)
{
        options->label = value;
        return strlen(value) <= LABEL_MAX ? 0 : -EINVAL;
}

static int set_stdin(Options *options, const char *value)
{
        options->input_sizes = value;
        return value[strspn(value, "0123456789,")] == '\0' ? 0 : -EINVAL;
}

static int set_force(Options *options, const char *value)
{
        options->force = true;
        return 0;
}

static int set_yes(Options *options, const char *value)
{
        options->yes = true;
        return 0;
}

static int set_follow(Options *options, const char *value)
{
        options->follow = true;
        return 0;
}

static int set_lines(Options *options, const char *value)
{
        if (str_equal(value, "all")) {
                options->lines = UINT64_MAX;
                return 0;
        }
        return str_to_u64(value, UINT32_MAX, &options->lines);
}

static int set_role(Options *options, const char *value)
{
        options->role = value;
        return value[0] ? 0 : -EINVAL;
}

static int set_instance(Options *options, const char *value)
{
        options->instance = value;
        return value[0] ? 0 : -EINVAL;
}

#define VERBS_THAT_CHANGE "deploy scale configure swap delete reboot reimage rebuild host"
#define VERBS_THAT_CALL                                                                            \
        VERBS_THAT_CHANGE " certificate cluster os list status hosts logs shell events monitor"
#define VERBS_THAT_SHOW "check certificate cluster os list status hosts logs events monitor"

static const OptionRow table[] = {
        {"help", 'h', NULL, false, NULL, "show this help, or that of a verb", set_help},
        {"version", 0, NULL, false, NULL, "show the version", set_version},
        {"host", 'H', "[USER@]HOST", false, VERBS_THAT_CALL,
         "speak to Troupe on another machine, over ssh", set_host},
        {"json", 0, "pretty|short|off", true, VERBS_THAT_SHOW, "show JSON", set_json},
        {"no-legend", 0, NULL, false, "check certificate cluster os list status hosts events",
         "leave headings and sums out", set_no_legend},
        {"no-pager", 0, NULL, false, VERBS_THAT_SHOW, "do not use a pager", set_no_pager},
        {"quiet", 'q', NULL, false, "pack " VERBS_THAT_CHANGE, "say only what went wrong",
         set_quiet},
        {"slot", 0, "production|staging", false,
         "deploy scale configure delete reboot reimage rebuild shell",
         "slot meant (production; delete: both and the service)", set_slot},
        {"label", 0, "TEXT", false, "deploy", "text shown with the deployment", set_label},
        {"wait", 0, NULL, false, VERBS_THAT_CHANGE, "return when it is done, not when accepted",
         set_wait},
        {"timeout", 0, "SECONDS", false, VERBS_THAT_CHANGE, "wait no longer than this",
         set_timeout},
        {"yes", 'y', NULL, false, "delete cluster", "do not ask whether to", set_yes},
        {"force", 0, NULL, false, "host", "remove a host that instances are still placed on",
         set_force},
        {"url", 0, "URL", false, "host", "update from the signed versions in this directory",
         set_url},
        {"stdin", 0, "BYTES[,BYTES]", false, "deploy configure certificate os",
         "how long files called - are, one behind the other", set_stdin},
        {"output", 'o', "FILE", false, "pack", "file to write (NAME.cspkg)", set_output},
        {"sign-key", 0, "FILE", false, "pack", "sign with this private key (PEM)", set_sign_key},
        {"sign-cert", 0, "FILE", false, "pack", "the certificate of that key (PEM)", set_sign_cert},
        {"follow", 'f', NULL, false, "logs events", "go on showing lines as they come", set_follow},
        {"lines", 'n', "N|all", false, "logs events", "newest lines to begin with (50)", set_lines},
        {"role", 0, "ROLE", false, "logs", "only instances of this role", set_role},
        {"instance", 0, "NAME", false, "logs", "only this instance, such as web_IN_0",
         set_instance},
};
static_assert(ARRAY_SIZE(table) < OPTIONS_MAX, "more options than getopt is given room for");

const OptionRow *options_table(size_t *ret_count)
{
        *ret_count = ARRAY_SIZE(table);
        return table;
}

bool option_applies(const OptionRow *row, const char *verb)
{
        size_t length = verb ? strlen(verb) : 0;
        const char *found = row->verbs;

        if (!row->verbs || !verb)
                return true;
        while ((found = strstr(found, verb)) != NULL) {
                bool begins = found == row->verbs || found[-1] == ' ';

                found += length;
                if (begins && (*found == ' ' || *found == '\0'))
                        return true;
        }
        return false;
}

/* Fills in what getopt_long() wants; the index of a row is also its val. */
static void getopt_tables(struct option *ret_long, char *ret_short)
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                const OptionRow *row = &table[i];

                ret_long[i] = (struct option) {
                        .name = row->name,
                        .has_arg = row->optional   ? optional_argument
                                   : row->argument ? required_argument
                                                   : no_argument,
                        .val = 256 + (int) i,
                };
                if (row->letter) {
                        *ret_short++ = (char) row->letter;
                        if (row->argument)
                                *ret_short++ = ':';
                }
        }
        ret_long[ARRAY_SIZE(table)] = (struct option) {};
        *ret_short = '\0';
}

static const OptionRow *row_of(int value)
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (value == 256 + (int) i || (value < 256 && table[i].letter == value))
                        return &table[i];
        return NULL;
}

static int options_add(Options *options, const OptionRow *row, const char *value)
{
        if (options->n_given >= OPTIONS_MAX)
                return -E2BIG;
        options->given[options->n_given++] = (OptionGiven) {row, value};
        return 0;
}

int options_give(Options *options, const char *name, const char *value)
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (str_equal(table[i].name, name))
                        return options_add(options, &table[i], value);
        assert(!"a row of the table");
        return -EINVAL;
}

static int refuse_meaningless(const Options *options, const char *verb)
{
        for (size_t i = 0; i < options->n_given; i++)
                if (!option_applies(options->given[i].row, verb)) {
                        log_error("--%s has no meaning for '%s': see 'troupectl %s --help'",
                                  options->given[i].row->name, verb, verb);
                        return -EINVAL;
                }
        return 0;
}

int options_parse(int argc, char **argv, Options *ret_options, int *ret_first)
{
        Options options = {
                .lines = LINES_DEFAULT,
                .timeout_s = UINT64_MAX,
                .legend = true,
                .pager = true,
                .terminal = isatty(STDOUT_FILENO),
        };
        struct option long_options[OPTIONS_MAX];
        char short_options[2 * OPTIONS_MAX];
        int value;

        getopt_tables(long_options, short_options);
        optind = 0; /* so that a test can parse more than once */
        while ((value = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
                const OptionRow *row = row_of(value);

                if (value == '?' || !row) {
                        log_error("Try 'troupectl --help'.");
                        return -EINVAL;
                }
                if (row->set(&options, optarg) < 0) {
                        log_error("--%s does not take '%s', but %s", row->name, optarg,
                                  row->argument);
                        return -EINVAL;
                }
                if (options_add(&options, row, optarg) < 0) {
                        log_error("Too many options");
                        return -EINVAL;
                }
        }
        if (optind < argc && verb_find(argv[optind]) &&
            refuse_meaningless(&options, argv[optind]) < 0)
                return -EINVAL;
        *ret_options = options;
        *ret_first = optind;
        return 0;
}

void options_print(FILE *file, const char *verb)
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                const OptionRow *row = &table[i];
                int width;

                if (!option_applies(row, verb))
                        continue;
                width = fprintf(file, row->letter ? "  -%c " : "     ", row->letter);
                width += fprintf(file, "--%s", row->name);
                if (row->argument)
                        width += fprintf(file, row->optional ? "[=%s]" : "=%s", row->argument);
                if (width >= HELP_COLUMN)
                        fprintf(file, "\n%*s", HELP_COLUMN, "");
                else
                        fprintf(file, "%*s", HELP_COLUMN - width, "");
                fprintf(file, "%s\n", row->help);
        }
}

bool options_confirmed(const Options *options, const char *format, ...)
{
        char answer[8] = "";
        va_list arguments;

        if (options->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return true;
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputs(" [y/N] ", stderr);
        return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
