/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The pairs of tests/model: their verdicts are those that are written down, and an independent walk
 * over libxml2's own tree finds no element and no attribute without exactly one verdict.
 */

#include <dirent.h>
#include <fcntl.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "lib/base/file.h"
#include "tests/unit/model/helper.h"

#define SHAPES "tests/model"

typedef struct Shape {
        char *texts[2];
        size_t lengths[2];
        Checked checked;
} Shape;

static const char *const names[] = {"ServiceDefinition.csdef", "ServiceConfiguration.cscfg"};

static void shape_load(const char *directory, Shape *shape)
{
        SizeCatalogue sizes = {};
        ModelText texts[2];

        *shape = (Shape) {};
        for (size_t i = 0; i < 2; i++) {
                _cleanup_free_ char *path = str_printf(SHAPES "/%s/%s", directory, names[i]);

                assert_int_equal(
                        file_read(AT_FDCWD, path, MIB, &shape->texts[i], &shape->lengths[i]), 0);
                texts[i] = (ModelText) {names[i], shape->texts[i], shape->lengths[i]};
        }
        assert_int_equal(sizes_load(&sizes, "model/sizes.conf", "/nonexistent", NULL, NULL), 0);
        shape->checked.result = model_check(&texts[0], &texts[1], &sizes, &shape->checked.verdicts,
                                            &shape->checked.model);
        sizes_deinit(&sizes);
}

static void shape_deinit(Shape *shape)
{
        checked_deinit(&shape->checked);
        free(shape->texts[0]);
        free(shape->texts[1]);
}

static char *shape_describe(const Shape *shape)
{
        StrBuffer buffer = {};
        char *text;

        str_buffer_addf(&buffer, "result %d\n", shape->checked.result);
        for (size_t i = 0; i < shape->checked.verdicts.n_entries; i++) {
                const VerdictEntry *entry = &shape->checked.verdicts.entries[i];

                str_buffer_addf(&buffer, "%s:%u %s%s%s %s%s\n", strchr(entry->file, '.') + 1,
                                entry->line, entry->element, entry->attribute ? "@" : "",
                                entry->attribute ?: "", verdict_to_string(entry->verdict),
                                entry->broken ? " broken" : "");
        }
        assert_int_equal(str_buffer_take(&buffer, &text), 0);
        return text;
}

/* ---- the independent walk: entries come in document order, so a cursor is enough */

typedef struct Cursor {
        const VerdictList *verdicts;
        const char *file;
        size_t at;
} Cursor;

static void cursor_expect(Cursor *cursor, const char *element, const char *attribute)
{
        const VerdictEntry *entry;

        if (cursor->at == cursor->verdicts->n_entries)
                fail_msg("%s: no verdict on %s %s", cursor->file, element, attribute ?: "");
        entry = &cursor->verdicts->entries[cursor->at++];
        if (!str_equal(entry->file, cursor->file) || !str_equal(entry->element, element) ||
            !str_equal(entry->attribute, attribute))
                fail_msg("%s: wanted %s %s, got %s %s", cursor->file, element, attribute ?: "",
                         entry->element, entry->attribute ?: "");
        assert_true(entry->reason[0]);
}

static void walk(Cursor *cursor, const xmlNode *node)
{
        const VerdictList *verdicts = cursor->verdicts;

        cursor_expect(cursor, (const char *) node->name, NULL);
        for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
                _cleanup_free_ char *written =
                        attribute->ns && attribute->ns->prefix
                                ? str_printf("%s:%s", (const char *) attribute->ns->prefix,
                                             (const char *) attribute->name)
                                : strdup((const char *) attribute->name);

                cursor_expect(cursor, (const char *) node->name, written);
        }
        if (cursor->at < verdicts->n_entries &&
            str_equal(verdicts->entries[cursor->at].attribute, "#text"))
                cursor->at++;
        for (const xmlNode *child = node->children; child; child = child->next)
                if (child->type == XML_ELEMENT_NODE)
                        walk(cursor, child);
}

static void shape_walk(const Shape *shape)
{
        Cursor cursor = {.verdicts = &shape->checked.verdicts};

        for (size_t i = 0; i < 2; i++) {
                xmlDoc *document = xmlReadMemory(shape->texts[i], (int) shape->lengths[i], names[i],
                                                 NULL, XML_PARSE_NONET);

                assert_non_null(document);
                cursor.file = names[i];
                walk(&cursor, xmlDocGetRootElement(document));
                xmlFreeDoc(document);
        }
        assert_int_equal(cursor.at, shape->checked.verdicts.n_entries);
}

static void for_each_shape(void (*function)(const char *directory, const Shape *shape),
                           unsigned at_least)
{
        DIR *shapes = opendir(SHAPES);
        unsigned n = 0;

        assert_non_null(shapes);
        for (struct dirent *entry; (entry = readdir(shapes));) {
                Shape shape;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                shape_load(entry->d_name, &shape);
                function(entry->d_name, &shape);
                shape_deinit(&shape);
                n++;
        }
        closedir(shapes);
        assert_true(n >= at_least);
}

static void compare(const char *directory, const Shape *shape)
{
        _cleanup_free_ char *path = str_printf(SHAPES "/%s/expected", directory);
        _cleanup_free_ char *expected = NULL, *got = shape_describe(shape);

        if (getenv("TROUPE_SHAPES_WRITE"))
                assert_int_equal(file_write_atomic(AT_FDCWD, path, got, strlen(got), 0644), 0);
        assert_int_equal(file_read(AT_FDCWD, path, MIB, &expected, NULL), 0);
        if (!str_equal(expected, got))
                fail_msg("%s: the verdicts are not those of %s:\n%s", directory, path, got);
}

static void verdicts_are_those_written_down(void **state)
{
        for_each_shape(compare, 10);
}

static void walk_one(const char *directory, const Shape *shape)
{
        shape_walk(shape);
}

static void nothing_is_without_a_verdict(void **state)
{
        for_each_shape(walk_one, 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(verdicts_are_those_written_down),
                cmocka_unit_test(nothing_is_without_a_verdict),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
