/* SPDX-License-Identifier: GPL-3.0-or-later */

/* check: every element and attribute of a service's files with its verdict, as a table or as JSON.
 */

#include <stdio.h>
#include <string.h>

#include "ctl/files.h"
#include "ctl/pager.h"
#include "ctl/table.h"
#include "ctl/verbs.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

static int entry_json(const VerdictEntry *entry, sd_json_variant **array)
{
        sd_json_variant *object = NULL, *attribute = NULL;
        int r;

        if (entry->attribute)
                r = sd_json_variant_new_string(&attribute, entry->attribute);
        else
                r = sd_json_variant_new_null(&attribute);
        if (r >= 0)
                r = sd_json_buildo(
                        &object, SD_JSON_BUILD_PAIR_STRING("file", entry->file),
                        SD_JSON_BUILD_PAIR_UNSIGNED("line", entry->line),
                        SD_JSON_BUILD_PAIR_STRING("element", entry->element),
                        SD_JSON_BUILD_PAIR_VARIANT("attribute", attribute),
                        SD_JSON_BUILD_PAIR_STRING("verdict", verdict_to_string(entry->verdict)),
                        SD_JSON_BUILD_PAIR_STRING("reason", entry->reason));
        if (r >= 0)
                r = sd_json_variant_append_array(array, object);
        sd_json_variant_unref(attribute);
        sd_json_variant_unref(object);
        return r < 0 ? r : 0;
}

static int show_json(const VerdictList *verdicts, const Options *options)
{
        sd_json_variant *array = NULL;
        int r;

        r = sd_json_variant_new_array(&array, NULL, 0);
        for (size_t i = 0; r >= 0 && i < verdicts->n_entries; i++)
                r = entry_json(&verdicts->entries[i], &array);
        if (r >= 0)
                r = sd_json_variant_dump(array, options->json, stdout, NULL);
        sd_json_variant_unref(array);
        return r < 0 ? r : 0;
}

static void count_verdicts(const VerdictList *verdicts, size_t counts[static 3])
{
        for (size_t i = 0; i < verdicts->n_entries; i++)
                counts[verdicts->entries[i].verdict]++;
}

static int show_table(const VerdictList *verdicts, const Options *options)
{
        static const char *const headings[] = {"FILE:LINE", "ELEMENT", "ATTRIBUTE", "VERDICT",
                                               "REASON"};
        static const TableColour colours[] = {[VERDICT_HONOURED] = TABLE_GREEN,
                                              [VERDICT_IGNORED] = TABLE_GREY,
                                              [VERDICT_REFUSED] = TABLE_RED};
        Table table = {.n_columns = ARRAY_SIZE(headings), .headings = headings};
        size_t counts[3] = {};
        int r;

        for (size_t i = 0; i < verdicts->n_entries; i++) {
                const VerdictEntry *entry = &verdicts->entries[i];

                table_addf(&table, "%s:%u", entry->file, entry->line);
                table_add(&table, entry->element, TABLE_PLAIN);
                table_add(&table, entry->attribute, TABLE_PLAIN);
                table_add(&table, verdict_to_string(entry->verdict), colours[entry->verdict]);
                table_add(&table, entry->reason, TABLE_PLAIN);
        }
        count_verdicts(verdicts, counts);
        r = table_print(&table, stdout, options->legend, options->terminal);
        if (r >= 0 && options->legend)
                printf("\n%zu honoured, %zu ignored, %zu refused.\n", counts[VERDICT_HONOURED],
                       counts[VERDICT_IGNORED], counts[VERDICT_REFUSED]);
        table_deinit(&table);
        return r;
}

static int show(const VerdictList *verdicts, const Options *options)
{
        Pager pager;
        int r;

        pager_open(&pager, options);
        r = options->json ? show_json(verdicts, options) : show_table(verdicts, options);
        pager_close(&pager);
        return r;
}

/* A package that is refused has no definition to speak of: one entry says why. */
static int package_verdict(const char *path, const PackageError *error, VerdictList *verdicts)
{
        return verdict_list_add(verdicts, &(VerdictEntry) {.file = path,
                                                           .element = "package",
                                                           .verdict = VERDICT_REFUSED,
                                                           .reason = error->message,
                                                           .broken = true});
}

/* The payloads of a package must be those of its definition's roles. */
static int roles_check(const ServiceFiles *files, const char *path, const ServiceModel *model,
                       VerdictList *verdicts)
{
        PackageError error = {};

        if (!files->package || package_check_roles(files->package, model, &error) == 0)
                return 0;
        return package_verdict(path, &error, verdicts) < 0 ? -ENOMEM : MODEL_BROKEN;
}

static int check_files(char **words, size_t n_words, VerdictList *verdicts)
{
        _cleanup_(model_freep) ServiceModel *model = NULL;
        PackageError fault = {};
        ServiceFiles files;
        int r;

        r = files_load(words, n_words, &files, &fault);
        if (r == CTL_USAGE && fault.fault != PACKAGE_OK) {
                r = package_verdict(words[0], &fault, verdicts);
                if (r == 0)
                        r = MODEL_BROKEN;
        } else if (r == CTL_DONE) {
                r = files_check(&files, verdicts, &model);
                if (r == 0)
                        r = roles_check(&files, words[0], model, verdicts);
        }
        files_deinit(&files);
        return r;
}

int verb_check(const Options *options, size_t n_arguments, char **arguments)
{
        VerdictList verdicts = {};
        int outcome, r = 0;

        outcome = check_files(arguments, n_arguments, &verdicts);
        if (verdicts.n_entries > 0)
                r = show(&verdicts, options);
        verdict_list_deinit(&verdicts);
        if (outcome == -EINVAL)
                return CTL_USAGE; /* the catalogue, said already */
        if (r < 0 || outcome < 0)
                return r < 0 ? r : outcome;
        /* MODEL_REFUSED and MODEL_BROKEN are CTL_FAILED and CTL_USAGE, as the manual promises */
        static_assert((int) MODEL_REFUSED == (int) CTL_FAILED &&
                              (int) MODEL_BROKEN == (int) CTL_USAGE,
                      "");
        return outcome;
}
