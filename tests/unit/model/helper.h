/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Checking small files written in a test, and finding an entry of the verdicts. */

#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"
#include "model/service-model.h"
#include "tests/unit/test.h"

#define DEFINITION(inside)                                                                         \
        "<ServiceDefinition name=\"shop\" "                                                        \
        "xmlns=\"http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceDefinition\" "         \
        "xmlns:troupe=\"urn:troupe:1\">" inside "</ServiceDefinition>"
#define CONFIGURATION(attributes, inside)                                                          \
        "<ServiceConfiguration serviceName=\"shop\" " attributes                                   \
        " xmlns=\"http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration\" "     \
        "xmlns:troupe=\"urn:troupe:1\">" inside "</ServiceConfiguration>"
#define RUNTIME                                                                                    \
        "<Runtime><EntryPoint><ProgramEntryPoint "                                                 \
        "commandLine=\"bin/work\"/></EntryPoint></Runtime>"
#define WORKER(inside)    "<WorkerRole name=\"work\">" RUNTIME inside "</WorkerRole>"
#define HTTP_IN           "<Endpoints><InputEndpoint name=\"In\" protocol=\"http\" port=\"80\"/></Endpoints>"
#define WORK_ROLE(inside) "<Role name=\"work\"><Instances count=\"2\"/>" inside "</Role>"

typedef struct Checked {
        int result;
        VerdictList verdicts;
        ServiceModel *model;
} Checked;

static inline Checked check_texts(const char *definition, const char *configuration)
{
        ModelText csdef = {"a.csdef", definition, strlen(definition)}, cscfg = {};
        SizeCatalogue sizes = {};
        Checked checked = {};

        if (configuration)
                cscfg = (ModelText) {"a.cscfg", configuration, strlen(configuration)};
        assert_int_equal(sizes_load(&sizes, "model/sizes.conf", "/nonexistent", NULL, NULL), 0);
        checked.result = model_check(&csdef, configuration ? &cscfg : NULL, &sizes,
                                     &checked.verdicts, &checked.model);
        assert_true((checked.result == 0) == (checked.model != NULL));
        sizes_deinit(&sizes);
        return checked;
}

static inline void checked_deinit(Checked *checked)
{
        verdict_list_deinit(&checked->verdicts);
        checked->model = model_free(checked->model);
}

static inline const VerdictEntry *verdict_of(const Checked *checked, const char *element,
                                             const char *attribute)
{
        for (size_t i = 0; i < checked->verdicts.n_entries; i++) {
                const VerdictEntry *entry = &checked->verdicts.entries[i];

                if (str_equal(entry->element, element) && str_equal(entry->attribute, attribute))
                        return entry;
        }
        fail_msg("no verdict on %s %s", element, attribute ?: "");
        return NULL;
}

/* The first refused entry's reason, for tests of one rule. */
static inline const VerdictEntry *first_refusal(const Checked *checked)
{
        for (size_t i = 0; i < checked->verdicts.n_entries; i++)
                if (checked->verdicts.entries[i].verdict == VERDICT_REFUSED)
                        return &checked->verdicts.entries[i];
        fail_msg("nothing is refused");
        return NULL;
}

/* Checks that files are refused, with this outcome, for a reason with these words. */
static inline void assert_refused(int result, const char *definition, const char *configuration,
                                  const char *element, const char *attribute, const char *words)
{
        Checked checked = check_texts(definition, configuration);
        const VerdictEntry *entry;

        entry = first_refusal(&checked);
        if (checked.result != result || !str_equal(entry->element, element) ||
            !str_equal(entry->attribute, attribute) || !strstr(entry->reason, words))
                fail_msg("wanted %d on %s %s (%s), got %d on %s %s: %s", result, element,
                         attribute ?: "", words, checked.result, entry->element,
                         entry->attribute ?: "", entry->reason);
        checked_deinit(&checked);
}
