/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/schema.h"

#include "tests/unit/model/helper.h"

static void unknown_things_are_refused_with_all_they_hold(void **state)
{
        Checked checked =
                check_texts(DEFINITION(WORKER("<Nonsense a='1'><Inner b='2'/></Nonsense>")), NULL);

        assert_int_equal(checked.result, MODEL_REFUSED);
        assert_non_null(strstr(verdict_of(&checked, "Nonsense", NULL)->reason,
                               "no Nonsense in WorkerRole"));
        assert_int_equal(verdict_of(&checked, "Nonsense", "a")->verdict, VERDICT_REFUSED);
        assert_int_equal(verdict_of(&checked, "Inner", NULL)->verdict, VERDICT_REFUSED);
        assert_int_equal(verdict_of(&checked, "Inner", "b")->verdict, VERDICT_REFUSED);
        assert_int_equal(checked.verdicts.n_refused, 4);
        checked_deinit(&checked);
        assert_refused(MODEL_REFUSED,
                       DEFINITION("<WorkerRole name='w' colour='red'>" RUNTIME "</WorkerRole>"),
                       NULL, "WorkerRole", "colour", "no such attribute");
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("<troupe:Startup/>")), NULL, "Startup",
                       NULL, "of that namespace");
}

static void names_of_attributes_have_any_letter_case(void **state)
{
        Checked checked = check_texts(
                DEFINITION(WORKER(
                        "<LocalResources><LocalStorage Name='a' sizeInMb='7'/></LocalResources>")),
                NULL);

        assert_int_equal(checked.result, 0);
        assert_int_equal(checked.model->roles[0].resources[0].size_mb, 7);
        checked_deinit(&checked);
        assert_refused(MODEL_BROKEN,
                       DEFINITION(WORKER("<LocalResources><LocalStorage name='a' sizeInMB='7' "
                                         "sizeInMb='8'/></LocalResources>")),
                       NULL, "LocalStorage", "sizeInMb", "already");
}

static void numbers_of_elements(void **state)
{
        assert_refused(MODEL_BROKEN, DEFINITION(WORKER("<Startup/><Startup/>")), NULL, "Startup",
                       NULL, "only once");
        assert_refused(MODEL_BROKEN,
                       DEFINITION(WORKER("<Contents><Content destination='x'/></Contents>")), NULL,
                       "Content", NULL, "must have the element SourceDirectory");
        assert_refused(MODEL_BROKEN, DEFINITION(WORKER("words")), NULL, "WorkerRole", "#text",
                       "no text");
}

static void foreign_namespaces(void **state)
{
        Checked checked = check_texts(
                "<ServiceDefinition name='x' "
                "xmlns='http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceDefinition' "
                "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='a b' "
                "xmlns:o='urn:other' o:x='1'>" WORKER("") "</ServiceDefinition>",
                NULL);

        assert_int_equal(checked.result, MODEL_REFUSED);
        assert_int_equal(verdict_of(&checked, "ServiceDefinition", "xsi:schemaLocation")->verdict,
                         VERDICT_IGNORED);
        assert_non_null(
                strstr(verdict_of(&checked, "ServiceDefinition", "o:x")->reason, "urn:other"));
        checked_deinit(&checked);
}

static void troupes_own_takes_the_others_place(void **state)
{
        Checked checked = check_texts(
                DEFINITION("<WorkerRole name='work'><Startup><Task commandLine='setup.cmd' "
                           "troupe:commandLine='bin/setup'/></Startup>"
                           "<Runtime><EntryPoint><NetFxEntryPoint assemblyName='a.dll' "
                           "targetFrameworkVersion='v4'/>"
                           "<troupe:ProgramEntryPoint commandLine='bin/work' "
                           "setReadyOnProcessStart='false'/>"
                           "</EntryPoint></Runtime></WorkerRole>"),
                NULL);

        assert_int_equal(checked.result, 0);
        assert_string_equal(checked.model->roles[0].tasks[0].command_line, "bin/setup");
        assert_string_equal(checked.model->roles[0].entry_point, "bin/work");
        assert_false(checked.model->roles[0].ready_on_start);
        assert_int_equal(verdict_of(&checked, "Task", NULL)->verdict, VERDICT_HONOURED);
        assert_int_equal(verdict_of(&checked, "Task", "commandLine")->verdict, VERDICT_IGNORED);
        assert_int_equal(verdict_of(&checked, "NetFxEntryPoint", NULL)->verdict, VERDICT_IGNORED);
        assert_int_equal(verdict_of(&checked, "NetFxEntryPoint", "assemblyName")->verdict,
                         VERDICT_IGNORED);
        checked_deinit(&checked);
}

/* Each row of the table can be told apart, says something, and its words do too. */
static void table_is_sound(const SchemaElement *element, unsigned depth)
{
        assert_true(depth < XML_DEPTH_MAX);
        assert_non_null(element->attributes);
        assert_true(strlen(element->reason) > 3 && strlen(element->reason) < VERDICT_REASON_MAX);
        for (const SchemaAttribute *row = element->attributes; row->name; row++) {
                assert_true(row->reason && strlen(row->reason) > 3);
                assert_int_equal(row->type == SCHEMA_WORD, row->words != NULL);
                if (row->type == SCHEMA_TEXT || row->type == SCHEMA_NUMBER)
                        assert_true(row->max > row->min);
                for (const SchemaAttribute *other = element->attributes; other < row; other++)
                        assert_true(other->troupe != row->troupe ||
                                    strcasecmp(other->name, row->name) != 0);
                for (const SchemaWord *word = row->words; word && word->value; word++)
                        assert_true(!word->reason || strlen(word->reason) > 3);
        }
        for (size_t i = 0; element->children && element->children[i]; i++)
                table_is_sound(element->children[i], depth + 1);
}

static void both_tables_are_sound(void **state)
{
        table_is_sound(&schema_definition, 0);
        table_is_sound(&schema_configuration, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unknown_things_are_refused_with_all_they_hold),
                cmocka_unit_test(names_of_attributes_have_any_letter_case),
                cmocka_unit_test(numbers_of_elements),
                cmocka_unit_test(foreign_namespaces),
                cmocka_unit_test(troupes_own_takes_the_others_place),
                cmocka_unit_test(both_tables_are_sound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
