/* SPDX-License-Identifier: GPL-3.0-or-later */

/* docs/verdicts.md is what the table gives; TROUPE_DOCS_WRITE=1 writes it anew. */

#include <fcntl.h>

#include "lib/base/file.h"
#include "model/schema.h"
#include "tests/unit/test.h"

#define PAGE "docs/verdicts.md"

static void the_page_is_true(void **state)
{
        _cleanup_free_ char *expected = NULL, *page = NULL;
        StrBuffer buffer = {};

        schema_describe(&buffer);
        assert_int_equal(str_buffer_take(&buffer, &expected), 0);
        if (getenv("TROUPE_DOCS_WRITE"))
                assert_int_equal(
                        file_write_atomic(AT_FDCWD, PAGE, expected, strlen(expected), 0644), 0);
        assert_int_equal(file_read(AT_FDCWD, PAGE, MIB, &page, NULL), 0);
        if (!str_equal(page, expected))
                fail_msg("%s is not what the table gives: run this test with TROUPE_DOCS_WRITE=1",
                         PAGE);
}

/* Every name of the table is on the page. */
static void names_are_there(const SchemaElement *element, const char *page)
{
        assert_non_null(strstr(page, element->name));
        for (const SchemaAttribute *row = element->attributes; row->name; row++)
                assert_non_null(strstr(page, row->name));
        for (size_t i = 0; element->children && element->children[i]; i++)
                names_are_there(element->children[i], page);
}

static void nothing_is_left_out(void **state)
{
        _cleanup_free_ char *page = NULL;

        assert_int_equal(file_read(AT_FDCWD, PAGE, MIB, &page, NULL), 0);
        names_are_there(&schema_definition, page);
        names_are_there(&schema_configuration, page);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_page_is_true),
                cmocka_unit_test(nothing_is_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
