/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * model_check(): parse both files, give every element and attribute its verdict from the table, and
 * build the model, whose builders refuse what does not fit together. The verdicts are complete
 * after the second step; the third only turns some of them into refusals.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "model/build.h"

char *build_text(Build *build, const char *text)
{
        char *copy;

        if (!text)
                return NULL;
        copy = strdup(text);
        if (!copy)
                build->error = -ENOMEM;
        return copy;
}

char *build_printf(Build *build, const char *format, ...)
{
        char *text;
        va_list args;
        int r;

        va_start(args, format);
        r = vasprintf(&text, format, args);
        va_end(args);
        if (r < 0) {
                build->error = -ENOMEM;
                return NULL;
        }
        return text;
}

static void _printf_(4, 0) entry_change(Build *build, size_t entry, Verdict verdict,
                                        const char *format, va_list args)
{
        char reason[VERDICT_REASON_MAX];
        int r;

        vsnprintf(reason, sizeof(reason), format, args);
        r = verdict_list_change(build->verdicts, entry, verdict, reason);
        if (r < 0)
                build->error = r;
}

void build_refuse(Build *build, size_t entry, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        entry_change(build, entry, VERDICT_REFUSED, format, args);
        va_end(args);
}

void build_ignore(Build *build, size_t entry, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        entry_change(build, entry, VERDICT_IGNORED, format, args);
        va_end(args);
}

void build_explain(Build *build, size_t entry, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        entry_change(build, entry, VERDICT_HONOURED, format, args);
        va_end(args);
}

/* A file that is not well-formed has no elements to speak of: one entry says where and why. */
static int broken_add(const ModelText *text, const XmlError *error, const char *root,
                      VerdictList *verdicts)
{
        return verdict_list_add(verdicts, &(VerdictEntry) {
                                                  .file = text->file,
                                                  .line = error->line,
                                                  .element = root,
                                                  .verdict = VERDICT_REFUSED,
                                                  .reason = error->message,
                                                  .broken = true,
                                          });
}

static int file_apply(const ModelText *text, const SchemaElement *schema, const char *space,
                      VerdictList *verdicts, XmlDocument **ret)
{
        XmlDocument *document = NULL;
        XmlError error = {};
        int r;

        r = xml_parse(text, &document, &error);
        if (r == XML_BROKEN)
                return broken_add(text, &error, schema->name, verdicts);
        if (r == 0)
                r = schema_apply(document->root, schema, space, text->file, verdicts);
        if (r < 0) {
                xml_free(document);
                return r;
        }
        *ret = document;
        return 0;
}

static int model_build(Build *build, const XmlDocument *definition,
                       const XmlDocument *configuration)
{
        assert(definition);
        build->model = calloc(1, sizeof(*build->model));
        if (!build->model)
                return -ENOMEM;
        build_definition(build, definition->root);
        if (configuration)
                build_configuration(build, configuration->root, definition->root);
        return build->error;
}

int model_check(const ModelText *definition, const ModelText *configuration,
                const SizeCatalogue *sizes, VerdictList *verdicts, ServiceModel **ret)
{
        XmlDocument *csdef = NULL, *cscfg = NULL;
        VerdictList own = {};
        Build build = {.verdicts = verdicts ?: &own, .sizes = sizes};
        size_t broken_before = build.verdicts->n_broken, refused_before = build.verdicts->n_refused;
        int r;

        r = file_apply(definition, &schema_definition, SCHEMA_SPACE_DEFINITION, build.verdicts,
                       &csdef);
        if (r == 0 && configuration)
                r = file_apply(configuration, &schema_configuration, SCHEMA_SPACE_CONFIGURATION,
                               build.verdicts, &cscfg);
        if (r == 0 && build.verdicts->n_broken > broken_before)
                r = MODEL_BROKEN;
        if (r == 0)
                r = model_build(&build, csdef, cscfg);
        if (r == 0 && build.verdicts->n_refused > refused_before)
                r = MODEL_REFUSED;
        if (r == 0)
                *ret = TAKE_PTR(build.model);
        model_free(build.model);
        xml_free(csdef);
        xml_free(cscfg);
        verdict_list_deinit(&own);
        return r;
}
