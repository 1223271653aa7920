/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Targets: guestbook/web/0 as people write it, guestbook/web_IN_0 as `status` shows it. */

#include "ctl/target.h"

#include <stdio.h>
#include <string.h>

#include "ctl/options.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define NUMBER_MAX 999999

/* Copies @length characters of a name that may stand between slashes. */
static int copy_name(const char *text, size_t length, char *ret)
{
        if (length == 0 || length >= TARGET_NAME_MAX)
                return -EINVAL;
        memcpy(ret, text, length);
        ret[length] = '\0';
        return str_is_name(ret, TARGET_NAME_MAX - 1) ? 0 : -EINVAL;
}

static int parse_role_and_number(const char *text, const char *slash, char *ret_instance)
{
        char role[TARGET_NAME_MAX];
        uint64_t number;
        int length;

        if (copy_name(text, (size_t) (slash - text), role) < 0 ||
            str_to_u64(slash + 1, NUMBER_MAX, &number) < 0)
                return -EINVAL;
        length = snprintf(ret_instance, TARGET_NAME_MAX, "%s_IN_%u", role, (unsigned) number);
        return length < TARGET_NAME_MAX ? 0 : -EINVAL;
}

int target_parse(const char *text, Target *ret_target)
{
        const char *slash = strchr(text, '/'), *second;
        Target target;
        int r;

        if (!slash || copy_name(text, (size_t) (slash - text), target.service) < 0)
                return -EINVAL;
        second = strchr(slash + 1, '/');
        r = second ? parse_role_and_number(slash + 1, second, target.instance)
                   : copy_name(slash + 1, strlen(slash + 1), target.instance);
        if (r < 0 || !strstr(target.instance, "_IN_"))
                return -EINVAL;
        *ret_target = target;
        return 0;
}

int target_read(const char *text, Target *ret_target)
{
        if (target_parse(text, ret_target) == 0)
                return CTL_DONE;
        log_error("'%s' is no instance: write SERVICE/ROLE/NUMBER, as in guestbook/web/0", text);
        return CTL_USAGE;
}
