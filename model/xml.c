/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * libxml2's SAX interface into our own tree. The only file that sees libxml2. It builds no tree of
 * its own and is stopped at the first document type declaration and at every limit, so that its
 * memory stays linear in the text, which is bounded.
 *
 * libxml2 tells the line where a start tag ends. People want the line where it begins, and the line
 * of each attribute; they are found by reading the tag again in our own copy of the text.
 */

#include <errno.h>
#include <iconv.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "model/xml.h"

#define XML_BLOCK_BYTES           16384U
#define XML_DECLARATION_BYTES_MAX 256U

typedef struct XmlBlock {
        struct XmlBlock *next;
        size_t used;
        size_t size;
        _Alignas(max_align_t) char bytes[];
} XmlBlock;

typedef struct XmlBuild {
        XmlDocument *document;
        XmlNode *open; /* the innermost element that is not closed */
        unsigned depth;
        unsigned n_elements;
        unsigned n_attributes;
        const char *text;
        size_t length;
        size_t counted; /* newlines before this offset are in @line */
        unsigned line;
        xmlParserCtxtPtr parser;
        XmlError *error;
        int result;
} XmlBuild;

static void *document_alloc(XmlDocument *document, size_t size)
{
        XmlBlock *block = document->blocks;
        void *memory;

        size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
        if (!block || block->size - block->used < size) {
                size_t bytes = MAX(size, (size_t) XML_BLOCK_BYTES);

                block = malloc(sizeof(*block) + bytes);
                if (!block)
                        return NULL;
                *block = (XmlBlock) {.next = document->blocks, .size = bytes};
                document->blocks = block;
        }
        memory = block->bytes + block->used;
        block->used += size;
        return memset(memory, 0, size);
}

static char *document_text(XmlDocument *document, const char *text, size_t length)
{
        char *copy = document_alloc(document, length + 1);

        if (copy)
                memcpy(copy, text, length);
        return copy;
}

static void build_stop(XmlBuild *build, int result)
{
        if (build->result == 0)
                build->result = result;
        xmlStopParser(build->parser);
}

static void _printf_(3, 4) build_refuse(XmlBuild *build, unsigned line, const char *format, ...)
{
        va_list args;

        if (build->result == 0) {
                build->error->line = line;
                va_start(args, format);
                vsnprintf(build->error->message, sizeof(build->error->message), format, args);
                va_end(args);
        }
        build_stop(build, XML_BROKEN);
}

/* ---- lines */

static unsigned build_line(XmlBuild *build, size_t offset)
{
        if (offset < build->counted) {
                build->counted = 0;
                build->line = 1;
        }
        for (; build->counted < offset; build->counted++)
                if (build->text[build->counted] == '\n')
                        build->line++;
        return build->line;
}

static size_t build_offset(const XmlBuild *build)
{
        const xmlParserInput *input = build->parser->input;
        size_t offset;

        if (!input)
                return build->length;
        offset = input->consumed + (size_t) (input->cur - input->base);
        return MIN(offset, build->length);
}

/* The offset of the '<' of the start tag that the parser has just read; '<' cannot stand in a
 * value. */
static size_t tag_start(const XmlBuild *build)
{
        size_t offset = build_offset(build);

        while (offset > 0 && build->text[offset] != '<')
                offset--;
        return offset;
}

static size_t skip_to(const XmlBuild *build, size_t offset, const char *set)
{
        while (offset < build->length && !strchr(set, build->text[offset]))
                offset++;
        return offset;
}

/* Gives each attribute its line: reads NAME = "VALUE" one after the other from the tag's text. */
static void attributes_locate(XmlBuild *build, XmlNode *node, size_t start)
{
        size_t end = build_offset(build), offset = skip_to(build, start + 1, " \t\r\n/>");

        while (offset < end) {
                size_t name, after, quote;

                name = offset;
                while (name < end && strchr(" \t\r\n", build->text[name]))
                        name++;
                after = skip_to(build, name, " \t\r\n=");
                quote = skip_to(build, after, "\"'");
                if (quote >= end)
                        break;
                for (size_t i = 0; i < node->n_attributes; i++) {
                        XmlAttribute *attribute = &node->attributes[i];

                        if (strlen(attribute->written) == after - name &&
                            memcmp(attribute->written, build->text + name, after - name) == 0)
                                attribute->line = build_line(build, name);
                }
                offset = skip_to(build, quote + 1, build->text[quote] == '"' ? "\"" : "'") + 1;
        }
}

