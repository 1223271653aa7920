/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/xml.h"

#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

static int parse(const char *text, size_t length, XmlDocument **document, XmlError *error)
{
        ModelText input = {"t.xml", text, length};

        *document = NULL;
        *error = (XmlError) {};
        return xml_parse(&input, document, error);
}

static void assert_broken(const char *text, unsigned line, const char *words)
{
        XmlDocument *document;
        XmlError error;

        assert_int_equal(parse(text, strlen(text), &document, &error), XML_BROKEN);
        assert_null(document);
        if (error.line != line || !strstr(error.message, words))
                fail_msg("wanted line %u (%s), got line %u: %s", line, words, error.line,
                         error.message);
}

static void a_tree_with_lines(void **state)
{
        static const char text[] = "<?xml version=\"1.0\"?>\n"
                                   "<a xmlns=\"urn:a\" xmlns:t=\"urn:t\"\n"
                                   "   one='1'\n"
                                   "   t:two = \"x &lt; y\n>\" three=\"3\">\n"
                                   "  <!-- <b/> -->\n"
                                   "  <b/><c\n"
                                   "  four=\"\"/>text\n"
                                   "</a>\n";
        XmlDocument *document;
        XmlError error;
        const XmlNode *a, *c;

        assert_int_equal(parse(text, strlen(text), &document, &error), 0);
        a = document->root;
        assert_string_equal(a->name, "a");
        assert_string_equal(a->space, "urn:a");
        assert_int_equal(a->line, 2);
        assert_int_equal(a->text_line, 8);
        assert_int_equal(a->n_attributes, 3);
        assert_null(a->attributes[0].space);
        assert_int_equal(a->attributes[0].line, 3);
        assert_string_equal(a->attributes[1].space, "urn:t");
        assert_string_equal(a->attributes[1].name, "two");
        assert_string_equal(a->attributes[1].written, "t:two");
        assert_string_equal(a->attributes[1].value, "x < y >");
        assert_int_equal(a->attributes[1].line, 4);
        assert_int_equal(a->attributes[2].line, 5);
        assert_string_equal(a->child->name, "b");
        assert_int_equal(a->child->line, 7);
        c = a->child->next;
        assert_string_equal(c->name, "c");
        assert_int_equal(c->line, 7);
        assert_int_equal(c->attributes[0].line, 8);
        assert_ptr_equal(c->parent, a);
        assert_null(c->next);
        xml_free(document);
}

static void encodings(void **state)
{
        static const struct {
                const char *text;
                size_t length;
        } good[] = {
                {"\xef\xbb\xbf<a n=\"\xc3\xa9\"/>", 14},
                {"<?xml version=\"1.0\" encoding=\"utf-8\"?><a n=\"\xc3\xa9\"/>", 49},
                {"<?xml version=\"1.0\" encoding=\"utf-16\"?><a n=\"\xc3\xa9\"/>", 50},
                {"<?xml version=\"1.0\" encoding='ISO-8859-1'?><a n=\"\xe9\"/>", 53},
                {"<?xml version=\"1.0\" encoding='windows-1252'?><a n=\"\xe9\"/>", 55},
                {"\xff\xfe<\0a\0 \0n\0=\0\"\0\xe9\0\"\0/\0>\0", 22},
                {"\xfe\xff\0<\0a\0 \0n\0=\0\"\0\xe9\0\"\0/\0>", 22},
        };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                XmlDocument *document;
                XmlError error;
                int r = parse(good[i].text, good[i].length, &document, &error);

                if (r != 0)
                        fail_msg("%zu: %s", i, error.message);
                assert_string_equal(document->root->attributes[0].value, "\xc3\xa9");
                xml_free(document);
        }
        assert_broken("<?xml version=\"1.0\" encoding=\"ebcdic\"?><a/>", 1,
                      "save the file as UTF-8");
        assert_broken("<a n=\"\xe9\"/>", 1, "not well-formed");
}

static void what_is_not_well_formed_has_a_line(void **state)
{
        assert_broken("", 1, "not well-formed");
        assert_broken("<a>\n<b>\n</a>", 3, "not well-formed");
        assert_broken("<a>\n<b x='1' x='2'/></a>", 2, "not well-formed");
        assert_broken("<a>\n\n&nope;</a>", 3, "not well-formed");
        assert_broken("<a>\n<p:b/></a>", 2, "not well-formed");
        assert_broken("<a/>\n<b/>", 2, "not well-formed");
        assert_broken("hello", 1, "not well-formed");
        assert_broken("<a", 1, "not well-formed");
}

static void nothing_grows_or_reads_files(void **state)
{
        assert_broken(
                "<!DOCTYPE a [\n<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">\n]>\n<a n=\"&c;\">&c;</a>",
                1, "document type declaration");
        assert_broken("<?xml version=\"1.0\"?>\n<!DOCTYPE a SYSTEM \"file:///etc/passwd\">\n<a/>",
                      2, "document type declaration");
        assert_broken("<!DOCTYPE a [<!ENTITY x SYSTEM \"http://198.18.0.1/\">]><a>&x;</a>", 1,
                      "document type declaration");
}

static void everything_has_a_limit(void **state)
{
        StrBuffer text = {};
        XmlDocument *document;
        XmlError error;

        for (unsigned i = 0; i <= XML_DEPTH_MAX; i++)
                str_buffer_add(&text, "<a>");
        assert_broken(text.data, 1, "nested more than 32 deep");
        str_buffer_deinit(&text);

        str_buffer_add(&text, "<a>");
        for (unsigned i = 0; i <= XML_ELEMENTS_MAX; i++)
                str_buffer_add(&text, "<b/>");
        assert_broken(text.data, 1, "more than 8192 elements");
        str_buffer_deinit(&text);

        str_buffer_add(&text, "<a");
        for (unsigned i = 0; i <= XML_ATTRIBUTES_MAX; i++)
                str_buffer_addf(&text, " a%u=''", i);
        str_buffer_add(&text, "/>");
        assert_broken(text.data, 1, "more than 128 attributes");
        str_buffer_deinit(&text);

        str_buffer_add(&text, "<a b='");
        for (unsigned i = 0; i <= XML_VALUE_BYTES_MAX; i++)
                str_buffer_add(&text, "x");
        str_buffer_add(&text, "'/>");
        assert_broken(text.data, 1, "longer than 32768 bytes");
        str_buffer_deinit(&text);

        for (unsigned i = 0; i <= MODEL_FILE_BYTES_MAX; i++)
                str_buffer_add(&text, " ");
        assert_int_equal(parse(text.data, text.length, &document, &error), XML_BROKEN);
        assert_non_null(strstr(error.message, "larger than"));
        str_buffer_deinit(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_tree_with_lines),
                cmocka_unit_test(encodings),
                cmocka_unit_test(what_is_not_well_formed_has_a_line),
                cmocka_unit_test(nothing_grows_or_reads_files),
                cmocka_unit_test(everything_has_a_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
