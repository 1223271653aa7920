/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What of a configuration a process has taken in when it started. */

#include "agent/config-essence.h"

static bool task_equal(const AgentTask *a, const AgentTask *b)
{
        return a->type == b->type && a->elevated == b->elevated &&
               str_equal(a->command, b->command);
}

bool config_essence_equal(const AgentConfig *a, const AgentConfig *b)
{
        if (a->kind != b->kind || a->elevated != b->elevated || a->n_tasks != b->n_tasks ||
            a->n_resources != b->n_resources || a->has_payload != b->has_payload ||
            a->memory_bytes != b->memory_bytes || a->tasks_max != b->tasks_max ||
            (a->n_sites > 0) != (b->n_sites > 0) || !str_equal(a->entry_point, b->entry_point))
                return false;
        for (size_t i = 0; i < a->n_tasks; i++)
                if (!task_equal(&a->tasks[i], &b->tasks[i]))
                        return false;
        for (size_t i = 0; i < a->n_resources; i++)
                if (!str_equal(a->resources[i].name, b->resources[i].name))
                        return false;
        return true;
}
