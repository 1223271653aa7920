/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Verdicts: what Troupe makes of each element and attribute of a service's files. Every one that is
 * met gets exactly one entry, in document order; nothing is dropped silently.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERDICT_ENTRIES_MAX 131072U /* more than two documents of the largest size have */
#define VERDICT_REASON_MAX  1024U

typedef enum Verdict {
        VERDICT_HONOURED, /* does here what it says */
        VERDICT_IGNORED,  /* has no meaning here, and nothing is lost */
        VERDICT_REFUSED,  /* the service would not do what it says: not deployable */
} Verdict;

/**
 * struct VerdictEntry - The verdict on one element or one attribute
 * @file:      the file's name as it was given
 * @line:      line of the element's '<' or of the attribute's name, from 1; 0 if the file has none
 * to blame
 * @element:   the element's name without prefix ("InputEndpoint")
 * @attribute: the attribute's name as written, "#text" for stray text, NULL for the element itself
 * @verdict:   one of the three
 * @reason:    honoured: what it does; else why, and what to write instead
 * @broken:    the entry is refused because the file breaks the schema itself (type, limit,
 * uniqueness, required attribute) or is not well-formed; @reason names the rule
 */
typedef struct VerdictEntry {
        const char *file;
        unsigned line;
        const char *element;
        const char *attribute;
        Verdict verdict;
        const char *reason;
        bool broken;
} VerdictEntry;

typedef struct VerdictList {
        VerdictEntry *entries;
        size_t n_entries;
        size_t n_refused;
        size_t n_broken;
} VerdictList;

/**
 * verdict_to_string() - The word for a verdict
 * @verdict: one of the enumeration
 *
 * Return: "honoured", "ignored" or "refused"
 */
const char *verdict_to_string(Verdict verdict);

/**
 * verdict_list_add() - Append one entry
 * @list:  changed in place; a zeroed struct is an empty list
 * @entry: copied, strings included; @entry->element, @entry->file and @entry->reason are not NULL
 *
 * Return: 0; -E2BIG at VERDICT_ENTRIES_MAX entries; -ENOMEM. On error @list is unchanged.
 */
int verdict_list_add(VerdictList *list, const VerdictEntry *entry);

/**
 * verdict_list_change() - Give an entry that is already there another verdict
 * @list:    changed in place
 * @index:   of the entry
 * @verdict: the new verdict
 * @reason:  copied
 *
 * Cross checks find out late that something cannot be deployed; the entry stays where it is. A
 * refused entry keeps its first reason, so that the earliest rule that was broken is the one that
 * is shown.
 *
 * Return: 0; -ENOMEM, with @list unchanged
 */
int verdict_list_change(VerdictList *list, size_t index, Verdict verdict, const char *reason);

/**
 * verdict_list_deinit() - Free all entries; the list is empty and usable afterwards
 * @list: NULL is allowed
 */
void verdict_list_deinit(VerdictList *list);
