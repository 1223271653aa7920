/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Programs of a role as units. Texts are the configuration's, environments are made. */

#include "agent/role-unit.h"

#include "agent/guest-setup.h"
#include "agent/nginx-conf.h"
#include "agent/role-facts.h"
#include "lib/base/str.h"

/* Adds a task's own variables to the role's. */
static int add_task_variables(const AgentTask *task, char ***list)
{
        char **longer;
        size_t n = 0;

        while ((*list)[n])
                n++;
        longer = realloc(*list, (n + task->n_environment + 1) * sizeof(*longer));
        if (!longer)
                return -ENOMEM;
        *list = longer;
        for (size_t i = 0; i < task->n_environment; i++) {
                longer[n] =
                        str_printf("%s=%s", task->environment[i].name, task->environment[i].value);
                if (!longer[n])
                        return -ENOMEM;
                longer[++n] = NULL;
        }
        return 0;
}

static int fill_environment(const AgentConfig *config, const AgentTask *task, UnitSpec *spec)
{
        uint16_t port =
                config->kind == AGENT_ROLE_WEB && config->entry_point ? nginx_role_port(config) : 0;
        int r = role_facts_variables(config, port, &spec->environment);

        return r == 0 && task ? add_task_variables(task, &spec->environment) : r;
}

static void fill_shell(const char *command, bool elevated, UnitSpec *spec)
{
        spec->arguments[0] = "/bin/sh";
        spec->arguments[1] = "-c";
        spec->arguments[2] = command;
        spec->user = elevated ? NULL : GUEST_SETUP_USER;
        spec->directory = AGENT_PAYLOAD_ROOT;
}

/* A program of the guest OS itself. */
static void fill_own(const char *const arguments[], size_t n, const char *last, UnitSpec *spec)
{
        assert(n + 1 < UNITS_ARGUMENTS);
        for (size_t i = 0; i < n; i++)
                spec->arguments[i] = arguments[i];
        spec->arguments[n] = last;
}

int role_unit_fill(const char *source, const AgentConfig *config, const char *device,
                   UnitSpec *spec)
{
        static const char *const nginx[] = {"/usr/sbin/nginx", "-e", "stderr", "-c"};
        static const char *const mkfs[] = {"/usr/sbin/mke2fs",
                                           "-q",
                                           "-F",
                                           "-t",
                                           "ext4",
                                           "-m",
                                           "0",
                                           "-E",
                                           "lazy_itable_init=1,lazy_journal_init=1"};
        const char *number = str_after(source, "task-");
        const AgentTask *task = NULL;

        spec->memory_max = config->memory_bytes;
        spec->tasks_max = config->tasks_max;
        if (str_equal(source, "mkfs")) {
                fill_own(mkfs, ARRAY_SIZE(mkfs), device, spec);
                return 0;
        }
        if (str_equal(source, "nginx")) {
                fill_own(nginx, ARRAY_SIZE(nginx), "/run/troupe/nginx/nginx.conf", spec);
                spec->pid_file = "/run/troupe/nginx/nginx.pid";
                return 0;
        }
        if (number) {
                uint64_t i;

                if (str_to_u64(number, UINT64_MAX, &i) < 0 || i >= config->n_tasks)
                        return -EINVAL;
                task = &config->tasks[i];
        }
        fill_shell(task ? task->command : config->entry_point,
                   task ? task->elevated : config->elevated, spec);
        return fill_environment(config, task, spec);
}

void role_unit_clear(UnitSpec *spec)
{
        role_facts_variables_free(spec->environment);
        spec->environment = NULL;
}
