/* SPDX-License-Identifier: GPL-3.0-or-later */

/* os: guest operating systems beside those of the host image. A version is a directory with a
 * manifest.json; with -H its files are sent one behind the other, the manifest first. From an
 * address hostd fetches it itself. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/bus.h"
#include "ctl/listing.h"
#include "ctl/operation.h"
#include "ctl/progress.h"
#include "ctl/remote.h"
#include "ctl/table.h"
#include "ctl/upload.h"
#include "ctl/verbs.h"
#include "ctl/view.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define IMPORT_TIMEOUT_US (600 * USEC_PER_SEC)      /* some hundred MiB are copied and digested */
#define FETCH_TIMEOUT_US  (3 * 3600 * USEC_PER_SEC) /* hostd gives up after two hours */
#define MANIFEST_MAX      (64 * KIB)

/* `import` and the files: what remote_upload() wants. */
typedef struct Words {
        char *list[1 + UPLOAD_FILES_MAX + 1];
        size_t n;
        bool owned;
} Words;

static void words_deinit(Words *words)
{
        for (size_t i = 1; words->owned && i < words->n; i++)
                free(words->list[i]);
}

/* ---- import */

static int add_file(Words *words, const char *directory, const char *name)
{
        char *path;

        if (words->n > UPLOAD_FILES_MAX || strchr(name, '/')) {
                log_error("'%s/manifest.json' names more than %d files, or one elsewhere",
                          directory, UPLOAD_FILES_MAX - 1);
                return CTL_USAGE;
        }
        path = str_printf("%s/%s", directory, name);
        if (!path)
                return -ENOMEM;
        words->list[words->n++] = path;
        return CTL_DONE;
}

/* The manifest and the files that it names. What is wrong with them is hostd's to say. */
static int list_files(const char *directory, Words *words)
{
        _cleanup_json_ sd_json_variant *manifest = NULL;
        _cleanup_free_ char *text = NULL;
        sd_json_variant *files;
        int r;

        words->owned = true;
        r = add_file(words, directory, "manifest.json");
        if (r != CTL_DONE)
                return r;
        r = file_read(AT_FDCWD, words->list[1], MANIFEST_MAX, &text, NULL);
        if (r < 0) {
                log_error_errno(r, "Cannot read '%s'", words->list[1]);
                return CTL_USAGE;
        }
        if (sd_json_parse(text, 0, &manifest, NULL, NULL) < 0) {
                log_error("'%s' is not JSON", words->list[1]);
                return CTL_USAGE;
        }
        files = sd_json_variant_by_key(manifest, "files");
        for (size_t i = 0; r == CTL_DONE && i < sd_json_variant_elements(files); i++)
                r = add_file(words, directory,
                             view_text(sd_json_variant_by_index(files, i), "name"));
        return r;
}

static int append_call(sd_bus_message *call, const Upload *upload)
{
        int r = sd_bus_message_append(call, "h", upload->fds[0]);

        if (r >= 0)
                r = sd_bus_message_open_container(call, 'a', "h");
        for (size_t i = 1; i < upload->n_files && r >= 0; i++)
                r = sd_bus_message_append(call, "h", upload->fds[i]);
        return r < 0 ? r : sd_bus_message_close_container(call);
}

/* Makes a call that brings a version, and says which one came. */
static int bring(const Options *options, sd_bus *bus, sd_bus_message *call, const char *what,
                 OperationPoll poll)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *family, *version;
        int r = operation_call(options, bus, call, what, poll, &error, &reply);

        if (r >= 0)
                r = sd_bus_message_read(reply, "ss", &family, &version);
        if (r < 0)
                return bus_failed(r, &error, "%s", what);
        printf("%s/%s\n", family, version);
        return CTL_DONE;
}

static int import_here(const Options *options, const Upload *upload)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        sd_bus_set_method_call_timeout(bus, IMPORT_TIMEOUT_US);
        r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                           "ImportGuestOs");
        if (r >= 0)
                r = append_call(call, upload);
        return r < 0 ? r : bring(options, bus, call, "Importing the guest OS", NULL);
}

/* ---- from a source */

static bool is_address(const char *text)
{
        return str_after(text, "http://") || str_after(text, "https://");
}

static double fetch_progress(sd_bus *bus)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *url, *family, *version;
        uint64_t bytes = 0, size = 0;
        int r;

        r = sd_bus_get_property(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "GuestOsFetch", NULL,
                                &reply, "(ssstt)");
        if (r >= 0)
                r = sd_bus_message_read(reply, "(ssstt)", &url, &family, &version, &bytes, &size);
        return r < 0 || size == 0 ? PROGRESS_UNKNOWN : (double) bytes / (double) size;
}

static int fetch(const Options *options, const char *url, const char *name)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        sd_bus_set_method_call_timeout(bus, FETCH_TIMEOUT_US);
        r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                           "FetchGuestOs");
        if (r >= 0)
                r = sd_bus_message_append(call, "ss", url, name);
        return r < 0 ? r : bring(options, bus, call, "Fetching the guest OS", fetch_progress);
}

static int import(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_(upload_deinit) Upload upload = {};
        _cleanup_(words_deinit) Words words = {.list = {arguments[0]}, .n = 1};
        struct stat st;
        int r = CTL_DONE;

        if (is_address(arguments[1]) && n_arguments <= 3)
                return fetch(options, arguments[1], n_arguments == 3 ? arguments[2] : "");
        if (n_arguments == 2 && stat(arguments[1], &st) == 0 && S_ISDIR(st.st_mode)) {
                r = list_files(arguments[1], &words);
        } else if (n_arguments > UPLOAD_FILES_MAX + 1) {
                log_error("A guest OS has at most %d files", UPLOAD_FILES_MAX - 1);
                return CTL_USAGE;
        } else {
                for (; words.n < n_arguments; words.n++)
                        words.list[words.n] = arguments[words.n];
        }
        if (r == CTL_DONE)
                r = upload_open(&upload, options, words.list + 1, words.n - 1);
        if (r != CTL_DONE)
                return r;
        return options->host ? remote_upload(options, "os", words.list, &upload)
                             : import_here(options, &upload);
}