/* ---- what libxml2 calls */

static const char *name_written(XmlDocument *document, const char *prefix, const char *name)
{
        size_t prefix_length = prefix ? strlen(prefix) : 0, length = strlen(name);
        char *text;

        if (!prefix)
                return document_text(document, name, length);
        text = document_alloc(document, prefix_length + 1 + length + 1);
        if (text) {
                memcpy(text, prefix, prefix_length);
                text[prefix_length] = ':';
                memcpy(text + prefix_length + 1, name, length);
        }
        return text;
}

static int attribute_build(XmlBuild *build, const xmlChar **field, XmlAttribute *attribute)
{
        XmlDocument *document = build->document;
        const char *name = (const char *) field[0], *prefix = (const char *) field[1];
        const char *space = (const char *) field[2], *value = (const char *) field[3];
        size_t length = (size_t) (field[4] - field[3]);

        if (length > XML_VALUE_BYTES_MAX || strlen(name) > XML_NAME_BYTES_MAX)
                return XML_BROKEN;
        attribute->name = document_text(document, name, strlen(name));
        attribute->written = name_written(document, prefix, name);
        attribute->value = document_text(document, value, length);
        if (space)
                attribute->space = document_text(document, space, strlen(space));
        if (!attribute->name || !attribute->written || !attribute->value ||
            (space && !attribute->space))
                return -ENOMEM;
        return 0;
}

static XmlNode *node_build(XmlBuild *build, const char *name, const char *space,
                           size_t n_attributes)
{
        XmlDocument *document = build->document;
        XmlNode *node = document_alloc(document, sizeof(*node));

        if (!node)
                return NULL;
        node->name = document_text(document, name, strlen(name));
        if (space)
                node->space = document_text(document, space, strlen(space));
        if (n_attributes > 0)
                node->attributes = document_alloc(document, n_attributes * sizeof(XmlAttribute));
        if (!node->name || (space && !node->space) || (n_attributes > 0 && !node->attributes))
                return NULL;
        node->parent = build->open;
        return node;
}

static void node_link(XmlBuild *build, XmlNode *node)
{
        if (!build->open)
                build->document->root = node;
        else if (!build->open->child)
                build->open->child = build->open->last_child = node;
        else
                build->open->last_child = build->open->last_child->next = node;
        build->open = node;
        build->depth++;
}

static void on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *space,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
        XmlBuild *build = data;
        unsigned line;
        XmlNode *node;
        size_t start;

        if (build->result != 0)
                return;
        start = tag_start(build);
        line = build_line(build, start);
        if (build->depth >= XML_DEPTH_MAX)
                return build_refuse(build, line, "elements are nested more than %u deep",
                                    XML_DEPTH_MAX);
        if (++build->n_elements > XML_ELEMENTS_MAX)
                return build_refuse(build, line, "there are more than %u elements",
                                    XML_ELEMENTS_MAX);
        if (n_attributes > (int) XML_ATTRIBUTES_MAX || n_namespaces > (int) XML_ATTRIBUTES_MAX)
                return build_refuse(build, line, "an element has more than %u attributes",
                                    XML_ATTRIBUTES_MAX);
        build->n_attributes += (unsigned) n_attributes;
        if (build->n_attributes > XML_ATTRIBUTES_TOTAL_MAX)
                return build_refuse(build, line, "there are more than %u attributes",
                                    XML_ATTRIBUTES_TOTAL_MAX);
        if (strlen((const char *) name) > XML_NAME_BYTES_MAX)
                return build_refuse(build, line, "a name is longer than %u bytes",
                                    XML_NAME_BYTES_MAX);
        node = node_build(build, (const char *) name, (const char *) space, (size_t) n_attributes);
        if (!node)
                return build_stop(build, -ENOMEM);
        node->line = line;
        for (int i = 0; i < n_attributes; i++) {
                XmlAttribute *attribute = &node->attributes[node->n_attributes];
                int r = attribute_build(build, attributes + 5 * i, attribute);

                if (r == XML_BROKEN)
                        return build_refuse(build, line, "an attribute is longer than %u bytes",
                                            XML_VALUE_BYTES_MAX);
                if (r < 0)
                        return build_stop(build, r);
                attribute->line = line;
                node->n_attributes++;
        }
        attributes_locate(build, node, start);
        node_link(build, node);
}

