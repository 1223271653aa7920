/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Applies the table to a document: every element and attribute gets its verdict here, whatever else
 * is wrong with the file. What spans elements is checked later, by check.c.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "model/schema.h"
#include "model/value.h"

typedef struct Apply {
        const char *space;
        const char *file;
        VerdictList *verdicts;
} Apply;

/* ---- looking the table up */

static bool space_matches(const Apply *apply, bool troupe, const char *space)
{
        return str_equal(space, troupe ? SCHEMA_SPACE_TROUPE : apply->space);
}

static const SchemaElement *element_find(const Apply *apply, const SchemaElement *parent,
                                         const XmlNode *node)
{
        if (parent->recursive && str_equal(node->name, parent->name) &&
            space_matches(apply, parent->troupe, node->space))
                return parent;
        for (size_t i = 0; parent->children && parent->children[i]; i++)
                if (str_equal(node->name, parent->children[i]->name) &&
                    space_matches(apply, parent->children[i]->troupe, node->space))
                        return parent->children[i];
        return NULL;
}

/* An attribute without prefix belongs to its element's own namespace. */
static const SchemaAttribute *attribute_find(const SchemaElement *element,
                                             const XmlAttribute *attribute)
{
        bool troupe = str_equal(attribute->space, SCHEMA_SPACE_TROUPE);

        if (attribute->space && !troupe)
                return NULL;
        for (const SchemaAttribute *row = element->attributes; row->name; row++)
                if (strcasecmp(row->name, attribute->name) == 0 && row->troupe == troupe)
                        return row;
        return NULL;
}

/* ---- verdicts */

static int entry_add(Apply *apply, const XmlNode *node, const char *attribute, unsigned line,
                     const Finding *finding)
{
        return verdict_list_add(apply->verdicts, &(VerdictEntry) {
                                                         .file = apply->file,
                                                         .line = line,
                                                         .element = node->name,
                                                         .attribute = attribute,
                                                         .verdict = finding->verdict,
                                                         .reason = finding->reason,
                                                         .broken = finding->broken,
                                                 });
}

static void _printf_(3, 4) find(Finding *finding, Verdict verdict, const char *format, ...)
{
        va_list args;

        finding->verdict = verdict;
        va_start(args, format);
        vsnprintf(finding->reason, sizeof(finding->reason), format, args);
        va_end(args);
}

static bool attribute_replaced(const XmlNode *node, const SchemaAttribute *row)
{
        if (!row->replaced_by)
                return false;
        for (size_t i = 0; i < node->n_attributes; i++)
                if (str_equal(node->attributes[i].space, SCHEMA_SPACE_TROUPE) &&
                    str_equal(node->attributes[i].name, row->replaced_by))
                        return true;
        return false;
}

/* Counts no further than the schema's maximum, so that many siblings cost no more than a few. */
static bool too_many(const XmlNode *node)
{
        unsigned n = 0;

        for (const XmlNode *sibling = node->parent->child; sibling != node; sibling = sibling->next)
                if (sibling->schema == node->schema && ++n >= node->schema->max)
                        return true;
        return false;
}

/* Of too many, only the first is looked at: the others are refused anyway, and looking costs time.
 */
static bool element_replaced(const XmlNode *node)
{
        if (!node->schema->replaced_by || !node->parent || too_many(node))
                return false;
        for (const XmlNode *sibling = node->parent->child; sibling; sibling = sibling->next)
                if (sibling != node && str_equal(sibling->space, SCHEMA_SPACE_TROUPE) &&
                    str_equal(sibling->name, node->schema->replaced_by))
                        return true;
        return false;
}