/* ---- the others */

static int call(const Options *options, const char *member, const char *doing, const char *name)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *family = strdup(name);
        _cleanup_bus_ sd_bus *bus = NULL;
        char *slash = family ? strchr(family, '/') : NULL;
        int r;

        if (!family)
                return -ENOMEM;
        if (!slash) {
                log_error("'%s' is no guest OS: write FAMILY/VERSION, as 'troupectl os list' does",
                          name);
                return CTL_USAGE;
        }
        *slash = '\0';
        r = bus_open(options, &bus);
        if (r != CTL_DONE)
                return r;
        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, member, &error, NULL,
                               "ss", family, slash + 1);
        return r < 0 ? bus_failed(r, &error, "%s %s", doing, name) : CTL_DONE;
}

static int read_holders(sd_bus_message *reply, sd_json_variant **ret_holders)
{
        const char *host;
        int r;

        r = sd_json_variant_new_array(ret_holders, NULL, 0);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(reply, "s", &host)) > 0) {
                _cleanup_json_ sd_json_variant *one = NULL;

                r = sd_json_variant_new_string(&one, host);
                if (r >= 0)
                        r = sd_json_variant_append_array(ret_holders, one);
        }
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_one(sd_bus_message *reply, sd_json_variant **list)
{
        _cleanup_json_ sd_json_variant *one = NULL, *holders = NULL;
        const char *family, *version;
        int disabled, imported, r;
        uint64_t bytes, added_us;
        uint32_t instances;

        r = sd_bus_message_read(reply, "ssbbttu", &family, &version, &disabled, &imported, &bytes,
                                &added_us, &instances);
        if (r >= 0)
                r = read_holders(reply, &holders);
        if (r >= 0)
                r = sd_json_buildo(&one, SD_JSON_BUILD_PAIR_STRING("family", family),
                                   SD_JSON_BUILD_PAIR_STRING("version", version),
                                   SD_JSON_BUILD_PAIR_BOOLEAN("disabled", disabled),
                                   SD_JSON_BUILD_PAIR_BOOLEAN("imported", imported),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("bytes", bytes),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("added_usec", added_us),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("instances", instances),
                                   SD_JSON_BUILD_PAIR_VARIANT("holders", holders));
        return r < 0 ? r : sd_json_variant_append_array(list, one);
}

/* The reply as JSON, which both forms are made from. */
static int read_list(sd_bus_message *reply, sd_json_variant **list)
{
        int r;

        r = sd_json_variant_new_array(list, NULL, 0);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ssbbttuas)");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "ssbbttuas")) > 0) {
                r = read_one(reply, list);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r;
}

static void add_row(Table *table, sd_json_variant *one)
{
        _cleanup_free_ char *name =
                str_printf("%s/%s", view_text(one, "family"), view_text(one, "version"));
        bool disabled = view_truth(one, "disabled");
        char text[32];

        table_add(table, name ?: "", TABLE_PLAIN);
        table_add(table, disabled ? "disabled" : "in use", disabled ? TABLE_YELLOW : TABLE_PLAIN);
        table_add(table, view_truth(one, "imported") ? "imported" : "host image", TABLE_PLAIN);
        snprintf(text, sizeof(text), "%" PRIu64 " MiB", view_number(one, "bytes") / MIB);
        table_add(table, text, TABLE_PLAIN);
        snprintf(text, sizeof(text), "%" PRIu64, view_number(one, "instances"));
        table_add(table, text, TABLE_PLAIN);
        snprintf(text, sizeof(text), "%zu",
                 sd_json_variant_elements(sd_json_variant_by_key(one, "holders")));
        table_add(table, text, TABLE_PLAIN);
}

static int print_table(sd_json_variant *list, const Options *options)
{
        static const char *const headings[] = {"GUEST OS", "STATE",     "FROM",
                                               "SIZE",     "INSTANCES", "HOSTS"};
        Table table = {.n_columns = ARRAY_SIZE(headings), .headings = headings};
        size_t n = sd_json_variant_elements(list);
        int r;

        for (size_t i = 0; i < n; i++)
                add_row(&table, sd_json_variant_by_index(list, i));
        r = table_print(&table, stdout, options->legend, options->terminal);
        if (options->legend)
                printf("\n%zu guest operating systems.\n", n);
        table_deinit(&table);
        return r;
}

static const Listing listing = {"ListGuestOs", "Listing guest operating systems", read_list,
                                print_table};

int verb_os(const Options *options, size_t n_arguments, char **arguments)
{
        static const struct {
                const char *word, *member, *doing;
        } calls[] = {
                {"disable", "DisableGuestOs", "Disabling"},
                {"enable", "EnableGuestOs", "Enabling"},
                {"remove", "RemoveGuestOs", "Removing"},
        };

        if (str_equal(arguments[0], "import") && n_arguments >= 2)
                return import(options, n_arguments, arguments);
        if (str_equal(arguments[0], "list") && n_arguments == 1)
                return listing_show(options, &listing);
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                if (str_equal(arguments[0], calls[i].word) && n_arguments == 2)
                        return call(options, calls[i].member, calls[i].doing, arguments[1]);
        log_error("Write 'troupectl os import DIRECTORY' or 'os import URL', 'list', or 'disable', "
                  "'enable' or "
                  "'remove' and FAMILY/VERSION");
        return CTL_USAGE;
}