static void on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *space)
{
        XmlBuild *build = data;

        if (build->result != 0 || !build->open)
                return;
        build->open = build->open->parent;
        build->depth--;
}

/* The line of the first thing in front of the parser that is not blank, after the last tag. */
static unsigned text_line(XmlBuild *build)
{
        size_t end = build_offset(build), offset = end;

        while (offset > 0 && build->text[offset - 1] != '>')
                offset--;
        while (offset < end && strchr(" \t\r\n", build->text[offset]))
                offset++;
        return build_line(build, offset);
}

static void on_text(void *data, const xmlChar *text, int length)
{
        XmlBuild *build = data;

        if (build->result != 0 || !build->open || build->open->text_line > 0)
                return;
        for (int i = 0; i < length && build->open->text_line == 0; i++)
                if (!strchr(" \t\r\n", text[i]))
                        build->open->text_line = text_line(build);
}

static void on_doctype(void *data, const xmlChar *name, const xmlChar *public_id,
                       const xmlChar *system_id)
{
        XmlBuild *build = data;

        build_refuse(build, build_line(build, build_offset(build)),
                     "a document type declaration is not allowed: remove <!DOCTYPE ...>");
}

static void on_error(void *data, xmlErrorPtr error)
{
        XmlBuild *build = data;

        if (error->level < XML_ERR_ERROR)
                return;
        if (error->code == XML_ERR_NO_MEMORY)
                return build_stop(build, -ENOMEM);
        build_refuse(build, (unsigned) MAX(error->line, 1), "not well-formed: %.*s",
                     (int) strcspn(error->message ?: "", "\n"), error->message ?: "");
}

/* ---- encodings */

typedef enum XmlEncoding {
        ENCODING_UTF8,
        ENCODING_UTF16LE,
        ENCODING_UTF16BE,
        ENCODING_8859_1,
        ENCODING_1252,
        ENCODING_OTHER
} XmlEncoding;

/* What the XML declaration says, for text whose ASCII characters are single bytes. */
static XmlEncoding encoding_declared(const char *text, size_t length)
{
        char declaration[XML_DECLARATION_BYTES_MAX + 1] = {};
        size_t n = MIN(length, (size_t) XML_DECLARATION_BYTES_MAX);
        static const struct {
                const char *name;
                XmlEncoding encoding;
        } known[] = {
                {"utf-8", ENCODING_UTF8},        {"utf8", ENCODING_UTF8},
                {"us-ascii", ENCODING_UTF8},     {"ascii", ENCODING_UTF8},
                {"utf-16", ENCODING_UTF8}, /* as .NET writes it into strings that end up as UTF-8 */
                {"unicode", ENCODING_UTF8},      {"iso-8859-1", ENCODING_8859_1},
                {"windows-1252", ENCODING_1252},
        };
        char *at, *end;

        for (size_t i = 0; i < n; i++)
                declaration[i] = text[i] ?: ' ';
        end = strstr(declaration, "?>");
        if (strncmp(declaration, "<?xml", 5) != 0 || !end)
                return ENCODING_UTF8;
        *end = 0;
        at = strstr(declaration, "encoding");
        if (!at)
                return ENCODING_UTF8;
        at += strcspn(at, "\"'");
        if (*at)
                at++;
        at[strcspn(at, "\"'")] = 0;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strcasecmp(at, known[i].name) == 0)
                        return known[i].encoding;
        return ENCODING_OTHER;
}

static int text_convert(const char *from, const char *text, size_t length, char **ret,
                        size_t *ret_length)
{
        size_t room = length * 3 + 4, left = room - 1;
        _cleanup_free_ char *out = malloc(room);
        char *in = (char *) text, *at = out;
        iconv_t converter;
        int r = 0;

        if (!out)
                return -ENOMEM;
        converter = iconv_open("UTF-8", from);
        if (converter == (iconv_t) -1)
                return -ENOMEM;
        if (iconv(converter, &in, &length, &at, &left) == (size_t) -1)
                r = XML_BROKEN;
        iconv_close(converter);
        if (r != 0)
                return r;
        *at = 0;
        *ret_length = room - 1 - left;
        *ret = TAKE_PTR(out);
        return 0;
}

