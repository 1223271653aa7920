/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The schema: one table of every element and attribute of both files, with its type, its limits and
 * the verdict on it. The check of a file, the typed model (which may only ask for what the table
 * has), the verdict list and docs/verdicts.md all come from it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"
#include "model/verdict.h"
#include "model/xml.h"

#define SCHEMA_SPACE_DEFINITION                                                                    \
        "http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceDefinition"
#define SCHEMA_SPACE_CONFIGURATION                                                                 \
        "http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration"
#define SCHEMA_SPACE_TROUPE   "urn:troupe:1"
#define SCHEMA_SPACE_INSTANCE "http://www.w3.org/2001/XMLSchema-instance"

typedef enum SchemaType {
        SCHEMA_TEXT,         /* @min to @max bytes */
        SCHEMA_NAME,         /* letters, digits, '-', '_', '.'; at most MODEL_NAME_MAX */
        SCHEMA_NUMBER,       /* @min to @max */
        SCHEMA_PORT_OR_STAR, /* 1 to 65535, or "*": the platform chooses */
        SCHEMA_BOOLEAN,      /* true, false, 1, 0, in any letter case */
        SCHEMA_WORD,         /* one of @words, in any letter case */
        SCHEMA_COMMAND,      /* a command line that Linux can run */
        SCHEMA_PATH,         /* a directory relative to the definition, '/' or '\' */
        SCHEMA_DESTINATION,  /* a directory in the payload, '/' or '\', that does not leave it */
        SCHEMA_URL_PATH,     /* of a probe: printable, no blanks */
        SCHEMA_HOST,         /* a Host header: letters, digits, '-', '.', '*' in front */
        SCHEMA_VARIABLE,     /* the name of an environment variable */
        SCHEMA_XPATH,        /* as model_xpath_value() knows it */
        SCHEMA_SUBNET,       /* IPv4 address, or address/prefix */
        SCHEMA_ADDRESS,      /* IPv4 address */
        SCHEMA_THUMBPRINT,   /* 40 or 64 hexadecimal digits */
        SCHEMA_VERSION,      /* of a guest OS: "*" or a name */
} SchemaType;

/* A value of a SCHEMA_WORD attribute with a verdict of its own; without a reason the attribute's
 * holds. */
typedef struct SchemaWord {
        const char *value;
        Verdict verdict;
        const char *reason;
} SchemaWord;

/**
 * struct SchemaAttribute - An attribute
 * @name:      canonical spelling; any letter case is accepted, which covers Azure's own two
 * spellings
 * @troupe:    in the namespace urn:troupe:1
 * @required:  the element must have it
 * @otherwise: what holds when it is not there, for people; NULL if nothing does
 * @words:     ends with an entry without value
 * @open:      a word that is not in @words is refused instead of breaking the schema
 * @replaced_by: the verdict is "ignored" where the element has this attribute of urn:troupe:1
 * @reason:    what it does, or why not and what to write instead
 */
typedef struct SchemaAttribute {
        const char *name;
        bool troupe;
        SchemaType type;
        int64_t min, max;
        const SchemaWord *words;
        bool open;
        bool required;
        const char *otherwise;
        const char *replaced_by;
        Verdict verdict;
        const char *reason;
} SchemaAttribute;

/**
 * struct SchemaElement - An element
 * @max:         how many of it an element may hold, 0 for any number
 * @min:         how many it must hold
 * @recursive:   may hold itself
 * @decided_by:  its verdict is that of this attribute
 * @replaced_by: the verdict is "ignored" where the parent holds this element of urn:troupe:1
 * @attributes:  ends with an entry without name
 * @children:    ends with NULL
 */
typedef struct SchemaElement {
        const char *name;
        bool troupe;
        unsigned min, max;
        bool recursive;
        const char *decided_by;
        const char *replaced_by;
        Verdict verdict;
        const char *reason;
        const SchemaAttribute *attributes;
        const struct SchemaElement *const *children;
} SchemaElement;

extern const SchemaElement schema_definition;
extern const SchemaElement schema_configuration;

/**
 * schema_apply() - Give every element and attribute of a document its verdict
 * @root:     changed in place: nodes and attributes learn their @schema and @entry
 * @schema:   schema_definition or schema_configuration
 * @space:    its namespace
 * @file:     the file's name
 * @verdicts: appended to
 *
 * Return: 0; -E2BIG if there are too many entries; -ENOMEM
 */
int schema_apply(XmlNode *root, const SchemaElement *schema, const char *space, const char *file,
                 VerdictList *verdicts);

/**
 * schema_describe() - Write the table as docs/verdicts.md has it
 * @buffer: appended to
 */
void schema_describe(StrBuffer *buffer);

/**
 * xml_get() - The value of an attribute in Azure's namespace, or in Troupe's where that takes its
 * place
 * @node: an element that schema_apply() has seen
 * @name: canonical name; the table must have it
 *
 * Return: borrowed; NULL if it is not there
 */
const char *xml_get(const XmlNode *node, const char *name);

/**
 * xml_get_attribute() - As xml_get(), the attribute itself
 * @node: an element that schema_apply() has seen
 * @name: canonical name; the table must have it
 *
 * Return: borrowed; NULL if it is not there
 */
const XmlAttribute *xml_get_attribute(const XmlNode *node, const char *name);

/**
 * xml_get_number() - A number that schema_apply() has found good
 * @node:      element
 * @name:      canonical name; the table must have it
 * @otherwise: what to return where it is not there
 *
 * Return: the number
 */
uint64_t xml_get_number(const XmlNode *node, const char *name, uint64_t otherwise);

/**
 * xml_get_bool() - A boolean that schema_apply() has found good
 * @node:      element
 * @name:      canonical name; the table must have it
 * @otherwise: what to return where it is not there
 *
 * Return: the boolean
 */
bool xml_get_bool(const XmlNode *node, const char *name, bool otherwise);

/**
 * xml_get_word() - The index of a word in an attribute's list
 * @node:      element
 * @name:      canonical name; the table must have it, as a SCHEMA_WORD
 * @otherwise: what to return where it is not there
 *
 * Return: the index; @otherwise too for a word that the list does not have
 */
unsigned xml_get_word(const XmlNode *node, const char *name, unsigned otherwise);

/**
 * xml_child() - The first child element of a name, in either namespace
 * @node: NULL is allowed
 * @name: element name
 *
 * Return: borrowed; NULL if there is none
 */
const XmlNode *xml_child(const XmlNode *node, const char *name);

/**
 * xml_next() - The next sibling with the same name
 * @node: an element
 *
 * Return: borrowed; NULL if there is none
 */
const XmlNode *xml_next(const XmlNode *node);
