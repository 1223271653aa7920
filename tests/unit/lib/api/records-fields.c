/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/records-fields.h"

#include "lib/base/str.h"
#include "tests/unit/test.h"

/* A table that said a wrong size would read or write beside the member. */
static void check(const Field *fields, size_t end)
{
        unsigned n = 0;

        for (const Field *f = fields; f->name; f++, n++) {
                assert_true(f->type == FIELD_NAMES || f->type == FIELD_LIST
                                    ? f->offset + f->max * f->size <= end
                                    : f->offset + f->size <= end);
                assert_true(f->other < end);
                if (f->type == FIELD_OBJECT || f->type == FIELD_LIST)
                        check(f->fields, f->size);
                if (f->type == FIELD_ENUM)
                        assert_true(f->values->n_values > 1);
                for (const Field *g = fields; g < f; g++)
                        assert_string_not_equal(f->name, g->name);
        }
        assert_true(n > 0 && n <= FIELDS_MAX);
}

static void fields_are_within_their_struct(void **state)
{
        for (RecordType type = 0; type < RECORD_TYPES; type++) {
                assert_non_null(record_fields(type));
                check(record_fields(type), sizeof(Record) - RECORD_BODY_OFFSET);
        }
}

static void every_value_of_an_enumeration_has_a_name(void **state)
{
        for (RecordType type = 0; type < RECORD_TYPES; type++)
                for (const Field *f = record_fields(type); f->name; f++)
                        for (unsigned i = 0; f->type == FIELD_ENUM && i < f->values->n_values; i++)
                                assert_true(f->values->name(i)[0] != '\0');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_are_within_their_struct),
                cmocka_unit_test(every_value_of_an_enumeration_has_a_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