static void attribute_judge(const XmlNode *node, XmlAttribute *attribute, bool replaced,
                            Finding *finding)
{
        const SchemaAttribute *row;

        if (str_equal(attribute->space, SCHEMA_SPACE_INSTANCE))
                return find(finding, VERDICT_IGNORED, "only tells editors which schema to use");
        if (attribute->space && !str_equal(attribute->space, SCHEMA_SPACE_TROUPE))
                return find(finding, VERDICT_REFUSED,
                            "belongs to the namespace %.200s, which is not known here: remove it",
                            attribute->space);
        row = attribute->schema = attribute_find(node->schema, attribute);
        if (!row)
                return find(finding, VERDICT_REFUSED, "%s has no such attribute: remove it",
                            node->name);
        for (const XmlAttribute *earlier = node->attributes; earlier < attribute; earlier++) {
                if (earlier->schema == row) {
                        finding->broken = true;
                        return find(finding, VERDICT_REFUSED,
                                    "the same attribute is there as %s already", earlier->written);
                }
        }
        if (attribute_replaced(node, row) || replaced)
                return find(finding, VERDICT_IGNORED, "troupe:%s takes its place",
                            row->replaced_by ?: node->schema->replaced_by);
        value_check(row, attribute->value, finding);
}

/* What is inside something that the schema does not have gets the same verdict. */
static int subtree_refuse(Apply *apply, XmlNode *node, const char *reason)
{
        Finding finding = {.verdict = VERDICT_REFUSED};
        int r;

        find(&finding, VERDICT_REFUSED, "%s", reason);
        node->entry = apply->verdicts->n_entries;
        r = entry_add(apply, node, NULL, node->line, &finding);
        for (size_t i = 0; r == 0 && i < node->n_attributes; i++) {
                node->attributes[i].entry = apply->verdicts->n_entries;
                r = entry_add(apply, node, node->attributes[i].written, node->attributes[i].line,
                              &finding);
        }
        for (XmlNode *child = node->child; r == 0 && child; child = child->next)
                r = subtree_refuse(apply, child, reason);
        return r;
}

static bool has_child(const XmlNode *node, const SchemaElement *schema)
{
        for (const XmlNode *child = node->child; child; child = child->next)
                if (str_equal(child->name, schema->name))
                        return true;
        return false;
}

static bool has_attribute(const XmlNode *node, const SchemaAttribute *row)
{
        for (size_t i = 0; i < node->n_attributes; i++)
                if (attribute_find(node->schema, &node->attributes[i]) == row)
                        return true;
        return false;
}

/* Rules of the element as a whole; each overrules what is in @finding. */
static void element_judge(const XmlNode *node, bool replaced, Finding *finding)
{
        const SchemaElement *schema = node->schema;

        finding->verdict = schema->verdict;
        find(finding, schema->verdict, "%s", schema->reason);
        for (size_t i = 0; schema->decided_by && i < node->n_attributes; i++) {
                const SchemaAttribute *row = attribute_find(schema, &node->attributes[i]);

                if (row && !row->troupe && str_equal(row->name, schema->decided_by)) {
                        Finding deciding = {};

                        value_check(row, node->attributes[i].value, &deciding);
                        if (!attribute_replaced(node, row) && deciding.verdict != VERDICT_HONOURED)
                                find(finding, deciding.verdict, "%s", deciding.reason);
                }
        }
        if (replaced)
                find(finding, VERDICT_IGNORED, "troupe:%s takes its place", schema->replaced_by);
        for (const SchemaAttribute *row = schema->attributes; row->name; row++) {
                if (row->required && !has_attribute(node, row) && !attribute_replaced(node, row)) {
                        finding->broken = true;
                        return find(finding, VERDICT_REFUSED, "must have the attribute %s",
                                    row->name);
                }
        }
        for (size_t i = 0; schema->children && schema->children[i]; i++) {
                if (schema->children[i]->min > 0 && !has_child(node, schema->children[i])) {
                        finding->broken = true;
                        return find(finding, VERDICT_REFUSED, "must have the element %s",
                                    schema->children[i]->name);
                }
        }
        if (schema->max > 0 && node->parent && too_many(node)) {
                finding->broken = true;
                return find(finding, VERDICT_REFUSED, "%s may be here only once", node->name);
        }
}

