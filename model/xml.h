/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * XML from outside, safely: a small tree with the line of every element and attribute. Document
 * type declarations are refused, so there are no entities, no external files and nothing that
 * grows; everything has a named maximum.
 */

#include <stdbool.h>
#include <stddef.h>

#include "model/service-model.h"

#define XML_DEPTH_MAX            32U
#define XML_ELEMENTS_MAX         8192U
#define XML_ATTRIBUTES_TOTAL_MAX 32768U
#define XML_ATTRIBUTES_MAX       128U /* of one element */
#define XML_VALUE_BYTES_MAX      32768U
#define XML_NAME_BYTES_MAX       256U
#define XML_MESSAGE_MAX          512U

struct SchemaAttribute;
struct SchemaElement;

/**
 * struct XmlAttribute - An attribute; namespace declarations are not among them
 * @space:  its namespace, NULL if it has none
 * @name:   without prefix
 * @written: with prefix, as in the file
 * @schema: set by schema_apply(): what it is; NULL if the schema does not have it
 * @entry:  set by schema_apply(): index of its verdict
 */
typedef struct XmlAttribute {
        const char *space;
        const char *name;
        const char *written;
        const char *value;
        unsigned line;
        const struct SchemaAttribute *schema;
        size_t entry;
} XmlAttribute;

/**
 * struct XmlNode - An element
 * @line:      of its '<'
 * @text_line: line on which text other than white space was seen in it, 0 if there is none
 * @schema, @entry: as of an attribute
 */
typedef struct XmlNode {
        const char *space;
        const char *name;
        unsigned line;
        unsigned text_line;
        XmlAttribute *attributes;
        size_t n_attributes;
        struct XmlNode *parent;
        struct XmlNode *child;
        struct XmlNode *last_child;
        struct XmlNode *next;
        const struct SchemaElement *schema;
        size_t entry;
} XmlNode;

typedef struct XmlDocument {
        XmlNode *root;
        void *blocks; /* all memory of the tree */
} XmlDocument;

typedef struct XmlError {
        unsigned line;
        char message[XML_MESSAGE_MAX];
} XmlError;

/**
 * xml_parse() - Parse a document
 * @text:      UTF-8 with or without BOM, UTF-16 with BOM, or ISO-8859-1 or windows-1252 where
 * declared
 * @ret:       the tree, on 0 only; free it with xml_free()
 * @ret_error: on XML_BROKEN, the line and the rule
 *
 * Return: 0; XML_BROKEN if it is not well-formed, too big or has what is not allowed; -ENOMEM
 */
int xml_parse(const ModelText *text, XmlDocument **ret, XmlError *ret_error);
enum { XML_BROKEN = 1 };

/**
 * xml_free() - Free a document
 * @document: NULL is allowed
 *
 * Return: NULL
 */
XmlDocument *xml_free(XmlDocument *document);
