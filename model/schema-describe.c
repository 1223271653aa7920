/* SPDX-License-Identifier: GPL-3.0-or-later */

/* docs/verdicts.md, from the table: one row for each element and attribute. What several elements
 * share is described where it is first met. */

#include "lib/base/str.h"
#include "model/schema.h"

#define SHARED_MAX 128U

typedef struct Describe {
        StrBuffer *buffer;
        const SchemaElement *seen[SHARED_MAX];
        char *paths[SHARED_MAX]; /* owned */
        size_t n_seen;
} Describe;

static void type_describe(StrBuffer *buffer, const SchemaAttribute *row)
{
        static const char *const types[] = {
                [SCHEMA_NAME] = "name",
                [SCHEMA_PORT_OR_STAR] = "1 to 65535, or `*`",
                [SCHEMA_BOOLEAN] = "true or false",
                [SCHEMA_COMMAND] = "command line",
                [SCHEMA_PATH] = "relative directory",
                [SCHEMA_DESTINATION] = "directory in the payload",
                [SCHEMA_URL_PATH] = "URL path",
                [SCHEMA_HOST] = "host name",
                [SCHEMA_VARIABLE] = "variable name",
                [SCHEMA_XPATH] = "XPath of the list below",
                [SCHEMA_SUBNET] = "IPv4 network",
                [SCHEMA_ADDRESS] = "IPv4 address",
                [SCHEMA_THUMBPRINT] = "40 or 64 hex digits",
                [SCHEMA_VERSION] = "`*` or a version",
        };

        if (row->type == SCHEMA_TEXT && row->max < XML_VALUE_BYTES_MAX)
                str_buffer_addf(buffer, "text, %lld to %lld bytes", (long long) row->min,
                                (long long) row->max);
        else if (row->type == SCHEMA_TEXT)
                str_buffer_add(buffer, "text");
        else if (row->type == SCHEMA_NUMBER)
                str_buffer_addf(buffer, "%lld to %lld", (long long) row->min, (long long) row->max);
        else if (row->type == SCHEMA_WORD)
                for (size_t i = 0; row->words[i].value; i++)
                        str_buffer_addf(buffer, "%s`%s`", i > 0 ? ", " : "", row->words[i].value);
        else
                str_buffer_add(buffer, types[row->type]);
}

static void reason_describe(StrBuffer *buffer, const char *reason)
{
        for (; *reason; reason++) {
                if (*reason == '<')
                        str_buffer_add(buffer, "&lt;");
                else if (*reason == '|' || *reason == '*' || *reason == '_')
                        str_buffer_addf(buffer, "\\%c", *reason);
                else
                        str_buffer_append(buffer, reason, 1);
        }
}

static void words_describe(StrBuffer *buffer, const SchemaAttribute *row)
{
        for (const SchemaWord *word = row->words; word && word->value; word++) {
                if (!word->reason)
                        continue;
                str_buffer_addf(buffer, "<br>`%s`: ", word->value);
                if (word->verdict != row->verdict)
                        str_buffer_addf(buffer, "**%s**, ", verdict_to_string(word->verdict));
                reason_describe(buffer, word->reason);
        }
}

static void attribute_describe(StrBuffer *buffer, const SchemaAttribute *row)
{
        str_buffer_addf(buffer, "| `@%s%s` | ", row->troupe ? "troupe:" : "", row->name);
        type_describe(buffer, row);
        str_buffer_addf(buffer, " | %s | %s | ", row->required ? "must be there" : row->otherwise ?: "",
                        verdict_to_string(row->verdict));
        reason_describe(buffer, row->reason);
        words_describe(buffer, row);
        str_buffer_add(buffer, " |\n");
}

static const char *seen_at(const Describe *describe, const SchemaElement *element)
{
        for (size_t i = 0; i < describe->n_seen; i++)
                if (describe->seen[i] == element)
                        return describe->paths[i] ?: element->name;
        return NULL;
}

