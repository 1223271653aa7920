/* SPDX-License-Identifier: GPL-3.0-or-later */

/* certificate: the certificates that configurations name by their thumbprints. Keys go to hostd and
 * are never shown again. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/bus.h"
#include "ctl/listing.h"
#include "ctl/remote.h"
#include "ctl/table.h"
#include "ctl/upload.h"
#include "ctl/verbs.h"
#include "ctl/view.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

static int add_here(const Options *options, const char *file, const Upload *upload)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        const char *sha1;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "AddCertificate", &error,
                               &reply, "h", upload->fds[0]);
        if (r >= 0)
                r = sd_bus_message_read(reply, "ss", &sha1, NULL);
        if (r < 0)
                return bus_failed(r, &error, "Adding the certificate of '%s'", file);
        printf("%s\n", sha1);
        return CTL_DONE;
}

static int add(const Options *options, char **arguments)
{
        _cleanup_(upload_deinit) Upload upload = {};
        int r = upload_open(&upload, options, arguments + 1, 1);

        if (r != CTL_DONE)
                return r;
        return options->host ? remote_upload(options, "certificate", arguments, &upload)
                             : add_here(options, arguments[1], &upload);
}

static int remove_one(const Options *options, const char *thumbprint)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "RemoveCertificate",
                               &error, NULL, "s", thumbprint);
        return r < 0 ? bus_failed(r, &error, "Removing the certificate %s", thumbprint) : CTL_DONE;
}

/* The reply as JSON, which both forms are made from. */
static int read_list(sd_bus_message *reply, sd_json_variant **list)
{
        const char *sha1, *sha256, *subject;
        uint64_t expires_us, added_us;
        int r;

        r = sd_json_variant_new_array(list, NULL, 0);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(ssstt)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssstt)", &sha1, &sha256, &subject,
                                                  &expires_us, &added_us)) > 0) {
                _cleanup_json_ sd_json_variant *one = NULL;

                r = sd_json_buildo(&one, SD_JSON_BUILD_PAIR_STRING("sha1", sha1),
                                   SD_JSON_BUILD_PAIR_STRING("sha256", sha256),
                                   SD_JSON_BUILD_PAIR_STRING("subject", subject),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("expires_usec", expires_us),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("added_usec", added_us));
                if (r >= 0)
                        r = sd_json_variant_append_array(list, one);
        }
        return r;
}

static void add_day(Table *table, uint64_t time_us)
{
        bool over = time_us < clock_realtime_us();
        time_t seconds = (time_t) (time_us / USEC_PER_SEC);
        char text[sizeof("9999-12-31")] = "";
        struct tm tm;

        if (gmtime_r(&seconds, &tm))
                strftime(text, sizeof(text), "%Y-%m-%d", &tm);
        table_add(table, text, over ? TABLE_RED : TABLE_PLAIN);
}

static int print_table(sd_json_variant *list, const Options *options)
{
        static const char *const headings[] = {"THUMBPRINT", "EXPIRES", "SUBJECT"};
        Table table = {.n_columns = ARRAY_SIZE(headings), .headings = headings};
        size_t n = sd_json_variant_elements(list);
        int r;

        for (size_t i = 0; i < n; i++) {
                sd_json_variant *one = sd_json_variant_by_index(list, i);

                table_add(&table, view_text(one, "sha1"), TABLE_PLAIN);
                add_day(&table, view_number(one, "expires_usec"));
                table_add(&table, view_text(one, "subject"), TABLE_PLAIN);
        }
        r = table_print(&table, stdout, options->legend, options->terminal);
        if (options->legend)
                printf("\n%zu certificates.\n", n);
        table_deinit(&table);
        return r;
}

static const Listing listing = {"ListCertificates", "Listing certificates", read_list, print_table};

int verb_certificate(const Options *options, size_t n_arguments, char **arguments)
{
        if (str_equal(arguments[0], "add") && n_arguments == 2)
                return add(options, arguments);
        if (str_equal(arguments[0], "remove") && n_arguments == 2)
                return remove_one(options, arguments[1]);
        if (str_equal(arguments[0], "list") && n_arguments == 1)
                return listing_show(options, &listing);
        log_error("Write 'troupectl certificate add FILE', 'list' or 'remove THUMBPRINT'");
        return CTL_USAGE;
}