/* Always gives an owned copy with a zero byte after it: positions in it are what libxml2 counts. */
static int text_to_utf8(const ModelText *text, char **ret, size_t *ret_length, XmlError *error)
{
        const char *bytes = text->text;
        size_t length = text->length;
        XmlEncoding encoding = ENCODING_UTF8;
        static const char *const names[] = {[ENCODING_UTF16LE] = "UTF-16LE",
                                            [ENCODING_UTF16BE] = "UTF-16BE",
                                            [ENCODING_8859_1] = "ISO-8859-1",
                                            [ENCODING_1252] = "CP1252"};
        int r;

        if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
                bytes += 3, length -= 3;
        else if (length >= 2 && memcmp(bytes, "\xff\xfe", 2) == 0)
                encoding = ENCODING_UTF16LE, bytes += 2, length -= 2;
        else if (length >= 2 && memcmp(bytes, "\xfe\xff", 2) == 0)
                encoding = ENCODING_UTF16BE, bytes += 2, length -= 2;
        else
                encoding = encoding_declared(bytes, length);
        if (encoding == ENCODING_OTHER) {
                *error = (XmlError) {1,
                                     "the declared encoding is not known: save the file as UTF-8"};
                return XML_BROKEN;
        }
        if (encoding == ENCODING_UTF8) {
                *ret = malloc(length + 1);
                if (!*ret)
                        return -ENOMEM;
                memcpy(*ret, bytes, length);
                (*ret)[length] = 0;
                *ret_length = length;
                return 0;
        }
        r = text_convert(names[encoding], bytes, length, ret, ret_length);
        if (r == XML_BROKEN)
                *error = (XmlError) {1,
                                     "the text does not fit its encoding: save the file as UTF-8"};
        return r;
}

static void parser_init(void)
{
        xmlInitParser();
}

static int document_parse(XmlBuild *build)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        xmlParserCtxtPtr parser;

        pthread_once(&once, parser_init);
        parser = xmlNewParserCtxt();
        if (!parser)
                return -ENOMEM;
        *parser->sax = (xmlSAXHandler) {
                .initialized = XML_SAX2_MAGIC,
                .internalSubset = on_doctype,
                .startElementNs = on_start,
                .endElementNs = on_end,
                .characters = on_text,
                .cdataBlock = on_text,
                .serror = on_error,
        };
        parser->userData = build;
        build->parser = parser;
        /* NOENT: without it &amp; in an attribute comes as &#38;. There are no other entities:
         * on_doctype(). */
        xmlCtxtReadMemory(parser, build->text, (int) build->length, NULL, "UTF-8",
                          XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOENT);
        if (build->result == 0 && !parser->wellFormed)
                build_refuse(build, 1, "not well-formed");
        if (parser->myDoc)
                xmlFreeDoc(parser->myDoc);
        xmlFreeParserCtxt(parser);
        return build->result;
}

int xml_parse(const ModelText *text, XmlDocument **ret, XmlError *ret_error)
{
        _cleanup_free_ char *utf8 = NULL;
        XmlDocument *document;
        XmlBuild build;
        size_t length;
        int r;

        if (text->length > MODEL_FILE_BYTES_MAX) {
                *ret_error = (XmlError) {1};
                snprintf(ret_error->message, sizeof(ret_error->message),
                         "the file is larger than %u bytes", MODEL_FILE_BYTES_MAX);
                return XML_BROKEN;
        }
        r = text_to_utf8(text, &utf8, &length, ret_error);
        if (r != 0)
                return r;
        document = calloc(1, sizeof(*document));
        if (!document)
                return -ENOMEM;
        build = (XmlBuild) {.document = document,
                            .text = utf8,
                            .length = length,
                            .line = 1,
                            .error = ret_error};
        r = document_parse(&build);
        if (r != 0) {
                xml_free(document);
                return r;
        }
        *ret = document;
        return 0;
}

XmlDocument *xml_free(XmlDocument *document)
{
        XmlBlock *block, *next;

        if (!document)
                return NULL;
        for (block = document->blocks; block; block = next) {
                next = block->next;
                free(block);
        }
        free(document);
        return NULL;
}
