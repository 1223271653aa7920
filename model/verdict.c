/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The list of verdicts: appended in document order, changed only towards "refused". */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/str.h"
#include "model/verdict.h"

const char *verdict_to_string(Verdict verdict)
{
        static const char *const words[] = {
                [VERDICT_HONOURED] = "honoured",
                [VERDICT_IGNORED] = "ignored",
                [VERDICT_REFUSED] = "refused",
        };

        return words[verdict];
}

static void entry_deinit(VerdictEntry *entry)
{
        free((char *) entry->file);
        free((char *) entry->element);
        free((char *) entry->attribute);
        free((char *) entry->reason);
}

static void list_count(VerdictList *list, const VerdictEntry *entry)
{
        if (entry->verdict == VERDICT_REFUSED)
                list->n_refused++;
        if (entry->broken)
                list->n_broken++;
}

int verdict_list_add(VerdictList *list, const VerdictEntry *entry)
{
        VerdictEntry copy = {
                .line = entry->line, .verdict = entry->verdict, .broken = entry->broken};
        int r = -ENOMEM;

        if (list->n_entries >= VERDICT_ENTRIES_MAX)
                return -E2BIG;
        copy.file = strdup(entry->file);
        copy.element = strdup(entry->element);
        copy.reason = strdup(entry->reason);
        if (entry->attribute)
                copy.attribute = strdup(entry->attribute);
        if (copy.file && copy.element && copy.reason && (copy.attribute || !entry->attribute))
                r = ARRAY_APPEND(list->entries, list->n_entries, copy);
        if (r < 0) {
                entry_deinit(&copy);
                return r;
        }
        list_count(list, entry);
        return 0;
}

int verdict_list_change(VerdictList *list, size_t index, Verdict verdict, const char *reason)
{
        VerdictEntry *entry = &list->entries[index];
        char *copy;

        if (entry->verdict == VERDICT_REFUSED)
                return 0;
        copy = strdup(reason);
        if (!copy)
                return -ENOMEM;
        free((char *) entry->reason);
        entry->reason = copy;
        entry->verdict = verdict;
        if (verdict == VERDICT_REFUSED)
                list->n_refused++;
        return 0;
}

void verdict_list_deinit(VerdictList *list)
{
        if (!list)
                return;
        for (size_t i = 0; i < list->n_entries; i++)
                entry_deinit(&list->entries[i]);
        free(list->entries);
        *list = (VerdictList) {};
}