static void element_describe(Describe *describe, const SchemaElement *element, const char *parent)
{
        _cleanup_free_ char *path = str_printf("%s%s%s%s", parent, parent[0] ? "/" : "",
                                               element->troupe ? "troupe:" : "", element->name);
        const char *before = seen_at(describe, element);
        StrBuffer *buffer = describe->buffer;

        if (!path) {
                buffer->failed = true;
                return;
        }
        str_buffer_addf(buffer, "| **%s** | element | %s | %s | ", path,
                        element->min > 0 ? "must be there" : "",
                        verdict_to_string(element->verdict));
        reason_describe(buffer, element->reason);
        if (before) {
                str_buffer_addf(buffer, "; as %s |\n", before);
                return;
        }
        str_buffer_addf(buffer, "%s |\n",
                        element->recursive ? "; may hold others of its kind" : "");
        assert(describe->n_seen < SHARED_MAX);
        describe->seen[describe->n_seen] = element;
        describe->paths[describe->n_seen++] = strdup(path);
        for (const SchemaAttribute *row = element->attributes; row->name; row++)
                attribute_describe(buffer, row);
        for (size_t i = 0; element->children && element->children[i]; i++)
                element_describe(describe, element->children[i], path);
}

static void file_describe(StrBuffer *buffer, const char *title, const SchemaElement *root)
{
        Describe describe = {.buffer = buffer};

        str_buffer_addf(buffer, "\n## %s\n\n", title);
        str_buffer_add(buffer, "| element, `@attribute` | type and limits | when absent | verdict "
                               "| meaning, or what to write instead |\n"
                               "|---|---|---|---|---|\n");
        element_describe(&describe, root, "");
        for (size_t i = 0; i < describe.n_seen; i++)
                free(describe.paths[i]);
}

void schema_describe(StrBuffer *buffer)
{
        str_buffer_add(
                buffer,
                "# What Troupe makes of each element and attribute\n\n"
                "This page is generated from the table that `troupectl check` works by "
                "(`model/schema-definition.c`,\n"
                "`model/schema-configuration.c`); a test keeps it true.\n\n"
                "- **honoured**: does here what it says.\n"
                "- **ignored**: has no meaning here, and nothing is lost.\n"
                "- **refused**: the service would not do what it says, so it is not deployed.\n\n"
                "Names of attributes, words and booleans may be in any letter case. An element or "
                "attribute that is not\n"
                "in these tables is refused. Values outside the type and limits break the schema. "
                "`troupe:` stands for the\n"
                "namespace `urn:troupe:1`; an attribute or entry point of that namespace takes the "
                "place of Azure's, so that a\n"
                "file can be valid for both platforms.\n\n"
                "Exit codes of `troupectl check`: 0 deployable, 1 something is refused, 2 a file "
                "is not well-formed or\n"
                "breaks the schema.\n");
        file_describe(buffer, "ServiceDefinition (.csdef)", &schema_definition);
        file_describe(buffer, "ServiceConfiguration (.cscfg)", &schema_configuration);
        str_buffer_add(
                buffer,
                "\n## XPaths of RoleInstanceValue\n\n"
                "- `/RoleEnvironment/Deployment/@emulated` (always `false`), `/@id`\n"
                "- `/RoleEnvironment/CurrentInstance/@id`, `/@roleName`, `/@updateDomain`, "
                "`/@faultDomain`\n"
                "- "
                "`/RoleEnvironment/CurrentInstance/ConfigurationSettings/"
                "ConfigurationSetting[@name='...']/@value`\n"
                "- "
                "`/RoleEnvironment/CurrentInstance/LocalResources/LocalResource[@name='...']/"
                "@path`, `/@sizeInMB`\n"
                "- `/RoleEnvironment/CurrentInstance/Endpoints/Endpoint[@name='...']/@protocol`, "
                "`/@address`, `/@port`\n");
}
