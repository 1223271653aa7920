/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A declared state of the host's network with the texts it borrows, and the difference between two.
 */

#include "lib/api/net1.h"
#include "lib/base/macros.h"

/* All zeroes is an empty plan. */
typedef struct NetPlan {
        Net1State state;
        char **texts;
        size_t n_texts;
} NetPlan;

enum {
        NET_PLAN_SAME = 1, /* there is no difference */
};

/** net_plan_deinit() - Free the state and its texts; the plan is empty afterwards */
void net_plan_deinit(NetPlan *plan);

/**
 * net_plan_text() - Format a text that lives as long as the plan
 *
 * Return: text; NULL when memory is short.
 */
const char *net_plan_text(NetPlan *plan, const char *format, ...) _printf_(2, 3);

/**
 * net_plan_diff() - What Update has to say to get from one state to another
 * @from:       state that netd has
 * @to:         state that it is to have
 * @ret_update: what is gone, new or different; borrows from both plans and its parts from @to: free
 * it with net_plan_diff_deinit()
 *
 * Return: 0; NET_PLAN_SAME; -ENOMEM.
 */
int net_plan_diff(NetPlan *from, NetPlan *to, NetPlan *ret_update);

/** net_plan_diff_deinit() - Free a difference, but not what it borrows */
void net_plan_diff_deinit(NetPlan *update);