static int node_apply(Apply *apply, XmlNode *node)
{
        bool replaced = element_replaced(node);
        Finding finding = {};
        int r;

        element_judge(node, replaced, &finding);
        node->entry = apply->verdicts->n_entries;
        r = entry_add(apply, node, NULL, node->line, &finding);
        for (size_t i = 0; r == 0 && i < node->n_attributes; i++) {
                XmlAttribute *attribute = &node->attributes[i];

                finding = (Finding) {};
                attribute_judge(node, attribute, replaced, &finding);
                attribute->entry = apply->verdicts->n_entries;
                r = entry_add(apply, node, attribute->written, attribute->line, &finding);
        }
        if (r == 0 && node->text_line > 0) {
                finding = (Finding) {.broken = true};
                find(&finding, VERDICT_REFUSED, "%s holds no text: remove it", node->name);
                r = entry_add(apply, node, "#text", node->text_line, &finding);
        }
        for (XmlNode *child = node->child; r == 0 && child; child = child->next) {
                child->schema = element_find(apply, node->schema, child);
                if (child->schema) {
                        r = node_apply(apply, child);
                } else {
                        char reason[VERDICT_REASON_MAX];

                        snprintf(reason, sizeof(reason),
                                 "the schema has no %.200s in %.200s%s: remove it", child->name,
                                 node->name,
                                 str_equal(child->space, node->space) ? "" : " of that namespace");
                        r = subtree_refuse(apply, child, reason);
                }
        }
        return r;
}

int schema_apply(XmlNode *root, const SchemaElement *schema, const char *space, const char *file,
                 VerdictList *verdicts)
{
        Apply apply = {.space = space, .file = file, .verdicts = verdicts};
        Finding finding = {.broken = true};

        if (str_equal(root->name, schema->name) && str_equal(root->space, space)) {
                root->schema = schema;
                return node_apply(&apply, root);
        }
        find(&finding, VERDICT_REFUSED, "the root element must be %s of the namespace %s",
             schema->name, space);
        root->entry = verdicts->n_entries;
        return entry_add(&apply, root, NULL, root->line, &finding);
}

/* ---- asking for values */

static const SchemaAttribute *row_of(const XmlNode *node, const char *name)
{
        for (const SchemaAttribute *row = node->schema->attributes; row->name; row++)
                if (str_equal(row->name, name))
                        return row;
        return NULL;
}

const XmlAttribute *xml_get_attribute(const XmlNode *node, const char *name)
{
        const XmlAttribute *found = NULL;

        assert(row_of(node, name)); /* else the table would not be the whole truth */
        for (size_t i = 0; i < node->n_attributes; i++) {
                const XmlAttribute *attribute = &node->attributes[i];

                if (!attribute->schema || !str_equal(attribute->schema->name, name))
                        continue;
                if (attribute->schema->troupe)
                        return attribute;
                if (!found)
                        found = attribute;
        }
        return found;
}

const char *xml_get(const XmlNode *node, const char *name)
{
        const XmlAttribute *attribute = xml_get_attribute(node, name);

        return attribute ? attribute->value : NULL;
}

uint64_t xml_get_number(const XmlNode *node, const char *name, uint64_t otherwise)
{
        const char *value = xml_get(node, name);
        int64_t number;

        if (!value || value_number(value, 0, INT64_MAX, &number) < 0)
                return otherwise;
        return (uint64_t) number;
}

bool xml_get_bool(const XmlNode *node, const char *name, bool otherwise)
{
        const char *value = xml_get(node, name);
        bool boolean;

        if (!value || str_to_bool(value, &boolean) < 0)
                return otherwise;
        return boolean;
}

unsigned xml_get_word(const XmlNode *node, const char *name, unsigned otherwise)
{
        const XmlAttribute *attribute = xml_get_attribute(node, name);
        int index;

        if (!attribute)
                return otherwise;
        index = value_word(attribute->schema->words, attribute->value);
        return index < 0 ? otherwise : (unsigned) index;
}

const XmlNode *xml_child(const XmlNode *node, const char *name)
{
        for (const XmlNode *child = node ? node->child : NULL; child; child = child->next)
                if (child->schema && str_equal(child->name, name))
                        return child;
        return NULL;
}

const XmlNode *xml_next(const XmlNode *node)
{
        for (const XmlNode *next = node->next; next; next = next->next)
                if (next->schema && str_equal(next->name, node->name))
                        return next;
        return NULL;
}
